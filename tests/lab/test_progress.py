# SPDX-License-Identifier: Apache-2.0
"""How far a package run is reaches the people who look on, on its way and in words; and is gone with its step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet

MakeFleet = Callable[..., Fleet]
PACKAGES = ("demo=2.7", *(f"bulk{number}=2.0" for number in range(1, 6)))
FILES = {"apt": "demo_2.7_all.deb", "dnf": "demo-2.7-1.noarch.rpm"}


@pytest.fixture(params=["apt", "dnf"])
def lab(request: pytest.FixtureRequest) -> Fleet:
    """One joined host of each package manager, with everything in version 1.0 on it."""
    kind = "fleet" if request.param == "apt" else "dnf_fleet"
    lab: Fleet = request.getfixturevalue(kind)(hosts=1)
    lab.repository.publish("1.0", "2.0", "demo=2.7")
    return lab


def progress_of(lab: Fleet, rollout: str) -> dict[str, Any] | None:
    return lab.belay.status(rollout)["hosts"][0]["progress"]


def in_words(lab: Fleet, rollout: str) -> str:
    """What people are shown, the same words everywhere."""
    progress = progress_of(lab, rollout)
    assert progress is not None
    words: str = progress["text"]
    assert words in lab.belay("status", rollout).out
    facts = dict(lab.belay.json("why", "h1")["facts"])
    assert facts["progress"] == words
    return words


def test_a_change_tells_how_far_it_is(lab: Fleet, request: pytest.FixtureRequest) -> None:
    """Bytes while it downloads, packages while it changes them; then nothing any more."""
    manager = request.node.callspec.params["lab"]
    host = lab["h1"]
    lab.repository.hold(FILES[manager])
    rollout = lab.belay.start(plan(*PACKAGES))

    def downloads() -> dict[str, Any] | None:
        progress = progress_of(lab, rollout)
        # dnf rounds what is to come.
        return progress if progress and 0 < progress["bytes_done"] <= progress["bytes_total"] else None

    progress = wait_for("bytes to be told", downloads)
    assert progress["packages_total"] == len(PACKAGES), progress
    assert in_words(lab, rollout).startswith("downloading ")
    lab.repository.let_go(FILES[manager])

    wait_for("demo's script to wait", lambda: host.path(DEMO_WAITS).exists())

    def is_at_demo() -> dict[str, Any] | None:
        progress = progress_of(lab, rollout)
        return progress if progress and progress["packages_total"] and progress["what"] == "demo" else None

    progress = wait_for("the package to be named", is_at_demo)
    assert progress["packages_total"] == len(PACKAGES) and progress["packages_done"] < len(PACKAGES), progress
    words = in_words(lab, rollout)
    assert words.startswith(f"upgrading {progress['packages_done']}/{len(PACKAGES)}, demo"), words
    assert words in host.run("belay-rescue", "status").out

    host.write(DEMO_GO, "")
    assert lab.belay.wait(rollout) == Exit.DONE
    assert progress_of(lab, rollout) is None
    report = lab.belay("report", rollout).out
    assert "upgrading" not in report, "nothing of it is kept"


def test_a_restart_of_the_controller_forgets_it_and_hears_the_next(fleet: MakeFleet) -> None:
    """It is in memory alone, and lossy: what comes after the restart is shown."""
    lab = fleet(hosts=1)
    host = lab["h1"]
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7"))
    wait_for("demo's script to wait", lambda: host.path(DEMO_WAITS).exists())
    wait_for("progress to be told", lambda: progress_of(lab, rollout))
    lab.ctl.run("systemctl", "restart", "belayd.service")
    assert progress_of(lab, rollout) is None
    lab.belay.wait_connected([host])
    progress = wait_for("progress to be told again", lambda: progress_of(lab, rollout))
    assert progress["what"] == "demo"
    host.write(DEMO_GO, "")
    assert lab.belay.wait(rollout) == Exit.DONE
