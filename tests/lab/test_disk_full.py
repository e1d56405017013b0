# SPDX-License-Identifier: Apache-2.0
"""The disk with belay's own records fills up in the middle of a job: nothing is done by halves, and nothing stays shut."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from belaycli import AGENT_UNITS, Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]
STATE = "/var/lib/belay"
BALLAST, FILL = f"{STATE}/agent/ballast", f"{STATE}/fill"


def give_a_disk_of_its_own(host: Host) -> None:
    """To what belay keeps on the host: large enough for the ballast, small enough to be filled."""
    host.run("systemctl", "stop", *AGENT_UNITS)
    host.run("cp", "-a", STATE, "/run/state")
    host.run("mount", "-t", "tmpfs", "-o", "size=300m,mode=755", "state", STATE)
    host.run("cp", "-a", "/run/state/.", STATE)
    host.run("systemctl", "start", *AGENT_UNITS)


def fill_the_disk(host: Host) -> None:
    done = host.shell(f"cat /dev/zero >>{FILL}", check=False)
    assert "No space left" in done.err, done


def status(host: Host) -> dict[str, Any]:
    return json.loads(host.run("belay-rescue", "status", "--json").out)


def full_in_mid_upgrade(lab: Fleet, **changes: Any) -> str:
    """A rollout whose only host is about to end its package run, with a disk that takes nothing more."""
    h1 = lab["h1"]
    give_a_disk_of_its_own(h1)
    lab.belay.wait_connected(lab.hosts)
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"], **changes))
    wait_for("the postinst", lambda: h1.exists(DEMO_WAITS))
    fill_the_disk(h1)
    return rollout


def test_the_ballast_brings_a_job_to_its_end(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    rollout = full_in_mid_upgrade(lab)
    assert h1.exists(BALLAST)
    h1.write(DEMO_GO, "")
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)
    assert not h1.exists(BALLAST)
    assert h1.dpkg("demo") == "ii 2.7"
    assert h1.can_log_in() and h1.unit_state("cron.service") == "active"
    assert h1.run("belay-rescue", "audit").ok


def test_without_room_the_agent_waits_and_goes_on(fleet: MakeFleet) -> None:
    """R18: what is switched off comes back by its own timer's service, and the emergency door opens SSH at once."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    rollout = full_in_mid_upgrade(lab)
    h1.path(BALLAST).unlink()
    fill_the_disk(h1)
    h1.write(DEMO_GO, "")

    wait_for("the agent to see that it has no room", lambda: not status(h1)["journal_whole"])
    assert h1.dpkg("demo") == "ii 2.7"
    (told,) = lab.belay.status(rollout)["hosts"]
    told = told["state"], told["job_state"], told["step"]
    assert told == ("running", "changing", "upgrade"), "nothing is told that was not recorded"
    assert not h1.can_log_in()
    h1.run("belay-rescue", "unlock")
    assert h1.can_log_in()
    assert h1.unit_state("cron.service") == "inactive"
    assert h1.unit_state("belay-lease@quiesce.timer") == "active"
    h1.run("systemctl", "start", "belay-lease@quiesce.service")  # what the timer does in an hour or two
    assert h1.unit_state("cron.service") == "active"
    assert not status(h1)["journal_whole"], "the disk is full as before"

    h1.path(FILL).unlink()
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)
    assert h1.dpkg("demo") == "ii 2.7"
    assert h1.can_log_in() and h1.unit_state("cron.service") == "active"
    assert status(h1)["journal_whole"] and h1.run("belay-rescue", "audit").ok
