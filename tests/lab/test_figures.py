# SPDX-License-Identifier: Apache-2.0
"""How hosts are, as they tell it themselves: shown while it is fresh, and said to be unknown after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.fleet import Fleet

MakeFleet = Callable[..., Fleet]
PERCENT = ("cpu", "memory", "disk")
FIGURES = {*PERCENT, "load", "await", "pressure_cpu", "pressure_memory", "pressure_io"}
TOLD_SECONDS, STALE_SECONDS = 60, 130


def figures_of(lab: Fleet, name: str) -> dict[str, Any]:
    return lab.belay.json("hosts", "show", name)["host"]["figures"]


@pytest.mark.deadline(400)
def test_figures_are_told_and_grow_old(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    wait_for("the host's figures", lambda: figures_of(lab, "h1")["fresh"], TOLD_SECONDS)
    told = figures_of(lab, "h1")
    assert set(told) == {*FIGURES, "at", "fresh", "span_ms"}
    assert all(0 <= told[name] <= 100 for name in PERCENT), told
    assert told["load"] > 0 and told["span_ms"] >= 9000, told
    # As the kernel tells: a figure that it does not have is unknown, and never a good number.
    assert (told["pressure_io"] is None) == (not h1.exists("/proc/pressure/io")), told
    assert (told["await"] is None) == (h1.run("grep", "-cE", "[sv]d|nvme", "/proc/diskstats", check=False).rc != 0), told
    shown = lab.belay("hosts", "show", "h1").out
    assert "memory" in shown and "%" in shown

    lab.repository.publish("1.0", "demo=2.0")
    rollout = lab.belay.start(plan("demo=2.0", waves=["100%"]))
    assert lab.belay.wait(rollout) == Exit.DONE
    assert FIGURES <= set(lab.belay.status(rollout)["hosts"][0]["figures"])

    wait_for("figures again", lambda: figures_of(lab, "h1")["fresh"], TOLD_SECONDS)
    h1.link_down()
    wait_for("they are too old", lambda: not figures_of(lab, "h1")["fresh"], STALE_SECONDS)
    old = figures_of(lab, "h1")
    assert old["at"] is not None
    assert all(old[name] is None for name in FIGURES), "what is old is not known to be good"
    assert "unknown; last heard 2" in lab.belay("hosts", "show", "h1").out
