# SPDX-License-Identifier: Apache-2.0
"""A part of the hosts that were upgraded is looked at more closely, and nobody chooses which."""

from __future__ import annotations

from collections.abc import Callable

from belaycli import Exit, plan
from harness.fleet import Fleet

MakeFleet = Callable[..., Fleet]

SAYS_NO = "#!/bin/sh\ntouch /run/looked\necho 'an order does not arrive'\nexit 1\n"


def test_a_bad_host_of_the_sample_goes_back(fleet: MakeFleet) -> None:
    """R8: both hosts are bad in what only the sample is asked: that one goes back, and nobody asks the other."""
    lab = fleet(hosts=2)
    lab.repository.publish("1.0", "demo=2.0")
    for host in lab:
        host.write("/etc/belay/hooks.d/orders", SAYS_NO, 0o755)
    text = plan("demo=2.0", waves=["100%"], failures_allowed=1, sample={"share": "50%", "hooks": ["orders"]})
    code, report = lab.belay.roll_out(text)
    assert code == Exit.HOSTS_FAILED, report
    (bad,) = [host for host in report["hosts"] if host["sampled"]]
    (good,) = [host for host in report["hosts"] if not host["sampled"]]
    assert (bad["state"], bad["cause"]["code"], bad["grade"]) == ("reverted", "hook_says_bad", "functional")
    assert "an order does not arrive" in bad["cause"]["reason"]
    assert good["state"] == "committed"
    assert lab[bad["name"]].dpkg("demo") == "ii 1.0" and lab[good["name"]].dpkg("demo") == "ii 2.0"
    assert lab[bad["name"]].exists("/run/looked") and not lab[good["name"]].exists("/run/looked")
    assert ", of the sample" in lab.belay("report", report["rollout"]).out


def test_one_person_does_not_go_below_the_grade(fleet: MakeFleet) -> None:
    """R8: a tenth is looked at when nobody says more; less needs another person, whatever the command line says."""
    lab = fleet(hosts=1)
    lab.repository.publish("1.0", "demo=2.0")
    path = lab.belay.write_plan(plan("demo=2.0", risk="medium", waves=None, soak=None, watch=None))
    assert lab.belay.json("preview", path)["weaker"] == []
    assert lab.belay.json("preview", path)["waves"][0]["sample"] == ["h1"]
    path = lab.belay.write_plan(plan("demo=2.0", risk="medium", waves=None, soak=None, watch=None, sample={"share": "0%"}))
    assert [each["field"] for each in lab.belay.json("preview", path)["weaker"]] == ["sample.share"]
    refused = lab.belay("run", path, "--yes", check=False)
    assert refused.rc == Exit.ERROR and "a second person must sign it" in refused.err, refused
    # Twice the same person passes the command line, and not belayd.
    refused = lab.belay("run", path, "--yes", "--key", "alice", "--key", "alice", check=False)
    assert refused.rc == Exit.ERROR and "only one person signed" in refused.err, refused
    assert lab.belay.json("rollouts")["rollouts"] == []
