# SPDX-License-Identifier: Apache-2.0
"""A host that serves after its change is watched: what gets bad until the end of the watch turns it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from belaycli import Exit, job_on, plan
from harness.command import wait_for
from harness.debs import KERNEL_BUG
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]

AGENT = "belay-agent.service"


def serve_with(lab: Fleet, watch: str = "3m", **verify: Any) -> str:
    """Upgrade, and wait until the host serves and the controller has confirmed it; only the watch is left."""
    rules = {"units": ["demo.service"], "settle": "1s", **verify}
    rollout = lab.belay.start(plan("demo=2.0", waves=["100%"], watch=watch, verify=rules))
    wait_for("COMMIT", lambda: "commit_seen" in lab["h1"].run("belay-rescue", "log").out)
    assert job_on(lab["h1"])["state"] == "probation"
    return rollout


def went_back(lab: Fleet, rollout: str, code: str) -> dict[str, Any]:
    code_at_end = lab.belay.wait(rollout)
    (told,) = lab.belay.report(rollout)["hosts"]
    assert (told["state"], told["cause"]["code"]) == ("reverted", code), told
    # After a severe failure a plan of low risk takes everything back.
    assert code_at_end == (Exit.ROLLED_BACK if told["grade"] == "severe" else Exit.HOSTS_FAILED)
    found = [each for each in told["findings"] if each["code"] == code and each["step"] == "verify"]
    assert len(found) == 1 and found[0]["grade"] == told["grade"], told
    assert lab["h1"].dpkg("demo") == "ii 1.0"
    return told


@pytest.mark.deadline(300)
def test_a_service_that_dies_in_the_watch_turns_back(fleet: MakeFleet) -> None:
    """R19: verification was good, COMMIT has come, and then the service dies; also when the agent died before it."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.0")
    before = h1.state()

    rollout = serve_with(lab)
    h1.kill9("demo.service")
    told = went_back(lab, rollout, "unit_failed")
    assert told["grade"] == "functional"
    assert "demo.service failed" in told["cause"]["reason"]
    assert h1.state() == before
    assert "demo.service failed" in lab.belay("why", "h1").out

    # The watch is taken up by the agent that comes after.
    rollout = serve_with(lab)
    h1.kill9(AGENT)
    h1.kill9("demo.service")
    went_back(lab, rollout, "unit_failed")
    assert h1.state() == before


@pytest.mark.deadline(300)
def test_what_nobody_announces_is_seen_all_the_same(fleet: MakeFleet) -> None:
    """R19: a unit that was active before and is stopped, the kernel that reports a bug; each while the host serves."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    h1.open_kernel_log()
    lab.repository.publish("1.0", "demo=2.0")

    rollout = serve_with(lab)
    h1.kernel_says(KERNEL_BUG)
    told = went_back(lab, rollout, "kernel_broken")
    assert told["grade"] == "severe" and KERNEL_BUG in told["cause"]["reason"]

    rollout = serve_with(lab)
    h1.run("systemctl", "stop", "cron.service")
    told = went_back(lab, rollout, "unit_stopped")
    assert "cron.service was active and is not" in told["cause"]["reason"]


@pytest.mark.deadline(300)
def test_the_last_look_sees_what_the_watch_does_not(fleet: MakeFleet) -> None:
    """R19: a mount that goes away meanwhile is no unit's failure; the look at the end of the watch finds it."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.0")
    h1.shell("mkdir -p /srv/data && mount -t tmpfs lab /srv/data")

    rollout = serve_with(lab, watch="15s")
    h1.shell("umount /srv/data")
    # No package run brings a mount back, so the way back can't be proven.
    assert lab.belay.wait(rollout) == Exit.ROLLBACK_INCOMPLETE
    (told,) = lab.belay.report(rollout)["hosts"]
    assert told["state"] == "revert_failed"
    found = [each["code"] for each in told["findings"] if each["step"] == "verify" and each["grade"]]
    assert found == ["mount_gone"], told
    assert h1.dpkg("demo") == "ii 1.0"


def fill_boot(host: Host, percent: int) -> None:
    """/boot is a file system of 64 MiB that the host has for itself; so much of it is used."""
    if not host.exists("/boot/lab"):
        host.shell("mount -t tmpfs -o size=64m lab /boot && touch /boot/lab")
    host.shell(f"rm -f /boot/full && fallocate -l {percent * 64 * 1024 // 100}K /boot/full")


@pytest.mark.deadline(300)
def test_a_figure_that_stays_bad_turns_back(fleet: MakeFleet) -> None:
    """R19, R21: a disk fills up while the host serves; so it does while the agent is killed in between."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.0")
    fill_boot(h1, 10)
    rule = {"figure": "disk", "mount": "/boot", "bad": "> 80%", "for": "8s"}

    rollout = serve_with(lab, figures=[rule])
    fill_boot(h1, 90)
    told = went_back(lab, rollout, "figure_bad")
    assert told["cause"]["reason"].startswith("disk of /boot was above 80.0% for 0m"), told
    assert "up to 90." in told["cause"]["reason"]

    fill_boot(h1, 10)
    rollout = serve_with(lab, figures=[rule])
    fill_boot(h1, 90)
    wait_for("some of the time to be counted", lambda: h1.exists("/run/belay/figures"))
    h1.kill9(AGENT)
    went_back(lab, rollout, "figure_bad")


@pytest.mark.deadline(300)
def test_a_figure_is_compared_with_what_it_was(fleet: MakeFleet) -> None:
    """R19: what was bad before the change is no finding, though it is bad by itself."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.0")
    fill_boot(h1, 90)  # the fullest: nothing else of the host comes near
    rule = {"figure": "disk", "bad": "> 1.1x", "for": "5s"}
    wait_for(
        "a sample of it",
        lambda: (lab.belay.json("hosts", "show", "h1")["host"]["figures"]["disk"] or 0) > 85,
        60,
    )
    verify = {"units": ["demo.service"], "settle": "1s", "figures": [rule]}
    code, good = lab.belay.roll_out(plan("demo=2.0", waves=["100%"], watch="15s", verify=verify))
    assert code == Exit.DONE, good
    assert not [each for each in good["hosts"][0]["findings"] if each["code"].startswith("figure")], good
    assert h1.dpkg("demo") == "ii 2.0"
