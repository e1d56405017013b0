# SPDX-License-Identifier: Apache-2.0
"""Gates: a real Prometheus on the controller, which scrapes a real exporter on each host over the lab's network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from belaycli import Exit, plan
from harness import extra
from harness.command import wait_for
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]

FILES = "/var/lib/prometheus/node-exporter"
METRIC = "shop_errors"
# The machine's own figures are of no use here, and cost more than a scrape may last when the machine is busy.
EXPORTER = 'ARGS="--collector.disable-defaults --collector.textfile"\n'
CONFIG = """
global: {{ scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s }}
scrape_configs:
  - job_name: hosts
    static_configs: [ {{ targets: [ {targets} ] }} ]
"""


def set_errors(host: Host, value: float) -> None:
    """What the shop on this host counts; the exporter tells it with its own figures."""
    host.write(f"{FILES}/shop.prom.new", f"{METRIC} {value}\n")
    host.run("mv", f"{FILES}/shop.prom.new", f"{FILES}/shop.prom")


# A scrape that a busy machine misses is no hole in what is known.
WORST = f"max(last_over_time({METRIC}[1m]))"


def errors_on(host: Host) -> str:
    return f'last_over_time({METRIC}{{instance="{host.address}:9100"}}[1m])'


def ask(lab: Fleet, query: str) -> str:
    """What Prometheus itself says, without belay."""
    return lab.ctl.run("promtool", "query", "instant", "http://127.0.0.1:9090", query, check=False).out


def watched_fleet(fleet: MakeFleet, hosts: int) -> Fleet:
    for name in ("prometheus", "prometheus-node-exporter"):
        found = extra.find(name)
        if isinstance(found, str):
            pytest.skip(f"{name}: {found}")
    lab = fleet(hosts=hosts)
    for host in lab:
        extra.install(host, "prometheus-node-exporter")
        host.write("/etc/default/prometheus-node-exporter", EXPORTER)
        host.run("systemctl", "restart", "prometheus-node-exporter.service")
        set_errors(host, 1)
    extra.install(lab.ctl, "prometheus")
    targets = ", ".join(f'"{host.address}:9100"' for host in lab)
    lab.ctl.write("/etc/prometheus/prometheus.yml", CONFIG.format(targets=targets))
    lab.ctl.run("systemctl", "restart", "prometheus.service")
    for host in lab:
        wait_for(f"{host.name} to be scraped", lambda host=host: "=> 1 @" in ask(lab, errors_on(host)))
    # All at once: a host asks its repository again only after a minute.
    lab.repository.publish("1.0", "demo=2.0", "demo=2.3")
    return lab


def wait_scraped(lab: Fleet, host: Host, value: str) -> None:
    wait_for(f"Prometheus to know {value}", lambda: f"=> {value} @" in ask(lab, errors_on(host)))


def gate(query: str, **more: Any) -> dict[str, Any]:
    return {"name": "errors", "prometheus": query, "samples": "2 of 2", "every": "1s", "stale": "10s", **more}


def wait_held(lab: Fleet, rollout: str) -> dict[str, str]:
    """The hold of a gate."""
    def held() -> dict[str, str] | None:
        return next((hold for hold in lab.belay.status(rollout)["holds"] if hold["code"].startswith("gate_")), None)

    return wait_for("a gate to hold the rollout", held)


def test_goes_on_while_good_and_tells_the_numbers(fleet: MakeFleet) -> None:
    lab = watched_fleet(fleet, hosts=2)
    good = gate(errors_on(lab["h1"]), bad="> 5", control=errors_on(lab["h2"]))
    times = {"name": "growth", "prometheus": WORST, "bad": "> 2x", "samples": "2 of 2", "every": "1s"}
    lab.ctl.write("/etc/belay/controller-hooks.d/canary", "#!/bin/sh\ngrep -q '\"gate\":\"canary\"' || exit 3\necho 0.25\n", 0o755)
    canary = {"name": "canary", "command": "canary", "good": "<= 0.25", "samples": "1 of 1", "every": "1s"}
    page = {"name": "page", "http": f"http://{lab['h1'].address}:9100/metrics", "contains": METRIC, "samples": "1 of 1", "every": "1s"}
    port = {"name": "port", "tcp": f"{lab['h1'].address}:9100", "samples": "1 of 1", "every": "1s"}
    code, report = lab.belay.roll_out(plan(gates=[good, times, canary, page, port]))
    assert code == Exit.DONE, report["reason"]
    told = {each["name"]: each for each in report["gates"]}
    assert {each["verdict"] for each in told.values()} == {"good"}, told
    assert (told["errors"]["value"], told["errors"]["control"]) == (1, 1)
    assert told["growth"]["baseline"] == 1
    assert told["canary"]["value"] == 0.25
    shown = lab.belay("status", report["rollout"]).out
    assert "errors: 1, bad > 5; hosts not changed 1" in shown
    assert "errors: 1, bad > 5" in lab.belay("report", report["rollout"]).out


def test_a_bad_gate_stops_and_the_next_wave_never_starts(fleet: MakeFleet) -> None:
    lab = watched_fleet(fleet, hosts=2)
    set_errors(lab["h1"], 7.5)
    set_errors(lab["h2"], 7.5)
    wait_scraped(lab, lab["h1"], "7.5")
    code, report = lab.belay.roll_out(plan(gates=[gate(WORST, bad="> 5")]))
    assert code == Exit.HOSTS_FAILED
    assert (report["state"], report["code"]) == ("halted", "gate_bad")
    assert "errors: 7.5, bad > 5" in report["reason"]
    assert sorted(host["state"] for host in report["hosts"]) == ["cancelled", "committed"]
    assert sorted(host.version("demo") for host in lab) == ["1.0", "2.0"]


def test_what_cannot_be_measured_waits_for_a_person(fleet: MakeFleet) -> None:
    """Prometheus is down: a probe error. It is there and knows nothing: inconclusive. Neither is ever good."""
    lab = watched_fleet(fleet, hosts=2)
    lab.ctl.run("systemctl", "stop", "prometheus.service")
    rollout = lab.belay.start(plan(gates=[gate(WORST, bad="> 5")]))
    hold = wait_held(lab, rollout)
    assert hold["code"] == "gate_probe_error", hold
    assert "127.0.0.1" in hold["reason"]
    assert lab.belay.wait(rollout) == Exit.WAITS
    assert sorted(host.version("demo") for host in lab) == ["1.0", "2.0"]

    # A hold outlives belayd. It goes on when a person says so; the next wave is measured anew.
    lab.ctl.run("systemctl", "restart", "belayd.service")
    wait_for("belayd", lambda: lab.belay("status", rollout, check=False).ok)
    assert wait_held(lab, rollout)["code"] == "gate_probe_error"
    lab.belay("resume", rollout)
    hold = wait_held_in_wave(lab, rollout, 2)
    assert hold["code"] == "gate_probe_error"
    lab.belay("resume", rollout)
    assert lab.belay.wait(rollout) == Exit.DONE
    details = [row["detail"] for row in lab.belay.json("audit", "log")["rows"] if row["verb"] == "resume"]
    assert len(details) == 2 and all("over gate_probe_error: errors" in detail for detail in details), details

    lab.ctl.run("systemctl", "start", "prometheus.service")
    wait_for("Prometheus", lambda: "=> 1 @" in ask(lab, errors_on(lab["h1"])))
    rollout = lab.belay.start(plan("demo=2.3", waves=["100%"], gates=[gate("no_such_metric", bad="> 5")]))
    hold = wait_held(lab, rollout)
    assert hold["code"] == "gate_inconclusive", hold
    assert "no data" in hold["reason"]
    assert lab.belay.wait(rollout) == Exit.WAITS


def wait_held_in_wave(lab: Fleet, rollout: str, wave: int) -> dict[str, str]:
    wait_for(f"wave {wave}", lambda: lab.belay.status(rollout)["wave"] == wave)
    return wait_held(lab, rollout)


def test_a_condition_that_stays_bad_takes_everything_back(fleet: MakeFleet) -> None:
    lab = watched_fleet(fleet, hosts=2)
    when = {"name": "order delay", "prometheus": WORST, "bad": "> 5", "for": "3s", "every": "1s", "stale": "10s"}
    rollout = lab.belay.start(plan(waves=[1, "100%"], soak="10m", rollback_when=[when]))
    wait_for("the first wave", lambda: lab.belay.status(rollout)["state"] == "soaking")
    changed = next(host for host in lab if host.version("demo") == "2.0")
    set_errors(changed, 9)
    assert lab.belay.wait(rollout) == Exit.ROLLED_BACK
    assert [host.version("demo") for host in lab] == ["1.0", "1.0"]
    report = lab.belay.report(rollout)
    assert report["gates"][0]["verdict"] == "bad"
    assert "order delay: 9, bad > 5" in report["gates"][0]["text"]


def test_what_is_bad_for_unchanged_hosts_too_is_not_this_change(fleet: MakeFleet) -> None:
    lab = watched_fleet(fleet, hosts=2)
    h1, h2 = lab["h1"], lab["h2"]
    when = {"name": "errors", "prometheus": errors_on(h1), "control": errors_on(h2), "bad": "> 5", "for": "2s", "every": "1s", "stale": "10s"}
    rollout = lab.belay.start(plan(waves=[1, "100%"], soak="10m", rollback_when=[when]))
    wait_for("the first wave", lambda: lab.belay.status(rollout)["state"] == "soaking")
    set_errors(h2, 8)
    wait_scraped(lab, h2, "8")
    set_errors(h1, 9)
    hold = wait_held(lab, rollout)
    assert hold["code"] == "gate_not_this_change", hold
    assert "errors: 9, bad > 5; hosts not changed 8" in hold["reason"]
    assert lab.belay.wait(rollout) == Exit.WAITS
    assert sorted(host.version("demo") for host in lab) == ["1.0", "2.0"]
    assert "committed" in lab.belay.host_states(rollout).values()
