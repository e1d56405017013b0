# SPDX-License-Identifier: Apache-2.0
"""How hosts are, as they tell it themselves: shown while it is fresh, and said to be unknown after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]
PERCENT = ("cpu", "memory", "disk")
FIGURES = {*PERCENT, "load", "await", "pressure_cpu", "pressure_memory", "pressure_io"}
TOLD_SECONDS, STALE_SECONDS = 60, 130


def figures_of(lab: Fleet, name: str) -> dict[str, Any]:
    return lab.belay.json("hosts", "show", name)["host"]["figures"]


@pytest.mark.deadline(400)
def test_figures_are_told_and_grow_old(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    wait_for("the host's figures", lambda: figures_of(lab, "h1")["fresh"], TOLD_SECONDS)
    told = figures_of(lab, "h1")
    assert set(told) == {*FIGURES, "at", "fresh", "span_ms"}
    assert all(0 <= told[name] <= 100 for name in PERCENT), told
    assert told["load"] > 0 and told["span_ms"] >= 9000, told
    # As the kernel tells: a figure that it does not have is unknown, and never a good number.
    assert (told["pressure_io"] is None) == (not h1.exists("/proc/pressure/io")), told
    assert (told["await"] is None) == (h1.run("grep", "-cE", "[sv]d|nvme", "/proc/diskstats", check=False).rc != 0), told
    shown = lab.belay("hosts", "show", "h1").out
    assert "memory" in shown and "%" in shown

    lab.repository.publish("1.0", "demo=2.0")
    rollout = lab.belay.start(plan("demo=2.0", waves=["100%"]))
    assert lab.belay.wait(rollout) == Exit.DONE
    assert FIGURES <= set(lab.belay.status(rollout)["hosts"][0]["figures"])

    wait_for("figures again", lambda: figures_of(lab, "h1")["fresh"], TOLD_SECONDS)
    h1.link_down()
    wait_for("they are too old", lambda: not figures_of(lab, "h1")["fresh"], STALE_SECONDS)
    old = figures_of(lab, "h1")
    assert old["at"] is not None
    assert all(old[name] is None for name in FIGURES), "what is old is not known to be good"
    assert "unknown; last heard 2" in lab.belay("hosts", "show", "h1").out


# ---- thresholds ----

SECONDS = 480
"""For a rollout: a virtual machine may be slow."""
RULES = [{"figure": "cpu", "bad": "> 90%", "for": "10s"}, {"figure": "memory", "bad": "> 70%", "for": "10s"}]


TAKEN = "/dev/shm/taken"


def keep_busy(host: Host, processors: int) -> None:
    """By processes that do nothing else, until free()."""
    for number in range(processors):
        host.run("systemd-run", "--quiet", f"--unit=busy{number}", "sh", "-c", "while :; do :; done")


def take_memory(host: Host, percent: int) -> None:
    """So much of the host's memory is not available any more, until free(); by a file, which nobody ends for want of memory."""
    told = dict(line.split()[:2] for line in host.read("/proc/meminfo").splitlines())
    kib = int(told["MemAvailable:"]) - int(told["MemTotal:"]) * (100 - percent) // 100
    host.shell(f"mount -o remount,size=90% /dev/shm && fallocate --length {kib}KiB {TAKEN}")


def free(host: Host) -> None:
    host.shell(f"systemctl stop 'busy*'; rm -f {TAKEN}")


@pytest.mark.long
@pytest.mark.deadline(1200)
def test_processors_and_memory_that_stay_busy_turn_back(lvm_fleet: MakeFleet) -> None:
    """R19, R21: by the host's own figures, with no monitoring at all. It is a virtual machine, since processors and memory
    of all other hosts are those of the machine that the lab runs on."""
    lab = lvm_fleet(hosts=1)
    host = lab["h1"]
    lab.repository.publish("1.0", "demo=2.0")

    def serve(**more: Any) -> str:
        verify = {"units": ["demo.service"], "settle": "1s", "figures": RULES, **more}
        rollout = lab.belay.start(plan("demo=2.0", waves=["100%"], watch="4m", verify=verify))
        wait_for("COMMIT", lambda: "commit_seen" in host.run("belay-rescue", "log").out, SECONDS, every=1)
        return rollout

    def went_back(rollout: str, grade: str, reason: str) -> None:
        code = lab.belay.wait(rollout, SECONDS)
        (told,) = lab.belay.report(rollout)["hosts"]
        assert (told["state"], told["cause"]["code"], told["grade"]) == ("reverted", "figure_bad", grade), told
        assert told["cause"]["reason"].startswith(reason), told
        assert code == (Exit.ROLLED_BACK if grade == "severe" else Exit.HOSTS_FAILED)
        (found,) = [each for each in told["findings"] if each["code"].startswith("figure")]
        assert found["grade"] == grade and host.http() == (200, "1.0")

    rollout = serve()
    keep_busy(host, processors=2)
    went_back(rollout, "functional", "cpu was above 90.0% for 0m")
    free(host)

    rollout = serve(grades={"figure_bad": "severe"})
    keep_busy(host, processors=1)
    take_memory(host, percent=76)
    went_back(rollout, "severe", "memory was above 70.0% for 0m")
    free(host)
