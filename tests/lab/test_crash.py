# SPDX-License-Identifier: Apache-2.0
"""Processes die in mid-upgrade: everything resumes, nothing is lost, nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]


def upgrades(host: Host) -> int:
    """How often dpkg unpacked another version of demo over 1.0."""
    log = host.read("/var/log/dpkg.log").splitlines()
    return sum(1 for line in log if " upgrade demo" in line and line.split()[-2] == "1.0")


def in_mid_upgrade(lab: Fleet) -> str:
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"]))
    for host in lab:
        wait_for(f"the postinst on {host.name}", lambda host=host: host.path(DEMO_WAITS).exists())
    return rollout


def main_pid(host: Host, unit: str) -> str:
    return host.unit_property(unit, "MainPID")


def wait_restarted(host: Host, unit: str, old_pid: str) -> None:
    wait_for(
        f"{unit} to run again",
        lambda: host.unit_state(unit) == "active" and main_pid(host, unit) not in ("0", old_pid),
        30,
    )


def assert_done_once(lab: Fleet, rollout: str) -> None:
    for host in lab:
        host.path(DEMO_GO).write_text("")
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.status(rollout)
    for host in lab:
        assert host.dpkg("demo") == "ii 2.7"
        assert upgrades(host) == 1
        assert host.unit_state("cron.service") == "active"
        assert host.can_log_in()
    report = lab.belay.report(rollout)
    for told in report["hosts"]:
        names = [step["name"] for step in told["steps"]]
        assert names.count("upgrade") == 1
        assert all(step["end"] for step in told["steps"])


@pytest.mark.parametrize("unit", ["belay-agent.service", "belay-courier.service"])
def test_kill_on_the_host(fleet: MakeFleet, unit: str) -> None:
    lab = fleet(hosts=2)
    rollout = in_mid_upgrade(lab)
    for host in lab:
        pid = main_pid(host, unit)
        host.kill9(unit)
        wait_restarted(host, unit, pid)
    assert_done_once(lab, rollout)


def test_kill_the_controller(fleet: MakeFleet) -> None:
    lab = fleet(hosts=2)
    rollout = in_mid_upgrade(lab)
    pid = main_pid(lab.ctl, "belayd.service")
    lab.ctl.kill9("belayd.service")
    wait_restarted(lab.ctl, "belayd.service", pid)
    assert_done_once(lab, rollout)


def test_the_controller_stays_away_while_the_upgrade_ends(fleet: MakeFleet) -> None:
    """The reports of what happened meanwhile arrive when it is back."""
    lab = fleet(hosts=1)
    rollout = in_mid_upgrade(lab)
    h1 = lab["h1"]
    lab.ctl.run("systemctl", "stop", "belayd.service")
    h1.path(DEMO_GO).write_text("")
    wait_for("the host to be open again", h1.can_log_in)
    assert h1.dpkg("demo") == "ii 2.7"
    lab.ctl.run("systemctl", "start", "belayd.service")
    assert_done_once(lab, rollout)


def test_kill_the_package_run(fleet: MakeFleet) -> None:
    """A package manager that was killed is healed, and the host goes back."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    before = h1.state()
    rollout = in_mid_upgrade(lab)
    units = h1.run("systemctl", "list-units", "--plain", "--no-legend", "belay-txn@*").out.split()
    h1.run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", "--", units[0])
    assert lab.belay.wait(rollout) == Exit.HOSTS_FAILED
    (told,) = lab.belay.report(rollout)["hosts"]
    assert told["state"] == "reverted", told
    assert h1.state() == before


def test_power_cut_in_mid_upgrade(fleet: MakeFleet) -> None:
    """The host comes up, finds what was half done, and goes back to exactly what it was."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    before = h1.state()
    rollout = in_mid_upgrade(lab)
    h1.power_cut()
    assert lab.belay.wait(rollout) == Exit.HOSTS_FAILED
    (told,) = lab.belay.report(rollout)["hosts"]
    assert told["state"] == "reverted", told
    assert h1.state() == before
    assert h1.can_log_in()


def test_everything_killed_at_once(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    rollout = in_mid_upgrade(lab)
    pids = {unit: main_pid(h1, unit) for unit in ("belay-courier.service", "belay-agent.service")}
    controller = main_pid(lab.ctl, "belayd.service")
    lab.ctl.kill9("belayd.service")
    for unit in pids:
        h1.kill9(unit)
    wait_restarted(lab.ctl, "belayd.service", controller)
    for unit, pid in pids.items():
        wait_restarted(h1, unit, pid)
    assert_done_once(lab, rollout)
