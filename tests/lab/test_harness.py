# SPDX-License-Identifier: Apache-2.0
"""The lab itself: what the scenarios rely on."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import space
from harness.command import LabError, run, wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]


def apt(host: Host, *arguments: str, check: bool = True) -> str:
    """Plain apt, as a unit of the host."""
    done = host.unit("apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0", "--allow-downgrades", *arguments, check=check)
    return done.out + done.err


def can_reach(host: Host, peer: str) -> bool:
    """Does the peer's SSH port accept a connection from this host?"""
    return host.run("timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{peer}/22", check=False).ok


def test_hosts_boot_and_let_people_in(bare_fleet: MakeFleet) -> None:
    fleet = bare_fleet(hosts=3)
    everyone = fleet.everyone()
    assert [host.name for host in everyone] == ["ctl", "h1", "h2", "h3"]
    assert len({host.boot_id() for host in everyone}) == len(everyone)
    assert len({host.machine_id for host in everyone}) == len(everyone)
    for host in everyone:
        assert host.read("/etc/machine-id") == f"{host.machine_id}\n"
        assert host.run("systemctl", "is-system-running").out == "running\n"
        assert host.run("hostname").out == f"{host.name}\n"
    h1 = fleet["h1"]
    came_from = "echo ${SSH_CONNECTION%% *}"
    assert h1.ssh("sh", "-c", came_from, check=True).out.strip() == fleet.outside
    assert h1.ssh("sh", "-c", came_from, user="medic", bind=fleet.bastion, check=True).out.strip() == fleet.bastion
    assert h1.ssh("id", "-nG", user="medic", check=True).out.split() == ["medic", "breakglass"]
    assert not h1.can_log_in(user="nobody")
    assert can_reach(fleet["h2"], "h3")


def test_power_and_cable(bare_fleet: MakeFleet) -> None:
    fleet = bare_fleet(hosts=2)
    h1, h2 = fleet
    first = h1.boot_id()
    h1.run("sh", "-c", "echo kept >/root/kept; sync")
    h1.reboot()
    second = h1.boot_id()
    h1.power_cut()
    third = h1.boot_id()
    assert len({first, second, third}) == 3
    assert h1.read("/root/kept") == "kept\n"
    assert h1.can_log_in()
    assert h1.unit_state("demo.service") == "active"

    h2.stop()
    assert not h2.is_running()
    assert h2.exits == [0]
    assert h2.version("demo") == "1.0", "the package database of a host that is off can be read"
    with pytest.raises(LabError, match="h2 is off"):
        h2.boot_id()
    h2.start()

    h1.link_down()
    assert not h1.can_log_in(timeout=1)
    h1.link_up()
    wait_for("h1 answers again", h1.can_log_in)
    h1.cut_off_from(h2.address)
    assert not can_reach(h1, "h2")
    assert h1.can_log_in()
    h1.join_again(h2.address)
    assert can_reach(h1, "h2")


def test_repository_and_versions(bare_fleet: MakeFleet) -> None:
    fleet = bare_fleet(hosts=3)
    h1, h2, h3 = fleet
    before = h1.state()
    assert h1.http() == (200, "1.0")
    apt(h1, "update")
    assert "demo is already the newest version" in apt(h1, "install", "demo")
    fleet.repository.publish("1.0", "2.0")
    apt(h1, "update")
    apt(h1, "install", "demo")
    assert h1.version("demo") == "2.0"
    assert wait_for("the new service answers", h1.http) == (200, "2.0")
    assert h1.state() != before
    apt(h1, "install", "demo=1.0")
    assert wait_for("the old service answers", h1.http) == (200, "1.0")
    assert h1.state() == before

    fleet.repository.publish("1.0", "demo=2.2", "demo=2.5", "demo=2.7")
    for host in (h2, h3):
        apt(host, "update")
    assert "demo: migration failed" in apt(h2, "install", "demo=2.2", check=False)
    assert h2.dpkg("demo") == "iF 2.2"
    assert h2.version("demo") is None
    assert "held broken packages" in apt(h2, "install", "demo=2.5", check=False)
    h3.run("systemd-run", "--unit=upgrade", "apt-get", "-q", "-y", "install", "demo=2.7")
    wait_for("the postinst waits", lambda: h3.exists(DEMO_WAITS))
    assert h3.unit_state("upgrade.service") == "active"
    h3.write(DEMO_GO, "")
    wait_for("the upgrade ends", lambda: h3.version("demo") == "2.7")

    fleet.repository.is_down = True
    assert "503" in apt(h1, "update", check=False)
    fleet.repository.is_down = False
    fleet.repository.add("Packages.gz", b"tampered")
    assert apt(h1, "update", "-o", "APT::Update::Error-Mode=any", check=False)
    assert (fleet.outside, "InRelease") not in fleet.repository.requests
    assert (h1.address, "InRelease") in fleet.repository.requests


