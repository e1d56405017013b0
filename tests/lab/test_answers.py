# SPDX-License-Identifier: Apache-2.0
"""People's part of a rollout: waves that wait for another person, and severe failures that are answered in time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from belaycli import CONTROLLER_UNIT, PASSPHRASE_FILE, Exit, plan
from harness.command import Result, wait_for
from harness.fleet import Fleet

MakeFleet = Callable[..., Fleet]

BOB = "bob"  # the commander, at a desk of his own


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


class Desk:
    """A second desk: another home, with bob's key alone."""

    def __init__(self, lab: Fleet) -> None:
        self._lab = lab
        self.home = "/root/desk-of-bob"
        self("keys", "new", BOB, "--role", "commander", "--passphrase-file", PASSPHRASE_FILE)
        lab.belay("keys", "import", f"{self.home}/keys/{BOB}.pub")
        lab.belay("keys", "trust", "--passphrase-file", PASSPHRASE_FILE)
        lab.ctl.run("cp", "/root/.config/belay/trust", f"{self.home}/trust")

    def __call__(self, *argv: str, check: bool = True) -> Result:
        return self._lab.ctl.run("env", f"BELAY_HOME={self.home}", *self._lab.belay.command(*argv), check=check)


def put_hooks(lab: Fleet) -> dict[str, str]:
    """A page that fails, a switch of traffic that hangs, and a call to the vendor that says what it was told."""
    programs = {
        "page-team": "echo no route to the pager; exit 3",
        "to-standby": "cat > /tmp/traffic.$$ && mv /tmp/traffic.$$ /tmp/traffic.json; exec sleep 1000",
        "open-ticket": "grep -o '\"changed\":\\[[^]]*\\]'",
    }
    for name, text in programs.items():
        lab.ctl.write(f"/etc/belay/controller-hooks.d/{name}", f"#!/bin/sh\n{text}\n", 0o755)
    return {"page": "page-team", "traffic": "to-standby", "traffic_within": "5s", "vendor": "open-ticket"}


def serve_all(lab: Fleet, standby: list[str] | None = None, **severe: Any) -> str:
    """Upgrade all hosts but those at once, to a watch in which a service that dies is severe; wait until all of them serve."""
    rules = {"units": ["demo.service"], "settle": "1s", "grades": {"unit_failed": "severe"}}
    text = plan(
        "demo=2.0",
        hosts={"match": {"role": "web"}, **({"standby": standby} if standby else {})},
        waves=["100%"],
        watch="3m",
        verify=rules,
        severe=severe,
        promises={"downtime": "20m", "rollback_starts": "3m", "restored": "20m"},
    )
    rollout = lab.belay.start(text)
    for host in lab.hosts[:2]:
        lab.belay.wait_for_host(rollout, host.name, "probation")
        wait_for("COMMIT", lambda host=host: "commit_seen" in host.run("belay-rescue", "log").out)
    return rollout


def break_one(lab: Fleet, rollout: str) -> dict[str, Any]:
    """One service dies; returns the status with the question."""
    lab["h1"].kill9("demo.service")

    def asked() -> dict[str, Any] | None:
        status = lab.belay.status(rollout)
        return status if (status["alarm"] or {}).get("open") else None

    return wait_for("people to be asked", asked)


