# SPDX-License-Identifier: Apache-2.0
"""Which hosts a plan means, what it would do there, and what is not done a second time."""

from __future__ import annotations

import re
from collections.abc import Callable

from belaycli import Exit, plan
from harness.debs import DEMO_PORT
from harness.fleet import Fleet

MakeFleet = Callable[..., Fleet]
UNIT = """[Service]
ExecStart=/usr/bin/sleep infinity
"""


def publish(lab: Fleet, *specs: str) -> None:
    """Publishes, and has the hosts look at once: an index that is younger than a minute is not fetched again."""
    lab.repository.publish(*specs)
    for host in lab:
        host.run("find", "/var/cache/belay/apt", "-name", "belay-stamp", "-delete")


def test_what_was_taken_back_is_denied_until_somebody_lifts_it(fleet: MakeFleet) -> None:
    """A version that fails its verification is refused to the next plan, by the desk and by belayd."""
    lab = fleet(hosts=2)
    lab.repository.publish("1.0", "demo=2.1")
    path = lab.belay.write_plan(plan("demo=2.1", waves=[1, "100%"]))
    first = lab.belay("run", path, "--yes", "--watch", check=False, timeout=120)
    assert first.rc == Exit.HOSTS_FAILED, first
    rollout = first.out.splitlines()[0]

    def denied() -> list[tuple[str, str, str]]:
        return [(row["package"], row["version"], row["rollout"]) for row in lab.belay.json("deny", "list")["denied"]]

    assert denied() == [("demo", "2.1", rollout)]
    shown = lab.belay("preview", path, check=False)
    assert shown.rc == Exit.ERROR and "belay deny lift demo=2.1" in shown.out, shown
    refused = lab.belay("run", path, "--yes", check=False)
    assert refused.rc == Exit.ERROR and refused.out == "", refused
    assert [row["rollout"] for row in lab.belay.json("rollouts")["rollouts"]] == [rollout]
    assert all(host.dpkg("demo") == "ii 1.0" for host in lab)

    lab.belay("deny", "lift", "--rollout", rollout)
    assert denied() == []
    again = lab.belay("run", path, "--yes", "--watch", check=False, timeout=120)
    assert again.rc == Exit.HOSTS_FAILED, "it was tried, and is as bad as before"
    assert denied() == [("demo", "2.1", again.out.splitlines()[0])]


def test_run_does_no_more_than_was_previewed_and_current_hosts_are_apart(fleet: MakeFleet) -> None:
    lab = fleet(hosts=3)
    first, *others = lab
    lab.repository.publish("1.0", "demo=2.0")
    code, _ = lab.belay.roll_out(plan("demo", hosts={"match": f"role=web, name={first.name}"}, waves=["100%"]))
    assert code == Exit.DONE

    path = lab.belay.write_plan(plan("demo", hosts={"match": "role=web, os=debian, kernel>1"}, waves=[1, "100%"]))
    seen = lab.belay.json("preview", path)
    assert seen["current"] == [first.name], seen
    assert sorted(name for wave in seen["waves"] for name in wave["hosts"]) == sorted(host.name for host in others)
    # By what they have installed, compared as their dpkg does; who has it is asked for nothing more.
    older = {"match": "role=web, package:demo<2.0~", "exclude": "!package:demo or package:no-such-package"}
    seen = lab.belay.json("preview", lab.belay.write_plan(plan("demo", hosts=older, waves=[1, "100%"])))
    assert seen["current"] == [] and seen["blockers"] == [], seen
    assert sorted(name for wave in seen["waves"] for name in wave["hosts"]) == sorted(host.name for host in others)
    shown = lab.belay("preview", path, "--save", "/root/seen").out
    assert re.search(r"^  ~ demo:\w+  1.0 → 2.0$", shown, re.MULTILINE), shown
    assert "total: 2 hosts in 2 waves: 1 package upgraded; 1 current" in shown

    publish(lab, "1.0", "demo=2.0", "demo=2.3")
    refused = lab.belay("run", path, "--yes", "--as-previewed", "/root/seen", check=False)
    assert refused.rc == Exit.ERROR, refused
    assert re.search(r"beyond the preview: demo:\w+ 2.3 \(upgrade\), previewed was 2.0 \(upgrade\): ", refused.err), refused
    assert f"beyond the preview: a host that was not previewed: {first.name}" in refused.err
    assert all(host.dpkg("demo") == "ii 1.0" for host in others)

    publish(lab, "1.0", "demo=2.0")
    assert lab.belay("run", path, "--yes", "--watch", "--as-previewed", "/root/seen", timeout=120).rc == Exit.DONE
    again = lab.belay("run", path, "--yes", check=False)
    assert again.rc == Exit.DONE and again.out == "", "nothing to do"


def test_retry_takes_only_the_hosts_that_failed(fleet: MakeFleet) -> None:
    lab = fleet(hosts=3)
    *good, bad = lab
    for host in lab:
        host.write("/etc/systemd/system/shop.service", UNIT)
        host.run("systemctl", "daemon-reload")
    for host in good:
        host.run("systemctl", "start", "shop.service")
    lab.repository.publish("1.0", "demo=2.0")
    text = plan("demo=2.0", waves=["100%"], failures_allowed=1, precheck={"units": ["shop.service"]},
                verify={"units": ["demo.service"], "ports": [f"tcp/{DEMO_PORT}"], "settle": "1s"})
    code, report = lab.belay.roll_out(text)
    states = {host["name"]: host["state"] for host in report["hosts"]}
    assert states == {**{host.name: "committed" for host in good}, bad.name: "blocked"}, (code, states)
    assert lab.belay.json("deny", "list")["denied"] == [], "a host that was never changed proves nothing"

    bad.run("systemctl", "start", "shop.service")
    done = lab.belay("retry", report["rollout"], "--yes", "--watch", timeout=120)
    assert done.rc == Exit.DONE, done
    assert f"{bad.name}" in done.err and "blocked" in done.err
    again = lab.belay.report(done.out.splitlines()[0])
    assert [(host["name"], host["state"]) for host in again["hosts"]] == [(bad.name, "committed")]
    assert again["retry_of"] == report["rollout"]
    assert lab.belay.report(report["rollout"])["retried_by"] == again["rollout"]
    assert bad.dpkg("demo") == "ii 2.0"
    nothing = lab.belay("retry", again["rollout"], "--yes")
    assert nothing.out == "" and "nothing to do" in nothing.err
