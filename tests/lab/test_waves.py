# SPDX-License-Identifier: Apache-2.0
"""When waves may go: shares of the fleet gated on what users get, windows, a change freeze, and a label to spread them over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host
from test_gates import FILES, ask, watched_fleet

MakeFleet = Callable[..., Fleet]

# A thousand requests a second. Once the new version is there, one in ten fails on a host that has the flag.
SHOP = f"""#!/bin/sh
all=0 ok=0
while sleep 1; do
    all=$((all + 1000))
    if [ -e /etc/shop-breaks ] && dpkg-query -W -f '${{Version}}' demo | grep -q '^2'; then
        ok=$((ok + 900))
    else
        ok=$((ok + 1000))
    fi
    printf 'shop_requests %s\\nshop_requests_ok %s\\n' "$all" "$ok" > {FILES}/shop.prom.new
    mv {FILES}/shop.prom.new {FILES}/shop.prom
done
"""
SUCCESS = "sum(rate(shop_requests_ok[10s])) / sum(rate(shop_requests[10s]))"


def open_shop(host: Host) -> None:
    host.write("/usr/local/bin/shop", SHOP, 0o755)
    host.run("systemd-run", "--unit=shop", "/usr/local/bin/shop")


def hosts_of_wave(lab: Fleet, rollout: str, wave: int) -> list[Host]:
    return [lab[host["name"]] for host in lab.belay.status(rollout)["hosts"] if host["wave"] == wave]


@pytest.mark.deadline(400)
def test_ten_thirty_sixty_stops_where_users_feel_it(fleet: MakeFleet) -> None:
    """R12: 10 % → 30 % → 60 % of five hosts; in the second wave the success rate falls below 99.9 %."""
    lab = watched_fleet(fleet, hosts=5)
    for host in lab:
        open_shop(host)
    wait_for("a rate of requests", lambda: "=> 1 @" in ask(lab, SUCCESS))
    success = {
        "name": "success", "prometheus": SUCCESS, "good": ">= 0.999", "samples": "3 of 3", "every": "2s", "delay": "4s", "stale": "10s",
        "minimum": {"of": "sum(increase(shop_requests[10s]))", "least": 3000},
    }
    rollout = lab.belay.start(plan(waves=["10%", "30%", "rest"], soak="2s", gates=[success]))
    assert [wave["hosts_count"] for wave in lab.belay.status(rollout)["waves"]] == [1, 2, 2]
    first, second, third = (hosts_of_wave(lab, rollout, wave) for wave in (1, 2, 3))
    second[0].write("/etc/shop-breaks", "")
    assert lab.belay.wait(rollout, timeout=240) == Exit.HOSTS_FAILED
    report = lab.belay.report(rollout)
    assert (report["state"], report["code"]) == ("halted", "gate_bad"), report["reason"]
    assert "success: 0.9" in report["reason"] and "good >= 0.999" in report["reason"], report["reason"]
    # It was good after the first wave, and nobody of the third was ever started.
    assert [host.version("demo") for host in first + second] == ["2.0"] * 3
    assert [host.version("demo") for host in third] == ["1.0"] * 2
    states = {host["name"]: host["state"] for host in report["hosts"]}
    assert {states[host.name] for host in third} == {"cancelled"}, states


def window(begins: timedelta, minutes: int) -> dict[str, Any]:
    """One that begins so long from now, by the controller's clock."""
    at = datetime.now(timezone.utc) + begins
    return {"from": at.strftime("%H:%M"), "for": f"{minutes}m"}


def quick(**keys: Any) -> str:
    """At worst a job of some ten minutes: a window can end before that, and be long enough."""
    return plan(
        waves=["100%"], quiesce={"units": ["cron.service"], "wait": "10s"}, change_within="4m", confirm_within="1m", lost_after="1m", **keys)


def test_a_host_starts_only_while_a_whole_job_is_left_of_a_window(fleet: MakeFleet) -> None:
    """One that opens later, one that is about to close, and one that is open for long enough."""
    lab = fleet(hosts=1)
    lab.repository.publish("1.0", "demo=2.0")
    later, closing = window(timedelta(hours=3), 60), window(timedelta(minutes=-20), 22)
    for each in (later, closing):
        text = quick(windows=[each])
        shown = lab.belay("preview", lab.belay.write_plan(text)).out
        assert f"from {each['from']} UTC" in shown, shown
        rollout = lab.belay.start(text)
        lab.belay.wait_for_host(rollout, "h1", "ready")
        hold = wait_for("the window to hold it", lambda: next(iter(lab.belay.status(rollout)["holds"]), None))
        assert hold["code"] == "window", hold
        assert lab["h1"].version("demo") == "1.0"
        assert lab.belay.host_states(rollout) == {"h1": "ready"}
        lab.belay("abort", rollout)
        lab.belay.wait(rollout)
    code, report = lab.belay.roll_out(quick(windows=[later, window(timedelta(minutes=-5), 120)]))
    assert code == Exit.DONE, report["reason"]
    assert lab["h1"].version("demo") == "2.0"


