# SPDX-License-Identifier: Apache-2.0
"""Silence means back, if the host is the cause; a controller that is away reverts no healthy host."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from belaycli import Exit, job_on, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet

MakeFleet = Callable[..., Fleet]
CONFIRM = "1m"


def in_mid_upgrade(lab: Fleet, confirm: str = CONFIRM) -> str:
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"], confirm_within=confirm))
    wait_for("the postinst", lambda: lab["h1"].path(DEMO_WAITS).exists())
    return rollout


@pytest.mark.deadline(300)
def test_a_host_that_the_change_cut_off_goes_back(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    before = h1.state()
    rollout = in_mid_upgrade(lab)
    h1.link_down()
    h1.path(DEMO_GO).write_text("")
    wait_for("the host to go back by itself", lambda: job_on(h1)["state"] == "reverted", 180)
    assert job_on(h1)["code"] == "cut_off"
    h1.link_up()
    assert lab.belay.wait(rollout) == Exit.HOSTS_FAILED
    assert h1.state() == before


@pytest.mark.deadline(300)
def test_a_host_whose_controller_is_away_holds(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    rollout = in_mid_upgrade(lab)
    lab.ctl.run("systemctl", "stop", "belayd.service")
    h1.path(DEMO_GO).write_text("")
    wait_for(
        "the host to know who is missing",
        lambda: "controller_missing" in h1.run("belay-rescue", "log").out,
        180,
    )
    assert job_on(h1)["state"] == "probation"
    assert h1.dpkg("demo") == "ii 2.7"
    lab.ctl.run("systemctl", "start", "belayd.service")
    assert lab.belay.wait(rollout) == Exit.DONE
    assert h1.dpkg("demo") == "ii 2.7"


@pytest.mark.deadline(300)
def test_a_cut_off_host_knows_why_however_little_time_it_was_given(dnf_fleet: MakeFleet) -> None:
    """F20: with dnf, and with a time that is shorter than one probe is patient: the cause is the cut, not a lack of answers."""
    lab = dnf_fleet(hosts=1)
    h1 = lab["h1"]
    rollout = in_mid_upgrade(lab, confirm="5s")
    h1.link_down()
    h1.path(DEMO_GO).write_text("")
    wait_for("the host to go back by itself", lambda: job_on(h1)["state"] == "reverted", 180)
    assert job_on(h1)["code"] == "cut_off"
    h1.link_up()
    assert lab.belay.wait(rollout) == Exit.HOSTS_FAILED
    assert h1.run("rpm", "-q", "--qf", "%{VERSION}", "demo").out == "1.0"


@pytest.mark.deadline(300)
def test_a_courier_that_dies_again_and_again_holds_up_no_job(dnf_fleet: MakeFleet) -> None:
    """F18: it only carries: whatever was under way arrives with the next one, once."""
    lab = dnf_fleet(hosts=1)
    h1 = lab["h1"]
    rollout = in_mid_upgrade(lab)

    def kill_courier() -> None:
        wait_for("a courier", lambda: h1.pids("belay-courier.service"))
        (former,) = h1.pids("belay-courier.service")
        h1.kill9("belay-courier.service")
        wait_for("the next courier", lambda: h1.pids("belay-courier.service") not in ([], [former]))

    for _ in range(4):
        kill_courier()
    h1.path(DEMO_GO).write_text("")
    wait_for("the change to end", lambda: job_on(h1)["state"] not in ("changing", "isolating"))
    for _ in range(3):
        kill_courier()
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)
    (host,) = lab.belay.report(rollout)["hosts"]
    begun = [step["name"] for step in host["steps"]]
    assert begun.count("upgrade") == 1 and host["end_state"] == "committed", host
