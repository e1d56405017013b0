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


def in_mid_upgrade(lab: Fleet) -> str:
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"], confirm_within=CONFIRM))
    wait_for("the postinst", lambda: lab["h1"].path(DEMO_WAITS).exists(), 60)
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
