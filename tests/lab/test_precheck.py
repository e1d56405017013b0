# SPDX-License-Identifier: Apache-2.0
"""What stands in the way of a change is told before anything is touched, all of it at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from belaycli import AGENT_UNITS, Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]
HOOKS = "/etc/belay/hooks.d"
STATE = "/var/lib/belay"


def mount_read_only(host: Host, path: str) -> None:
    """As for a part of the tree that its administrator has closed; the rest of the disk still takes writes."""
    host.run("mount", "--bind", path, path)
    host.run("mount", "-o", "remount,bind,ro", path)


def give_few_files(host: Host, path: str, files: int) -> None:
    host.run("systemctl", "stop", *AGENT_UNITS)
    host.run("cp", "-a", path, "/run/copy")
    host.run("mount", "-t", "tmpfs", "-o", f"size=400m,nr_inodes={files},mode=755", "few", path)
    host.run("cp", "-a", "/run/copy/.", path)
    host.run("systemctl", "start", *AGENT_UNITS)


def fail_a_unit(host: Host, name: str) -> None:
    host.write(f"/etc/systemd/system/{name}", "[Service]\nType=oneshot\nExecStart=/bin/false\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", name, check=False)
    assert host.unit_state(name) == "failed"


def put_hook(host: Host, name: str, script: str, mode: int = 0o755) -> None:
    host.write(f"{HOOKS}/{name}", f"#!/bin/sh\n{script}\n", mode)
    host.run("chmod", f"{mode:o}", f"{HOOKS}/{name}")


def findings(report: dict[str, Any], grade: str) -> dict[str, str]:
    """Code and text of what the pre-checks of the only host found."""
    (host,) = report["hosts"]
    found = [each for each in host["findings"] if each["step"] == "precheck" and each["grade"] == grade]
    return {f"{each['code']} {index}": each["reason"] for index, each in enumerate(found)}


def text_of(found: dict[str, str], code: str) -> str:
    return " | ".join(text for name, text in found.items() if name.split()[0] == code)


def test_everything_that_stands_in_the_way_is_told_at_once(fleet: MakeFleet) -> None:
    """R15, F6, F8, F42, F43: no room, no files left, read-only, units, containers, hooks, a pending relabel."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    give_few_files(h1, STATE, 200)
    lab.belay.wait_connected(lab.hosts)
    h1.run("mount", "-t", "tmpfs", "-o", "size=1m", "boot", "/boot")
    h1.shell("cat /dev/zero >/boot/full", check=False)
    mount_read_only(h1, "/usr")
    fail_a_unit(h1, "lab-broken.service")
    h1.write("/.autorelabel", "")
    put_hook(h1, "stops", "echo checking; echo 'no release on Fridays'; exit 1")
    put_hook(h1, "open", "exit 0", 0o777)
    put_hook(h1, "strange", "exit 7")
    put_hook(h1, "waits", "echo 'the ledger is being closed'; exit 21")
    lab.repository.publish("1.0", "demo=2.0")
    before = h1.packages()

    precheck = {
        "units": ["lab-broken.service"],
        "containers": ["db"],
        "hooks": ["stops", "open", "strange", "waits", "nowhere"],
    }
    rollout = lab.belay.start(plan(precheck=precheck, waves=["100%"]))
    assert lab.belay.wait(rollout) == Exit.HOSTS_FAILED
    report = lab.belay.report(rollout)
    assert report["hosts"][0]["end_state"] == "blocked", report

    found = findings(report, "functional")
    assert "/boot does not even take one block" in text_of(found, "no_room"), found
    assert STATE in text_of(found, "no_room_for_files"), found
    assert "/usr is read-only" in text_of(found, "read_only"), found
    assert "lab-broken.service is failed already" in text_of(found, "unit_not_healthy"), found
    assert "container db is not there" in text_of(found, "container_not_healthy"), found
    assert "relabel" in text_of(found, "selinux_relabel"), found
    assert "hook stops: no release on Fridays" in text_of(found, "hook_stop"), found
    broken = text_of(found, "hook_broken")
    assert "hook open: not run: others than root can write to open" in broken, found
    assert "hook strange: exit status 7" in broken and "hook nowhere: not run" in broken, found
    assert "the ledger is being closed" in text_of(found, "hook_later"), found
    assert all(" -> " in text for text in found.values()), found
    assert "lab-broken.service had failed before" in text_of(findings(report, "minor"), "unit_failed_before")

    why = lab.belay("why", "h1").out
    assert all(text in why for text in found.values()), why
    assert lab.belay.json("why", "h1")["findings"] == report["hosts"][0]["findings"]
    text = lab.belay("report", rollout).out
    assert all(name.split()[0] in text for name in found), text
    assert h1.packages() == before and h1.can_log_in() and h1.unit_state("cron.service") == "active"


