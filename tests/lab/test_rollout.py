# SPDX-License-Identifier: Apache-2.0
"""The main job, end to end: good rollouts in waves, bad versions that take the host back, people at the controls."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def instant(text: str) -> datetime:
    assert INSTANT.fullmatch(text), text
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def of(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(host for host in report["hosts"] if host["name"] == name)


def step(host: dict[str, Any], name: str) -> dict[str, Any]:
    return next(step for step in host["steps"] if step["name"] == name)


def wave_of(report: dict[str, Any], wave: int) -> list[dict[str, Any]]:
    return [host for host in report["hosts"] if host["wave"] == wave]


def waiting_postinst(host: Host) -> None:
    wait_for(f"the postinst on {host.name}", lambda: host.path(DEMO_WAITS).exists())


def let_go(host: Host) -> None:
    host.path(DEMO_GO).write_text("")


def assert_all_given_back(host: Host) -> None:
    assert host.unit_state("cron.service") == "active"
    assert host.can_log_in()
    leases = host.path("/var/lib/belay/leases")
    assert not leases.exists() or not list(leases.iterdir())


def test_a_good_rollout_in_two_waves(fleet: MakeFleet) -> None:
    """R12, R17: waves one after the other; every step's times in the report."""
    lab = fleet(hosts=3)
    lab.repository.publish("1.0", "demo=2.0")
    before = {host.name: host.state() for host in lab}
    code, report = lab.belay.roll_out(plan("demo=2.0", waves=[1, 2], soak="1s"))
    assert code == Exit.DONE, report
    assert report["state"] == "complete"
    assert [len(wave_of(report, wave)) for wave in (1, 2)] == [1, 2]
    for host in lab:
        assert host.dpkg("demo") == "ii 2.0"
        assert_all_given_back(host)
        now = host.state()
        for part in ("active units", "failed units", "unit files", "listening", "sshd", "marks", "held"):
            assert now[part] == before[host.name][part], part
        told = of(report, host.name)
        assert told["state"] == "committed" and told["cause"] is None
        names = [one["name"] for one in told["steps"]]
        order = ["stage", "baseline", "precheck", "quiesce", "ssh_lock", "arm", "upgrade", "verify", "ssh_unlock", "resume"]
        assert names[: len(order)] == order
        for one in told["steps"]:
            assert one["result"] == "ok"
            assert instant(one["start"]) <= instant(one["end"])
    first_wave_end = max(instant(one["end"]) for host in wave_of(report, 1) for one in host["steps"])
    second_wave_start = min(instant(step(host, "upgrade")["start"]) for host in wave_of(report, 2))
    assert second_wave_start >= first_wave_end + timedelta(seconds=1), "the soak lies between"
    text = lab.belay("report", report["rollout"]).out
    assert all(host.name in text for host in lab) and "upgrade" in text