@pytest.mark.deadline(300)
def test_nobody_answers_a_severe_failure(fleet: MakeFleet) -> None:
    """R22, R1: nobody answers, belayd is killed meanwhile, hooks fail and hang: all changed hosts go back in time; a standby host serves."""
    lab = fleet(hosts=3)
    lab.repository.publish("1.0", "demo=2.0")
    absent = lab.belay("check", lab.belay.write_plan(plan("demo=2.0", severe={"hooks": {"page": "nobody"}})), check=False)
    assert absent.rc == Exit.ERROR and "the controller can't call 'nobody'" in absent.err, absent
    rollout = serve_all(lab, ["h3"], answer_within="40s", otherwise="rollback", hooks=put_hooks(lab))
    status = break_one(lab, rollout)
    assert [hold["code"] for hold in status["holds"]] == ["answer"]
    assert status["next"] == f"belay approve --rollback {rollout}"
    assert "2 hosts are changed" in status["reason"] or "1 host is changed" in status["reason"], status["reason"]
    assert lab["h2"].dpkg("demo") == "ii 2.0"
    assert "left to answer" in lab.belay("status", rollout).out
    lab.ctl.kill9(CONTROLLER_UNIT)
    assert wait_for("belayd", lambda: lab.belay("rollouts", check=False).rc != Exit.UNREACHABLE or None)
    assert lab.belay("status", rollout, "--wait", check=False).rc in (Exit.WAITS, Exit.ROLLED_BACK)
    wait_for("the end", lambda: lab.belay.status(rollout)["final"] or None, 120)
    report = lab.belay.report(rollout)
    assert (report["state"], report["alarm"]["answer"]) == ("rolled_back", "otherwise_rollback"), report["alarm"]
    assert [lab[name].dpkg("demo") for name in ("h1", "h2")] == ["ii 1.0", "ii 1.0"]
    clocks = {promise["name"]: promise for promise in report["promises"]}
    assert clocks["rollback_starts"]["state"] == "kept" and clocks["restored"]["state"] == "kept", clocks
    assert 25_000 <= clocks["rollback_starts"]["used_ms"] <= 40_000, clocks
    text = lab.belay("report", rollout).out
    assert "rollback_starts" in text and "kept" in text

    def called() -> dict[str, Any] | None:
        hooks = {hook["name"]: hook for hook in lab.belay.status(rollout)["hooks"]}
        return hooks if all(hooks[name]["outcome"] != "" and not hooks[name]["running"] for name in ("page", "vendor")) else None

    hooks = wait_for("the calls to end", called, 60)
    assert hooks["page"]["text"] == "ended with 3: no route to the pager" and hooks["page"]["calls"] >= 2, hooks
    assert hooks["traffic"]["running"] and hooks["vendor"]["outcome"] == "good", hooks
    assert any(f'"changed":{names}' in hooks["vendor"]["text"] for names in ('["h1","h2"]', '["h2","h1"]')), hooks
    assert "no route to the pager" in lab.belay("report", rollout).out
    told = json.loads(lab.ctl.run("sh", "-c", "cat /tmp/systemd-private-*-belayd.service-*/tmp/traffic.json").out)
    assert [(host["name"], host["state"]) for host in told["standby"]] == [("h3", "ready")], told
    assert "h3" not in told["changed"] + told["unchanged"], told
    assert (lab["h3"].dpkg("demo"), lab["h3"].run("systemctl", "is-active", "demo.service").out.strip()) == ("ii 1.0", "active")
    assert lab["h3"].run("belay-rescue", "status", check=False).out.count(rollout) == 0
    later = lab.belay("standby", rollout, "--yes", check=False)
    assert later.rc == Exit.ERROR and "is what is known to work" in later.err, later


@pytest.mark.deadline(400)
def test_a_severe_failure_is_answered(fleet: MakeFleet) -> None:
    """R3, R22: an operator cannot decide that nothing goes back, a commander can; and a yes takes all back at once."""
    lab = fleet(hosts=2)
    lab.repository.publish("1.0", "demo=2.0")
    desk = Desk(lab)

    rollout = serve_all(lab, answer_within="10m", otherwise="stop")
    break_one(lab, rollout)
    refused = lab.belay("approve", rollout, "--no-rollback", "--yes", "--key", "alice", check=False)
    assert refused.rc == Exit.ERROR and "commander" in refused.err, refused
    assert "digest" in desk("approve", rollout, "--no-rollback", "--yes").err
    assert lab.belay.wait(rollout, 240) == Exit.HOSTS_FAILED
    report = lab.belay.report(rollout)
    assert (report["state"], report["code"]) == ("halted", "rollback_declined")
    assert [lab[name].dpkg("demo") for name in ("h1", "h2")] == ["ii 1.0", "ii 2.0"]

    assert lab.belay("rollback", rollout).rc == Exit.DONE
    assert lab.belay.wait(rollout) == Exit.ROLLED_BACK
    rollout = serve_all(lab, answer_within="10m", otherwise="stop")
    asked = time.monotonic()
    break_one(lab, rollout)
    lab.belay("approve", rollout, "--rollback", "--yes", "--key", "alice")
    assert lab.belay.wait(rollout, 120) == Exit.ROLLED_BACK
    assert time.monotonic() - asked < 120
    report = lab.belay.report(rollout)
    assert [given["person"] for given in report["approvals"]["given"]] == ["alice"]
    assert [lab[name].dpkg("demo") for name in ("h1", "h2")] == ["ii 1.0", "ii 1.0"]
    rows = lab.belay.json("audit", "log", rollout)["rows"]
    assert any(row["verb"] == "approve" and "by alice" in row["detail"] for row in rows), rows


