# SPDX-License-Identifier: Apache-2.0
"""What belay stands on is upgraded by a job of belay: itself, its libraries, systemd, dbus. And goes back again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.fleet import Fleet
from harness.ground import PACKAGES as RPMS
from harness.host import Host
from harness.newer import SUFFIX, newer
from harness.newer_rpm import newer as newer_rpms
from harness.rpm_files import CHANGED

MakeFleet = Callable[..., Fleet]

OWN = ["belay-agent"]
DEBS = {
    "itself": OWN,
    "its libraries": ["libc6", "libc-bin", "libzmq5", "libsodium23"],
    "systemd and dbus": ["systemd", "systemd-sysv", "libsystemd-shared", "libsystemd0", "libudev1", "dbus", "dbus-bin"]
    + ["dbus-daemon", "dbus-session-bus-common", "dbus-system-bus-common", "libpam-systemd", "libnss-systemd", "udev"]
    + ["libdbus-1-3"],
}
GROUNDS = {
    "apt": DEBS,
    "dnf": {
        "itself": OWN,
        "its libraries": ["glibc", "zeromq", "libsodium"],
        "systemd and dbus": ["systemd", "systemd-libs", "systemd-pam", "dbus", "dbus-libs"],
    },
}
UNITS = ("belay-agent.service", "belay-courier.service")


@pytest.fixture(params=GROUNDS)
def lab(request: pytest.FixtureRequest) -> Fleet:
    return request.getfixturevalue("fleet" if request.param == "apt" else "dnf_fleet")(hosts=1)


def installed(host: Host, names: list[str]) -> list[str]:
    return [name for name in names if host.version(name)]


def new_ones(host: Host, names: list[str]) -> list[str]:
    return [name for name in names if (host.version(name) or "").endswith("-2" if host.has_dnf else SUFFIX)]


def main_pids(host: Host) -> dict[str, str]:
    return {unit: host.unit_property(unit, "MainPID") for unit in UNITS}


def wait_until_renewed(lab: Fleet, pids: dict[str, str]) -> None:
    """Agent and courier run anew, with the programs that are installed now."""
    host = lab["h1"]

    def is_renewed() -> bool:
        now = main_pids(host)
        try:
            links = [host.path(f"/proc/{pid}/exe").stat().st_nlink for pid in now.values()]
        except FileNotFoundError:  # it has just ended
            return False
        return not set(pids.values()) & set(now.values()) and 0 not in links

    wait_for("the new agent and courier", is_renewed)
    lab.belay.wait_connected(lab.hosts)


def is_changed(host: Host, path: str) -> bool:
    """Has it the content of the newer RPM?"""
    with host.path(path).open("rb") as file:
        file.seek(-len(CHANGED), os.SEEK_END)
        return file.read() == CHANGED


def changed_files(host: Host, names: list[str]) -> list[str]:
    return [path for name in names if name in RPMS for path in RPMS[name].changes if is_changed(host, path)]


def starts_of(host: Host, phase: str) -> int:
    """How often a package run was begun."""
    return sum("Starting belay-txn@" in line and f"-{phase}.service" in line for line in host.journal().splitlines())


def publish_newer(lab: Fleet, names: list[str], folder: Path, **more: object) -> None:
    host = lab["h1"]
    lab.repository.publish_more(newer_rpms(names, folder, **more) if host.has_dnf else newer(host, names, folder))


@pytest.mark.deadline(500)
@pytest.mark.parametrize("ground", DEBS)
def test_the_ground_is_upgraded_under_a_job(lab: Fleet, tmp_path: Path, ground: str) -> None:
    """F18, F19, F20: the package run goes on whatever is replaced under the agent, and so does the job."""
    host = lab["h1"]
    names = installed(host, GROUNDS["dnf" if host.has_dnf else "apt"][ground])
    before = host.state()
    pids = main_pids(host)
    publish_newer(lab, names, tmp_path)
    change = {"packages": names, "revert": "packages"}
    code, report = lab.belay.roll_out(plan(change=change, waves=["100%"]), timeout=240)
    assert code == Exit.DONE, report["hosts"][0]["cause"]
    assert new_ones(host, names) == names
    steps = [step["name"] for step in report["hosts"][0]["steps"]]
    assert steps.count("upgrade") == 1 and starts_of(host, "upgrade") == 1
    assert host.can_log_in() and host.unit_state("cron.service") == "active"
    if names == OWN:
        wait_until_renewed(lab, pids)
        pids = main_pids(host)
    elif host.has_dnf:
        assert changed_files(host, names) == [path for name in names for path in RPMS[name].changes]
        assert is_changed(host, "/proc/1/exe") == ("systemd" in names)

    lab.belay("rollback", report["rollout"])
    assert lab.belay.wait(report["rollout"], timeout=240) == Exit.ROLLED_BACK, lab.belay.report(report["rollout"])
    assert new_ones(host, names) == [] and changed_files(host, names) == []
    if names == OWN:
        wait_until_renewed(lab, pids)
    assert host.state() == before


RESTART = f"systemctl restart {' '.join(UNITS)}"


@pytest.mark.deadline(400)
def test_a_package_that_restarts_the_agent_in_mid_run(dnf_fleet: MakeFleet, tmp_path: Path) -> None:
    """F18: as an RPM may do that knows of no jobs. The run is not the agent's, and the new one joins it."""
    lab = dnf_fleet(hosts=1)
    host = lab["h1"]
    before = host.state()
    pids = main_pids(host)
    publish_newer(lab, OWN, tmp_path, scripts={"post": RESTART})
    change = {"packages": OWN, "revert": "packages"}
    code, report = lab.belay.roll_out(plan(change=change, waves=["100%"]), timeout=240)
    assert code == Exit.DONE, report["hosts"][0]["cause"]
    assert new_ones(host, OWN) == OWN and starts_of(host, "upgrade") == 1
    log = host.journal()
    unit = log.partition("-upgrade.service")[0].rpartition(" ")[2] + "-upgrade.service"
    begun, ended = log.index(f"Starting {unit}"), log.index(f"Finished {unit}")
    assert "Stopping belay-agent.service" in log[begun:ended], "the agent was restarted while the run went on"
    # Once more when the job has ended: the package has asked for it.
    wait_until_renewed(lab, pids)
    pids = main_pids(host)

    lab.belay("rollback", report["rollout"])
    assert lab.belay.wait(report["rollout"], timeout=240) == Exit.ROLLED_BACK, lab.belay.report(report["rollout"])
    wait_until_renewed(lab, pids)
    assert host.state() == before