def test_isolated_while_changing(fleet: MakeFleet) -> None:
    """R16, R18: while the package run is under way nobody gets in but through the emergency way, and cron rests."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    h1.write("/etc/systemd/system/night-backup.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")
    h1.write("/etc/systemd/system/night-backup.timer", "[Timer]\nOnCalendar=03:00\n[Install]\nWantedBy=timers.target\n")
    h1.run("systemctl", "daemon-reload")
    h1.run("systemctl", "enable", "--now", "night-backup.timer")
    before = h1.state()
    lab.repository.publish("1.0", "demo=2.7")
    lock = {"keep": {"groups": ["breakglass"], "from": [lab.bastion]}}
    quiesce = {"units": ["cron.service"], "timers": ["*backup*"]}
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"], ssh_lock=lock, quiesce=quiesce))
    waiting_postinst(h1)
    assert h1.unit_state("cron.service") == "inactive"
    assert h1.unit_state("night-backup.timer") == "inactive"
    h1.run("systemctl", "start", "cron.service", check=False)
    assert h1.unit_state("cron.service") == "inactive", "nobody starts it by accident"
    assert not h1.can_log_in(), "root from outside"
    assert h1.can_log_in(bind=lab.bastion), "the bastion's address"
    assert h1.can_log_in(user="medic"), "a member of the emergency group"
    assert lab.belay.status(rollout)["hosts"][0]["step"] == "upgrade"
    let_go(h1)
    assert lab.belay.wait(rollout) == Exit.DONE
    assert h1.dpkg("demo") == "ii 2.7"
    assert_all_given_back(h1)
    now = h1.state()
    assert now["active units"] == before["active units"]
    assert now["unit files"] == before["unit files"]


@pytest.mark.parametrize(
    ("version", "code"),
    [("2.1", "unit"), ("2.2", "postinst_failed"), ("2.8", "port")],
    ids=["service-does-not-start", "postinst-fails", "port-not-open"],
)
def test_a_bad_version_goes_back(fleet: MakeFleet, version: str, code: str) -> None:
    """R19, R21: the host is exactly as before; later waves don't start; the exit code says so."""
    lab = fleet(hosts=3)
    for host in lab:
        host.write("/etc/demo/demo.conf", "setting = as the admin likes it\n")
        host.run("systemctl", "restart", "demo.service")
    before = {host.name: host.state() for host in lab}
    lab.repository.publish("1.0", f"demo={version}")
    exit_code, report = lab.belay.roll_out(plan(f"demo={version}", waves=[1, 2]))
    assert exit_code == Exit.HOSTS_FAILED, report
    assert report["state"] == "halted"
    (bad,) = wave_of(report, 1)
    assert bad["state"] == "reverted"
    assert code in bad["cause"]["code"], bad["cause"]
    assert step(bad, "restore")["result"] == "ok" and step(bad, "prove")["result"] == "ok"
    for other in wave_of(report, 2):
        assert other["state"] == "cancelled"
        assert "upgrade" not in [one["name"] for one in other["steps"]]
    for host in lab:
        assert host.state() == before[host.name], host.name
        assert_all_given_back(host)
    why = lab.belay("why", bad["name"]).out
    assert bad["cause"]["code"] in why


def test_preview_changes_nothing(fleet: MakeFleet) -> None:
    lab = fleet(hosts=2)
    lab.repository.publish("1.0", "demo=2.0")
    before = {host.name: host.state() for host in lab}
    lists = {host.name: host.run("find", "/var/lib/apt/lists", "/var/cache/apt", "-type", "f").out for host in lab}
    path = lab.belay.write_plan(plan("demo"))
    lab.belay("check", path)
    shown = lab.belay("preview", path)
    assert "1.0" in shown.out and "2.0" in shown.out and "h1" in shown.out
    document = lab.belay.json("preview", path)
    assert document
    for host in lab:
        assert host.state() == before[host.name]
        assert host.run("find", "/var/lib/apt/lists", "/var/cache/apt", "-type", "f").out == lists[host.name]


def test_a_wrong_plan_names_file_line_and_field(fleet: MakeFleet) -> None:
    lab = fleet(hosts=0)
    path = lab.belay.write_plan("plan: x\nrisk: low\nhosts: { match: { role: web } }\nchange: { pakages: [ demo ] }\n")
    done = lab.belay("check", path, check=False)
    assert done.rc != 0
    assert f"{path}:4" in done.err and "pakages" in done.err and "packages" in done.err


def test_rollback_of_one_wave_and_of_a_whole_rollout(fleet: MakeFleet) -> None:
    """R31: one command, also after the rollout was complete."""
    lab = fleet(hosts=3)
    before = {host.name: host.state() for host in lab}
    lab.repository.publish("1.0", "demo=2.0")
    code, report = lab.belay.roll_out(plan("demo=2.0", waves=[1, "rest"]))
    assert code == Exit.DONE, report
    rollout = report["rollout"]
    (first,), others = ([lab[host["name"]] for host in wave_of(report, wave)] for wave in (1, 2))
    lab.belay("rollback", rollout, "--wave", "2")
    for host in others:
        lab.belay.wait_for_host(rollout, host.name, "reverted")
        assert host.state() == before[host.name]
        assert_all_given_back(host)
    lab.belay.wait(rollout)
    assert lab.belay.host_states(rollout)[first.name] == "committed"
    assert first.dpkg("demo") == "ii 2.0" and first.http() == (200, "2.0"), "nobody asked for this one"
    lab.belay("rollback", rollout)
    wait_for("the first one's way back", lambda: lab.belay.host_states(rollout)[first.name] == "reverted")
    assert lab.belay.wait(rollout) == Exit.ROLLED_BACK
    for host in lab:
        assert host.dpkg("demo") == "ii 1.0"
        assert host.state() == before[host.name]
        assert_all_given_back(host)


