# SPDX-License-Identifier: Apache-2.0
"""The emergency door and the leases: what helps the person who came in when all else failed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from belaycli import CONTROLLER_UNIT, Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]


def rescue_status(host: Host) -> dict[str, Any]:
    return json.loads(host.run("belay-rescue", "status", "--json").out)


def in_mid_upgrade(lab: Fleet, **changes: object) -> str:
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"], **changes))
    wait_for("the postinst", lambda: lab["h1"].path(DEMO_WAITS).exists())
    return rollout


def test_status_and_unlock_in_mid_upgrade(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    rollout = in_mid_upgrade(lab)
    assert not h1.can_log_in()
    assert "upgrade" in h1.run("belay-rescue", "status").out
    status = rescue_status(h1)
    assert status["job"]["step"] == "upgrade"
    assert {lease["name"] for lease in status["leases"]} >= {"ssh_lock", "quiesce"}
    h1.run("belay-rescue", "unlock")
    assert h1.can_log_in(), "open at once, the job goes on"
    h1.path(DEMO_GO).write_text("")
    assert lab.belay.wait(rollout) == Exit.DONE
    assert h1.dpkg("demo") == "ii 2.7"


def test_revert_with_the_controller_dead_and_the_repository_gone(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    before = h1.state()
    lab.repository.publish("1.0", "demo=2.0")
    code, report = lab.belay.roll_out(plan("demo=2.0", waves=["100%"]))
    assert code == Exit.DONE, report
    lab.ctl.run("systemctl", "stop", "belayd.service")
    lab.repository.publish("demo=2.0")
    h1.run("belay-rescue", "revert")
    wait_for("demo 1.0", lambda: h1.dpkg("demo") == "ii 1.0")
    wait_for("the end of the way back", lambda: rescue_status(h1)["job"]["state"] == "reverted")
    assert h1.state() == before


@pytest.mark.parametrize("who", ["host", "controller"])
def test_a_way_back_that_failed_is_gone_once_more(fleet: MakeFleet, who: str) -> None:
    """The former packages cannot be read; once somebody has seen to that, the host goes back after all, and the controller hears."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    before = h1.state()
    lab.repository.publish("1.0", "demo=2.0")
    code, report = lab.belay.roll_out(plan("demo=2.0", waves=["100%"]))
    assert code == Exit.DONE, report
    kept = next(h1.path("/var/lib/belay/jobs").glob("*/way-back/demo_1.0_*.deb"))
    content = kept.read_bytes()
    kept.write_bytes(content[:100])

    lab.belay("rollback", report["rollout"])
    assert lab.belay.wait(report["rollout"]) == Exit.ROLLBACK_INCOMPLETE
    status = h1.run("belay-rescue", "status").out
    assert "revert_failed" in status and "`belay-rescue revert`" in status
    assert h1.can_log_in()

    lab.belay("rollback", report["rollout"])  # nobody has done anything about it
    assert lab.belay.wait(report["rollout"]) == Exit.ROLLBACK_INCOMPLETE

    kept.write_bytes(content)
    if who == "host":
        h1.run("belay-rescue", "revert")
        wait_for("the end of the way back", lambda: rescue_status(h1)["job"]["state"] == "reverted")
    else:
        lab.belay("rollback", report["rollout"])
    wait_for("belayd to hear", lambda: lab.belay.wait(report["rollout"]) == Exit.ROLLED_BACK)
    assert h1.state() == before


def test_leases_end_with_agent_and_controller_dead(fleet: MakeFleet) -> None:
    """SSH opens and cron runs again at the end of the lease though nobody of us is alive."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lock = {"keep": {"from": [lab.bastion]}, "lease": "1m"}
    in_mid_upgrade(lab, ssh_lock=lock)
    assert not h1.can_log_in()
    lab.ctl.run("systemctl", "stop", "belayd.service")
    h1.run("systemctl", "mask", "--runtime", "belay-agent.service")
    h1.run("systemctl", "kill", "--signal=KILL", "--", "belay-agent.service")
    wait_for("SSH to open", h1.can_log_in, 90)
    wait_for("cron to run", lambda: h1.unit_state("cron.service") == "active")


def test_without_an_agent_the_message_names_the_way(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    h1.run("systemctl", "stop", "belay-agent.service")
    done = h1.run("belay-rescue", "unlock", check=False)
    assert done.rc == 7
    assert "systemctl start belay-lease@ssh_lock.service" in done.err


def cut(database: Path, *statements: str) -> None:
    """With its process stopped: what somebody with root would do to a log. No link on the way, which SQLite would follow."""
    store = sqlite3.connect(database)
    try:
        for statement in statements:
            store.execute(statement)
        store.commit()
    finally:
        store.close()


def test_the_audit_of_a_host_is_sound(fleet: MakeFleet) -> None:
    """S16, S17: each chain is whole, and a log that is cut shows at the other side."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]

    def verified(*argv: str) -> str:
        return lab.belay("audit", "verify", *argv, check=False).out

    lab.repository.publish("1.0", "demo=2.0")
    code, _ = lab.belay.roll_out(plan("demo=2.0", waves=["100%"]))
    assert code == Exit.DONE
    assert h1.run("belay-rescue", "audit").rc == 0
    h1.run("systemctl", "restart", "belay-courier.service")  # so that both tell their heads now
    lab.belay.wait_connected([h1])
    wait_for("the host's head", lambda: "1 of 1 hosts told the head of their audit, 0 do not fit" in verified("h1"))

    h1.run("systemctl", "stop", "belay-agent.service")
    cut(
        h1.root / "var/lib/belay/agent/journal.db",
        "DELETE FROM audit WHERE number > 2",
        "UPDATE head SET number = 2, hash = (SELECT hash FROM audit WHERE number = 2)",
    )
    h1.run("systemctl", "start", "belay-agent.service")
    wait_for("the cut to show", lambda: "are cut off" in verified())
    lab.belay("audit", "accept", "h1")
    assert lab.belay("audit", "verify").rc == Exit.DONE

    lab.ctl.run("systemctl", "stop", CONTROLLER_UNIT)
    cut(lab.ctl.root / "var/lib/belay/controller/store.db", "DELETE FROM audit WHERE seq > 3")
    lab.ctl.run("systemctl", "start", CONTROLLER_UNIT)
    wait_for("that to show", lambda: "of this controller's audit" in verified())
    rows = [json.loads(line) for line in lab.belay("audit", "export").out.splitlines()]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert any(row["verb"] == "audit.broken" and row["subject"] == "h1" for row in rows[3:])
