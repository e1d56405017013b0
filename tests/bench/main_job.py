# SPDX-License-Identifier: Apache-2.0
"""The figures of the main job: a good rollout against bare apt-get, memory, time locked, ping of many hosts."""

from __future__ import annotations

import statistics
import sys
import time
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

from belaycli import AGENT_UNITS, Exit, plan  # noqa: E402 (needs the path above)
from harness.fleet import Fleet  # noqa: E402

ROUNDS = 5


def joined(hosts: int) -> Fleet:
    fleet = Fleet(hosts, product=True)
    try:
        fleet.boot()
        fleet.belay.set_up_controller()
        fleet.belay.join(fleet.hosts, {"role": "web"})
    except BaseException:
        fleet.close()
        raise
    return fleet


def spread(values: list[float], unit: str = "s", digits: int = 2) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} {unit} [{low:.{digits}f} … {high:.{digits}f}]"


def apt_one_after_another(fleet: Fleet, version: str) -> float:
    """What a person with a loop over the hosts would do: update, then install."""
    start = time.monotonic()
    for host in fleet:
        host.unit("sh", "-c", f"apt-get -q update && apt-get -q -y --allow-downgrades install demo={version}")
    return time.monotonic() - start


def seconds(step: dict[str, str]) -> float:
    def instant(text: str) -> datetime:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))

    return (instant(step["end"]) - instant(step["start"])).total_seconds()


def rollouts(fleet: Fleet) -> None:
    fleet.repository.publish("1.0", "demo=2.0")
    bare: list[float] = []
    ours: list[float] = []
    beyond: list[float] = []
    for _ in range(ROUNDS):
        bare.append(apt_one_after_another(fleet, "2.0"))
        for host in fleet:
            host.unit("apt-get", "-q", "-y", "--allow-downgrades", "install", "demo=1.0")
        start = time.monotonic()
        code, report = fleet.belay.roll_out(plan("demo=2.0", waves=["100%"], soak="0s"))
        ours.append(time.monotonic() - start)
        assert code == Exit.DONE, report
        for host in report["hosts"]:
            steps = {step["name"]: step for step in host["steps"]}
            locked = datetime.fromisoformat(steps["ssh_unlock"]["end"].replace("Z", "+00:00")) - datetime.fromisoformat(
                steps["ssh_lock"]["start"].replace("Z", "+00:00")
            )
            beyond.append(locked.total_seconds() - seconds(steps["upgrade"]))
        fleet.belay("rollback", report["rollout"])
        assert fleet.belay.wait(report["rollout"]) == Exit.ROLLED_BACK
    print(f"good rollout, 3 hosts, one wave, CLI start to end:   {spread(ours)}")
    print(f"bare apt-get update + install, one after another:     {spread(bare)}")
    print(f"ratio belay / bare apt:                               {spread([a / b for a, b in zip(ours, bare)], '')}")
    print(f"SSH locked per host beyond the package run:           {spread(beyond)}")


def memory(fleet: Fleet) -> None:
    for unit in AGENT_UNITS:
        values = [host.pss(unit) / 1048576 for host in fleet]
        print(f"proportional memory of {unit:<24}       {spread(values, 'MiB')}")
    print(f"proportional memory of belayd.service                 {fleet.ctl.pss('belayd.service') / 1048576:.2f} MiB")


def ping(hosts: int) -> None:
    fleet = joined(hosts)
    try:
        times = []
        for _ in range(ROUNDS * 2):
            start = time.monotonic()
            document = fleet.belay.json("ping")
            times.append(time.monotonic() - start)
            assert sum(host["answered"] for host in document["hosts"]) == hosts
        entering = []
        for _ in range(ROUNDS):
            start = time.monotonic()
            fleet.ctl.run("true")
            entering.append(time.monotonic() - start)
        print(f"belay ping of {hosts} connected agents, CLI start to exit:  {spread(times, digits=3)}")
        print(f"  of it, entering the controller's namespaces:        {spread(entering, digits=3)}")
        print(f"belayd with {hosts} hosts:                                  {fleet.ctl.pss('belayd.service') / 1048576:.2f} MiB")
    finally:
        fleet.close()


def main() -> int:
    hosts = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    if "--ping-only" in sys.argv:
        ping(hosts)
        return 0
    fleet = joined(3)
    try:
        memory(fleet)
        rollouts(fleet)
        memory(fleet)
    finally:
        fleet.close()
    ping(hosts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