def test_looking_at_units(bare_fleet: MakeFleet) -> None:
    (h1,) = bare_fleet(hosts=1)
    assert Path(f"/proc/{h1.leader()}/comm").read_text() == "systemd\n"
    pids = h1.pids("demo.service")
    assert len(pids) == 1
    assert 100_000 < h1.pss("demo.service") < 50_000_000
    h1.kill9("demo.service")
    wait_for("demo has failed", lambda: h1.unit_state("demo") == "failed")
    assert "status=9/KILL" in h1.journal("demo.service")
    assert h1.unit_property("demo", "Result") == "signal"
    assert h1.unit("sh", "-c", "exit 7", check=False).rc == 7


def test_a_host_outlives_a_long_start_job(bare_fleet: MakeFleet) -> None:
    """While a start job takes long, a host's systemd tells whoever booted it so, and waits for ever to be heard."""
    (h1,) = bare_fleet(hosts=1)
    queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    h1.write("/etc/systemd/system/long.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\n")
    h1.run("systemctl", "start", "--no-block", "long.service")
    before = h1.notices
    # One queue is systemd-nspawn's, one the lab's.
    wait_for("more notices than fit into the queues", lambda: h1.notices - before > 2 * queue, timeout=60)
    assert h1.run("systemctl", "is-active", "long.service", check=False, timeout=10).out == "activating\n"
    (first,) = [words for words in map(str.split, h1.processes().splitlines()) if words[0] == "1"]
    assert first[5] == "/usr/lib/systemd/systemd", "what is kept of a host that hangs"


def test_hosts_boot_beside_many_others(bare_fleet: MakeFleet) -> None:
    """The kernel counts the inotify instances of all hosts as root's: here are as many as 40 hosts have."""
    libc = ctypes.CDLL(None, use_errno=True)
    taken = [descriptor for descriptor in (libc.inotify_init1(os.O_CLOEXEC) for _ in range(40 * 7)) if descriptor >= 0]
    try:
        (h1,) = bare_fleet(hosts=1)
        assert "Too many open files" not in h1.journal()
    finally:
        for descriptor in taken:
            os.close(descriptor)
    assert len(taken) == 40 * 7


def test_fleets_do_not_meet(bare_fleet: MakeFleet) -> None:
    one, two = bare_fleet(hosts=1), bare_fleet(hosts=1)
    assert not can_reach(one["h1"], two["h1"].address)
    one.repository.publish("2.0")
    for fleet, newest in ((one, "2.0"), (two, "1.0")):
        host = fleet["h1"]
        apt(host, "update")
        assert f"Candidate: {newest}" in host.run("apt-cache", "policy", "demo").out


def test_failure_names_what_was_waited_for() -> None:
    with pytest.raises(LabError, match=r"waited 0.1 s for: the moon to turn blue; the last answer was \[\]"):
        wait_for("the moon to turn blue", lambda: [], timeout=0.1)


def test_a_command_that_hangs_is_ended(bare_fleet: MakeFleet) -> None:
    (h1,) = bare_fleet(hosts=1)
    with pytest.raises(LabError, match="no end within 0.5 s: h1. sleep 1234"):
        h1.run("sleep", "1234", timeout=0.5)
    wait_for("the command is gone", lambda: h1.run("pgrep", "-f", "sleep 1234", check=False).rc == 1)


@pytest.mark.parametrize(("required", "rc"), [("", 77), ("1", 1)])
def test_a_lab_that_cannot_run_says_why(required: str, rc: int) -> None:
    """Without a capability that it needs, the runner skips, unless a skip is not allowed."""
    command = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", str(Path(__file__).parent / "run")]
    done = run(command, check=False, env={**os.environ, "LAB_REQUIRED": required})
    assert done.rc == rc
    assert "namespaces can't be made" in done.out


def test_kill_9_of_the_runner_leaves_nothing(tmp_path: Path) -> None:
    """A lab within the lab: its runner is killed while two hosts and a controller run."""
    here = Path(__file__).parent
    printed = tmp_path / "printed"
    with printed.open("w") as output:
        command = [sys.executable, str(here / "run"), "-n0", "--capture=no", str(here / "nested_fleet.py")]
        runner = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        said = lambda: "IDENTITY" in printed.read_text()  # noqa: E731
        wait_for("the nested fleet is up", lambda: said() or runner.poll() is not None, timeout=60)
        assert runner.poll() is None, printed.read_text()
        lab = json.loads(printed.read_text().partition("IDENTITY")[2].splitlines()[0])
        cgroups = [root / lab["cgroup"] for root in space.cgroup_roots()]
        assert len(space.processes_of(lab)) > 30, "this test sees the nested lab's processes"
    finally:
        runner.kill()
        runner.wait()
    wait_for("all processes of the nested lab are gone", lambda: not space.processes_of(lab))
    space.sweep_cgroups()
    assert not any(cgroup.exists() for cgroup in cgroups)
