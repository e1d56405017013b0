# SPDX-License-Identifier: Apache-2.0
"""Hosts whose clock is wrong or jumps: the report tells true times, and no deadline is a matter of that clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet

MakeFleet = Callable[..., Fleet]
MINUTE, DAY = 60, 24 * 60 * 60
NEAR = timedelta(seconds=1.5)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def instants(told: dict[str, Any]) -> list[datetime]:
    """Begin and end of all steps of a host, in the order in which they were reported."""
    return [instant(step[key]) for step in told["steps"] for key in ("start", "end")]


def of(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(host for host in report["hosts"] if host["name"] == name)


def roll_out_timed(lab: Fleet, text: str) -> tuple[int, dict[str, Any]]:
    """Run a plan; all that it reports must have been between its begin and its end by our clock, one after the other."""
    begin = datetime.now(timezone.utc)
    code, report = lab.belay.roll_out(text)
    end = datetime.now(timezone.utc)
    for told in report["hosts"]:
        times = instants(told)
        assert times and times == sorted(times), told
        assert begin - NEAR <= times[0] and times[-1] <= end + NEAR, told
    return code, report


def test_times_of_a_wrong_clock_are_corrected(fleet: MakeFleet) -> None:
    """One of two hosts is some minutes ahead, which may be; then an hour, which blocks it."""
    lab = fleet(hosts=2)
    lab.repository.publish("1.0", "demo=2.0", "demo=2.3")
    h2 = lab["h2"]
    h2.shift_clock_of_belay(5 * MINUTE)
    lab.belay.wait_connected(lab.hosts)

    code, report = roll_out_timed(lab, plan("demo=2.0", waves=[1, 1], soak="1s"))
    assert code == Exit.DONE, report
    first, second = sorted(report["hosts"], key=lambda told: told["wave"])
    begun = next(step for step in second["steps"] if step["name"] == "upgrade")["start"]
    assert max(instants(first)) < instant(begun), "one wave after the other"
    offset_ms = of(report, "h2")["clock_offset_ms"]
    assert abs(offset_ms - 5 * MINUTE * 1000) < 1000

    h2.shift_clock_of_belay(60 * MINUTE)
    h2.run("systemctl", "restart", "belay-courier.service")
    lab.belay.wait_connected(lab.hosts)
    code, report = roll_out_timed(lab, plan("demo=2.3", waves=["100%"]))
    assert (code, of(report, "h2")["state"]) == (Exit.HOSTS_FAILED, "blocked"), report
    assert of(report, "h2")["cause"]["code"] == "clock_wrong"
    assert h2.dpkg("demo") == "ii 2.0"


@pytest.mark.parametrize("jump", [DAY, -365 * DAY], ids=["a-day-ahead", "a-year-back"])
def test_a_clock_that_jumps_in_mid_upgrade(fleet: MakeFleet, jump: float) -> None:
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    h1.shift_clock_of_belay(0)
    lab.belay.wait_connected(lab.hosts)
    lab.repository.publish("1.0", "demo=2.7")
    begin = datetime.now(timezone.utc)
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"]))
    wait_for("the postinst", lambda: h1.exists(DEMO_WAITS))
    h1.shift_clock_of_belay(jump)
    h1.write(DEMO_GO, "")
    assert lab.belay.wait(rollout) == Exit.DONE
    end = datetime.now(timezone.utc)
    assert h1.dpkg("demo") == "ii 2.7"
    assert h1.can_log_in() and h1.unit_state("cron.service") == "active"
    assert not list(h1.path("/var/lib/belay/leases").iterdir())
    (told,) = lab.belay.report(rollout)["hosts"]
    times = instants(told)
    assert times == sorted(times), told
    assert begin - NEAR <= times[0] and times[-1] <= end + NEAR, told