def test_warnings_do_not_block_and_a_hook_may_ask_to_wait(fleet: MakeFleet) -> None:
    """F42, R15: a unit that failed long ago and a foreign module are told; the hook is asked again until it says go."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    fail_a_unit(h1, "lab-broken.service")
    h1.run("mount", "-t", "tmpfs", "modules", "/sys/module")
    h1.run("mkdir", "/sys/module/vendor")
    h1.write("/run/vendor-taint", "OE\n")
    h1.run("cp", "/run/vendor-taint", "/sys/module/vendor/taint")
    h1.write("/usr/bin/podman", "#!/bin/sh\nprintf 'db\\trunning\\tUp 2 hours (healthy)\\n'\n", 0o755)
    put_hook(h1, "waits", "env >>/run/hook-asked; echo 'not yet'; [ -e /run/hook-go ] || exit 21")

    lab.repository.publish("1.0", "demo=2.0")
    code, report = lab.belay.roll_out(plan(precheck={"modules": "block"}, waves=["100%"]))
    assert code == Exit.HOSTS_FAILED and "vendor (OE)" in text_of(findings(report, "functional"), "foreign_modules")

    rollout = lab.belay.start(plan(precheck={"containers": ["db"], "hooks": ["waits"]}, waves=["100%"]))
    wait_for("the hook to be asked", lambda: h1.exists("/run/hook-asked"))
    wait_for("the agent to say so", lambda: "Hook waits asks to wait: not yet" in h1.journal("belay-agent.service"))
    assert lab.belay.host_states(rollout) == {"h1": "staging"}
    h1.write("/run/hook-go", "")
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)

    env = dict(line.split("=", 1) for line in h1.read("/run/hook-asked").splitlines())
    assert env["BELAY_STAGE"] == "precheck" and env["BELAY_PLAN"] == "lab" and env["BELAY_ROLLOUT"] == rollout
    assert set(env) - {"_", "PWD", "OLDPWD", "SHLVL"} == {
        *("BELAY_STAGE", "BELAY_PLAN", "BELAY_ROLLOUT"),
        *("PATH", "HOME", "LC_ALL"),
    }
    told = findings(lab.belay.report(rollout), "minor")
    assert "lab-broken.service had failed before" in text_of(told, "unit_failed_before"), told
    assert "vendor (OE)" in text_of(told, "foreign_modules"), told
    assert not findings(lab.belay.report(rollout), "functional")


def test_a_disk_that_becomes_read_only_in_mid_change_is_told(fleet: MakeFleet) -> None:
    """F8: neither the change nor the way back can write, and the end says exactly that."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"]))
    wait_for("the postinst", lambda: h1.exists(DEMO_WAITS))
    mount_read_only(h1, "/var/lib/dpkg")
    h1.write(DEMO_GO, "")

    assert lab.belay.wait(rollout) == Exit.ROLLBACK_INCOMPLETE, lab.belay.report(rollout)
    (host,) = lab.belay.report(rollout)["hosts"]
    assert host["end_state"] == "revert_failed", host
    assert "demo is half-configured 2.7" in host["cause"]["reason"], host
    told = {each["code"]: each["reason"] for each in host["findings"] if each["step"] == "prove"}
    assert "/var/lib/dpkg is read-only" in told["read_only"] and "version_differs" in told, host
    assert h1.dpkg("demo") == "iF 2.7"
    assert h1.can_log_in() and h1.unit_state("cron.service") == "active"


def test_garbage_in_dpkgs_journal_blocks_and_stays(fleet: MakeFleet) -> None:
    """F2: what a power loss left in dpkg's updates is named, and belay repairs nothing unasked."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.0")
    h1.shell("head -c 300 /dev/zero >/var/lib/dpkg/updates/0001")
    code, report = lab.belay.roll_out(plan(waves=["100%"]))
    (host,) = report["hosts"]
    assert (code, host["end_state"], host["cause"]["code"]) == (Exit.HOSTS_FAILED, "blocked", "package_database_broken")
    assert "/var/lib/dpkg/updates/0001" in host["cause"]["reason"], host
    assert h1.path("/var/lib/dpkg/updates/0001").read_bytes() == bytes(300)


def test_the_agent_refuses_where_systemd_does_not_run_the_host(installed_fleet: MakeFleet) -> None:
    """F45: a host without systemd, and a chroot."""
    h1 = installed_fleet(hosts=1)["h1"]
    without = h1.shell("unshare --mount sh -c 'mount -t tmpfs none /run/systemd && exec belay-agent'", check=False)
    assert without.rc == 1 and "systemd does not run this host" in without.err, without
    h1.run("mkdir", "/run/other")
    h1.run("mount", "-t", "tmpfs", "other", "/run/other")
    h1.shell("for each in usr bin lib lib64 sbin etc proc run; do mkdir -p /run/other/$each; done")
    h1.shell("for each in usr etc proc; do mount --bind /$each /run/other/$each; done")
    h1.shell("for each in bin lib lib64 sbin; do mount --bind /usr/$each /run/other/$each; done")
    inside = h1.run("chroot", "/run/other", "/usr/sbin/belay-agent", check=False)
    assert inside.rc == 1 and "this is a chroot" in inside.err, inside
