# SPDX-License-Identifier: Apache-2.0
"""Strangers come in thousands, say nothing or half of it, and stay: those who belong there are served all the while."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from belaycli import CONTROLLER_UNIT, Exit, plan
from harness.command import LabError, wait_for
from harness.fleet import Fleet
from peer import FLEET_PORT, Peer

MakeFleet = Callable[..., Fleet]
CROWDS, CROWD = 2, 10_000
PROGRAM = Path(__file__).with_name("strangers.py")


@contextmanager
def crowd(address: str) -> Iterator[None]:
    argv = [sys.executable, str(PROGRAM), address, str(FLEET_PORT), str(CROWD)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as strangers:
        assert strangers.stdin is not None and strangers.stdout is not None
        try:
            if strangers.stdout.readline() != "crowded\n":
                raise LabError("the strangers did not come")
            yield
        finally:
            strangers.stdin.close()
            strangers.stdout.read()


class Idleness:
    """How much processor time belayd takes while nobody wants anything, over windows of a second and more."""

    def __init__(self, lab: Fleet) -> None:
        self._lab = lab
        self._used, self._at = self._now()

    def _now(self) -> tuple[float, float]:
        return float(self._lab.ctl.unit_property(CONTROLLER_UNIT, "CPUUsageNSec")) / 1e9, time.monotonic()

    def rests(self) -> bool:
        """In the window that ends now; False while it is too short to tell."""
        used, at = self._now()
        if at - self._at < 1:
            return False
        share = (used - self._used) / (at - self._at)
        self._used, self._at = used, at
        return share < 0.1


@pytest.mark.deadline(300)
def test_strangers_by_the_thousand_keep_nobody_out(fleet: MakeFleet) -> None:
    """Z4, Z7, Z9: a rollout goes on, a host comes in, memory is bounded, and nothing spins when they have gone."""
    lab = fleet(hosts=1)
    (h1,) = lab
    lab.repository.publish("1.0", "demo=2.0")
    before = lab.ctl.pss(CONTROLLER_UNIT)
    (pid,) = lab.ctl.pids(CONTROLLER_UNIT)
    with Peer(lab.ctl.address, lab.belay.controller_key()) as late:
        late.enroll("late", lab.belay.token(1, {}))
        with ExitStack() as crowds:
            for _ in range(CROWDS):
                crowds.enter_context(crowd(lab.ctl.address))
            wait_for("them to be let as far as the door", lambda: lab.ctl.descriptors(CONTROLLER_UNIT) > CROWD // 2)
            assert lab.belay("ping", "h1").ok
            for _ in range(3):
                door = late.connect()
                assert door.handshake(30) == "succeeded"
                door.close()
            code, report = lab.belay.roll_out(plan("demo=2.0", hosts={"list": ["h1"]}, waves=["100%"]))
            assert code == Exit.DONE, report
            assert lab.ctl.pss(CONTROLLER_UNIT) < before + CROWDS * CROWD * (32 << 10)
    assert lab.ctl.pids(CONTROLLER_UNIT) == [pid]

    wait_for("it to come to rest", Idleness(lab).rests)
    h1.run("systemctl", "restart", "belay-courier.service")
    lab.belay.wait_connected([h1])