def test_rollback_of_what_the_hosts_stand_on(fleet: MakeFleet) -> None:
    """A later rollout that was taken back leaves the way back of the one before it; a later good one does not."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    before = h1.state()
    lab.repository.publish("1.0", "demo=2.0", "demo=2.1", "demo=2.3")
    code, first = lab.belay.roll_out(plan("demo=2.0", waves=["100%"]))
    assert code == Exit.DONE, first
    code, bad = lab.belay.roll_out(plan("demo=2.1", waves=["100%"]))
    assert code == Exit.HOSTS_FAILED, bad
    assert h1.dpkg("demo") == "ii 2.0"
    lab.belay("rollback", first["rollout"])
    assert lab.belay.wait(first["rollout"]) == Exit.ROLLED_BACK
    assert h1.state() == before

    code, low = lab.belay.roll_out(plan("demo=2.0", waves=["100%"]))
    assert code == Exit.DONE, low
    code, high = lab.belay.roll_out(plan("demo=2.3", waves=["100%"]))
    assert code == Exit.DONE, high
    lab.belay("rollback", low["rollout"])
    assert lab.belay.wait(low["rollout"]) == Exit.ROLLBACK_INCOMPLETE
    (told,) = lab.belay.report(low["rollout"])["hosts"]
    assert told["cause"]["code"] == "way_back_gone"
    assert h1.dpkg("demo") == "ii 2.3", "nothing was pulled out from under the later change"


def test_abort_starts_nothing_new(fleet: MakeFleet) -> None:
    lab = fleet(hosts=2)
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", waves=[1, 1]))
    first = wait_for("a postinst", lambda: [host for host in lab if host.path(DEMO_WAITS).exists()])
    for already in (False, True):
        said = lab.belay("abort", rollout)
        assert ("it was so already" in said.err) == already, said
    let_go(first[0])
    code = lab.belay.wait(rollout)
    states = lab.belay.host_states(rollout)
    assert sorted(states.values()) == ["cancelled", "committed"], (code, states)
    assert sorted(host.dpkg("demo") for host in lab) == ["ii 1.0", "ii 2.7"]


def test_pause_and_resume(fleet: MakeFleet) -> None:
    lab = fleet(hosts=2)
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", waves=[1, 1], soak="1s"))
    (first,) = wait_for("a postinst", lambda: [host for host in lab if host.path(DEMO_WAITS).exists()])
    (second,) = [host for host in lab if host is not first]
    for already in (False, True):
        assert lab.belay.json("pause", rollout)["already"] == already
    let_go(first)
    lab.belay.wait_for_host(rollout, first.name, "committed")
    assert lab.belay.host_states(rollout)[second.name] == "ready"
    assert lab.belay.status(rollout)["paused"]
    lab.belay("resume", rollout)
    waiting_postinst(second)
    assert lab.belay.json("resume", rollout)["already"]
    let_go(second)
    assert lab.belay.wait(rollout) == Exit.DONE


def test_watch_without_a_terminal_prints_lines(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    lab.repository.publish("1.0", "demo=2.0")
    done = lab.belay("run", lab.belay.write_plan(plan("demo=2.0", waves=["100%"])), "--yes", "--watch", timeout=120)
    first_line = done.out.splitlines()[0]
    assert re.fullmatch(r"[0-9a-f]{16}", first_line)
    assert "complete" in done.out
    assert "\x1b" not in done.out