@pytest.mark.deadline(300)
def test_a_wave_is_approved_by_somebody_else(fleet: MakeFleet) -> None:
    """R7: not by who asked for it, not by an approval that is over; ahead of time it counts, twice it counts once."""
    lab = fleet(hosts=3)
    lab.repository.publish("1.0", "demo=2.0")
    desk = Desk(lab)
    rollout = lab.belay.start(plan("demo=2.0", waves=[1, 1, 1], approvals={"waves": 1, "expires": "1h"}), "--key", "alice")
    desk("approve", rollout, "--wave", "3", "--yes")

    def waits() -> dict[str, Any] | None:
        status = lab.belay.status(rollout)
        return status if status["code"] == "approval_missing" else None

    status = wait_for("wave 2 to wait", waits, 90)
    assert status["reason"] == "wave 2 of 3: waits for 1 of 1 approval" and status["exit_code"] == Exit.WAITS
    assert lab.belay.wait(rollout) == Exit.WAITS
    own = lab.belay("approve", rollout, "--yes", "--key", "alice", check=False)
    assert own.rc == Exit.ERROR and "requested this rollout" in own.err, own
    longer = desk("approve", rollout, "--yes", "--expires", "2h", check=False)
    assert longer.rc == Exit.USAGE, longer
    nobody = desk("approve", rollout, check=False)
    assert nobody.rc == Exit.ERROR and "nothing was signed" in nobody.err, nobody
    assert waits() is not None
    desk("approve", rollout, "--yes")
    wait_for("the end", lambda: lab.belay.status(rollout)["final"] or None, 120)
    report = lab.belay.report(rollout)
    assert report["state"] == "complete"
    assert [(given["number"], given["person"]) for given in report["approvals"]["given"]] == [(3, BOB), (2, BOB)]
    assert all(host.dpkg("demo") == "ii 2.0" for host in lab)


def test_two_people_sign_at_two_desks(installed_fleet: MakeFleet) -> None:
    """R3: what one desk wrote is checked, shown and signed at another, and started with both signatures."""
    lab = installed_fleet(hosts=1)
    lab.belay.set_up_controller()
    desk = Desk(lab)
    lab.belay.join(lab.hosts, {"role": "web"})  # hosts believe the trust file that they join with
    lab.repository.publish("1.0", "demo=2.0")
    path = lab.belay.write_plan(plan("demo=2.0", waves=["100%"]))
    lab.belay("run", path, "--yes", "--key", "alice", "--request", "/root/request.json")
    assert lab.belay.json("rollouts")["rollouts"] == []
    shown = desk("sign", "/root/request.json", "--yes").err
    assert "upgrade demo 2.0" in shown and "alice (operator)" in shown, shown
    again = desk("sign", "/root/request.json", "--yes", check=False)
    assert again.rc == Exit.ERROR and "signed it already" in again.err
    lab.ctl.run("sed", "s/\"wave\": 1/\"wave\": 2/", "/root/request.json", "-i.good")
    bent = lab.belay("run", "--signed", "/root/request.json", "--yes", check=False)
    assert bent.rc == Exit.ERROR and "damaged" in bent.err, bent
    lab.ctl.run("mv", "/root/request.json.good", "/root/request.json")
    rollout = lab.belay("run", "--signed", "/root/request.json", "--yes").out.strip()
    assert lab.belay.wait(rollout) == Exit.DONE
    assert lab.belay.report(rollout)["signers"] == ["alice", BOB]