def test_a_freeze_is_shown_before_and_after_signing_and_lifted(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    lab.repository.publish("1.0", "demo=2.0")
    path = lab.belay.write_plan(plan(waves=["100%"]))
    assert lab.belay.json("preview", path)["freeze"] is None
    lab.belay("freeze", "--reason", "the year ends")
    assert "change freeze until 'belay unfreeze' (the year ends)" in lab.belay("preview", path).out
    assert lab.belay.json("preview", path)["freeze"]["reason"] == "the year ends"
    rollout = lab.belay.start(plan(waves=["100%"]))
    lab.belay.wait_for_host(rollout, "h1", "ready")
    hold = wait_for("the freeze to hold it", lambda: next(iter(lab.belay.status(rollout)["holds"]), None))
    assert hold["code"] == "freeze", hold
    assert "the year ends" in lab.belay("status", rollout).out
    # It outlives belayd, like all that people ordered.
    lab.ctl.run("systemctl", "restart", "belayd.service")
    wait_for("belayd", lambda: lab.belay("status", rollout, check=False).ok)
    assert [hold["code"] for hold in lab.belay.status(rollout)["holds"]] == ["freeze"]
    assert lab["h1"].version("demo") == "1.0"
    lab.belay("unfreeze")
    assert lab.belay.wait(rollout) == Exit.DONE
    assert lab["h1"].version("demo") == "2.0"


@pytest.mark.deadline(400)
def test_waves_are_spread_over_zones_and_hosts_own_figures_are_heard(fleet: MakeFleet) -> None:
    """Two of each zone: each wave has one of each. What hosts tell of themselves lets the waves go on."""
    lab = fleet(hosts=4)
    lab.repository.publish("1.0", "demo=2.0", "demo=2.7")
    for number, host in enumerate(lab):
        lab.belay("hosts", "label", host.name, f"zone={'east' if number < 2 else 'west'}")
    zones = {host.name: "east" if number < 2 else "west" for number, host in enumerate(lab)}
    refused = lab.belay("preview", lab.belay.write_plan(plan(waves=[1, "rest"], spread="zone")), check=False)
    assert not refused.ok and "at once: make an earlier wave at least 2 hosts" in refused.err, refused
    text = plan(
        waves=[2, "rest"], spread="zone", soak="5s",
        gates=[{"name": "findings", "hosts": "minor", "share": "50%"},
               {"name": "load", "hosts": "load", "bad": "> 1000", "samples": "1 of 4", "every": "30s"}])
    shown = lab.belay("preview", lab.belay.write_plan(text)).out
    assert shown.count("zone east 1, west 1") == 2, shown
    rollout = lab.belay.start(text)
    for wave in (1, 2):
        assert sorted(zones[host.name] for host in hosts_of_wave(lab, rollout, wave)) == ["east", "west"]
    assert lab.belay.wait(rollout, timeout=240) == Exit.DONE, lab.belay.report(rollout)["reason"]
    told = {gate["name"]: gate for gate in lab.belay.report(rollout)["gates"]}
    assert {gate["verdict"] for gate in told.values()} == {"good"}, told
    assert "load > 1000: 0 of 4 upgraded hosts" in told["load"]["note"], told["load"]
    a_service_that_crashes_with_the_change_stops_the_rollout(lab)


def a_service_that_crashes_with_the_change_stops_the_rollout(lab: Fleet) -> None:
    """The first host of the next change has one, and is good by its own plan; what it tells stops the others."""
    for host in lab:
        host.run("systemd-run", "--unit=victim.service", "-p", "Restart=always", "sleep", "infinity")
    crashes = {"name": "crashes", "hosts": "unit_crashed", "samples": "1 of 1", "every": "1s"}
    rollout = lab.belay.start(plan("demo=2.7", waves=[1, "rest"], gates=[crashes]))
    (first,) = wait_for("the first host's postinst", lambda: [host for host in lab if host.path(DEMO_WAITS).exists()])
    first.run("systemctl", "kill", "--signal=KILL", "victim.service")
    first.path(DEMO_GO).write_text("")
    assert lab.belay.wait(rollout) == Exit.HOSTS_FAILED
    report = lab.belay.report(rollout)
    assert (report["state"], report["code"]) == ("halted", "gate_bad"), report["reason"]
    assert "unit_crashed: 1 of 1 upgraded hosts, allowed are 0" in report["reason"], report["reason"]
    assert first.name in report["reason"], report["reason"]
    states = {host["name"]: host["state"] for host in report["hosts"]}
    assert states == {host.name: "committed" if host is first else "cancelled" for host in lab}
    assert {host.version("demo") for host in lab if host is not first} == {"2.0"}
