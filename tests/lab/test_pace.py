# SPDX-License-Identifier: Apache-2.0
"""How a rollout goes over its hosts: the first one alone, a budget, and what functional failures stop."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]

DATABASE = "127.0.0.1:5432"
DATABASE_UNIT = """[Unit]
PartOf=demo.service
After=demo.service
[Service]
ExecStartPre={check}
ExecStart=/usr/bin/perl -MIO::Socket::INET -e 'my $$s = IO::Socket::INET->new(LocalAddr => "{address}", Listen => 5, \
ReuseAddr => 1) or die; while (1) {{ my $$peer = $$s->accept; }}'
[Install]
WantedBy=demo.service
"""


def waiting(host: Host) -> bool:
    """Its package run stands in the postinst."""
    return host.path(DEMO_WAITS).exists() and not host.path(DEMO_GO).exists()


def test_the_first_goes_alone_and_then_the_budget_holds(fleet: MakeFleet) -> None:
    """Four hosts in one wave, two at a time, the first one alone."""
    lab = fleet(hosts=4)
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"], budget=2, first="alone"))
    hosts = list(lab)
    (first,) = wait_for("the first host", lambda: [host for host in hosts if waiting(host)])
    states = lab.belay.host_states(rollout)
    assert sorted(states.values()) == ["ready", "ready", "ready", "running"], states
    status = lab.belay.status(rollout)
    assert (status["budget"], status["budget_used"], status["first"]) == (2, 1, "alone")
    assert "one host goes alone" in status["reason"], status["reason"]
    first.path(DEMO_GO).write_text("")
    two = wait_for("two more", lambda: [host for host in hosts if waiting(host)][1:] and
                   [host for host in hosts if waiting(host)], 60)
    assert len(two) == 2, two
    states = lab.belay.host_states(rollout)
    assert sorted(states.values()) == ["committed", "ready", "running", "running"], states
    assert "budget 2: 2 under way and 0 failed, 1 host waits" in lab.belay.status(rollout)["reason"]
    for host in hosts:
        host.path(DEMO_GO).write_text("")
    assert lab.belay.wait(rollout) == Exit.DONE
    report = lab.belay.report(rollout)
    assert {host["state"] for host in report["hosts"]} == {"committed"}


def add_database(host: Host, needs_old_demo: bool) -> None:
    """A service that starts with the upgraded one; on some hosts it can't bear the new version."""
    check = "/bin/sh -c '! grep -q ^2 /usr/lib/demo/version'" if needs_old_demo else "/bin/true"
    host.write("/etc/systemd/system/database.service", DATABASE_UNIT.format(check=check, address=DATABASE))
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "enable", "--now", "database.service")


@pytest.mark.deadline(300)
def test_five_hosts_lose_their_database(fleet: MakeFleet) -> None:
    """R21: those five go back, later waves never start, and whoever is good stays as it is."""
    lab = fleet(hosts=8)
    hosts = {host.name: host for host in lab}
    lab.repository.publish("1.0", "demo=2.0")
    bad = sorted(hosts)[:5]
    good = sorted(hosts)[5:]
    for name, host in hosts.items():
        add_database(host, needs_old_demo=name in bad)
    before = {name: host.state() for name, host in hosts.items()}
    verify = {"tcp": [DATABASE], "settle": "1s"}
    targets = {"list": [*bad, *good]}
    code, report = lab.belay.roll_out(
        plan("demo=2.0", hosts=targets, waves=["100%"], failures_allowed=4, verify=verify), timeout=200)
    assert code == Exit.HOSTS_FAILED, report
    assert report["state"] == "halted" and report["code"] == "wave_failures", report["reason"]
    states = {host["name"]: host for host in report["hosts"]}
    for name in bad:
        assert states[name]["state"] == "reverted" and states[name]["grade"] == "functional", states[name]
        assert hosts[name].unit_state("database.service") == "active"
        assert hosts[name].state() == before[name], name
    for name in good:
        assert states[name]["state"] == "committed", states[name]
    # With a wave behind: it never starts.
    code, report = lab.belay.roll_out(
        plan("demo=2.0", hosts={"list": bad[:2]}, waves=[1, "rest"], verify=verify), timeout=200)
    assert code == Exit.HOSTS_FAILED, report
    assert [host["state"] for host in sorted(report["hosts"], key=lambda host: host["wave"])] == [
        "reverted", "cancelled"], report["hosts"]
