# SPDX-License-Identifier: Apache-2.0
"""What belay stands on is upgraded by a job of belay: itself, its libraries, systemd, dbus. And goes back again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.fleet import Fleet
from harness.host import Host
from harness.newer import SUFFIX, newer

MakeFleet = Callable[..., Fleet]

OWN = ["belay-agent"]
LIBRARIES = ["libc6", "libc-bin", "libzmq5", "libsodium23"]
SYSTEM = ["systemd", "systemd-sysv", "libsystemd-shared", "libsystemd0", "libudev1", "dbus", "dbus-bin", "dbus-daemon"]
SYSTEM += ["dbus-session-bus-common", "dbus-system-bus-common", "libpam-systemd", "libnss-systemd", "udev", "libdbus-1-3"]


def installed(host: Host, names: list[str]) -> list[str]:
    return [name for name in names if host.version(name)]


def new_ones(host: Host, names: list[str]) -> list[str]:
    return [name for name in names if (host.version(name) or "").endswith(SUFFIX)]


def main_pids(host: Host) -> dict[str, str]:
    units = ("belay-agent.service", "belay-courier.service")
    return {unit: host.unit_property(unit, "MainPID") for unit in units}


@pytest.mark.deadline(400)
@pytest.mark.parametrize("names", [OWN, LIBRARIES, SYSTEM], ids=["itself", "its libraries", "systemd and dbus"])
def test_the_ground_is_upgraded_under_a_job(fleet: MakeFleet, tmp_path: Path, names: list[str]) -> None:
    """F18, F19, F20: the package run goes on whatever is replaced under the agent, and so does the job."""
    lab = fleet(hosts=1)
    host = lab["h1"]
    names = installed(host, names)
    before = host.state()
    pids = main_pids(host)
    lab.repository.publish_more(newer(host, names, tmp_path))
    change = {"packages": names, "revert": "packages"}
    code, report = lab.belay.roll_out(plan(change=change, waves=["100%"]), timeout=240)
    assert code == Exit.DONE, report["hosts"][0]["cause"]
    assert new_ones(host, names) == names
    steps = [step["name"] for step in report["hosts"][0]["steps"]]
    assert steps.count("upgrade") == 1
    assert host.can_log_in() and host.unit_state("cron.service") == "active"
    if names == OWN:
        wait_for("the new agent and courier", lambda: not set(pids.values()) & set(main_pids(host).values()), 30)
        lab.belay.wait_connected(lab.hosts)

    lab.belay("rollback", report["rollout"])
    assert lab.belay.wait(report["rollout"], timeout=240) == Exit.ROLLED_BACK, lab.belay.report(report["rollout"])
    assert new_ones(host, names) == []
    assert host.state() == before
