# SPDX-License-Identifier: Apache-2.0
"""The same fault at many points of the same work: where it hits, and what came of it."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

from harness.command import LabError
from harness.host import Host


def points(quick: int) -> int:
    """How many points a sweep has: few in the suite, as many as BELAY_SWEEP_POINTS says when tests/lab/sweep asks."""
    return int(os.environ.get("BELAY_SWEEP_POINTS") or quick)


def fractions(count: int, shard: int = 0, shards: int = 1) -> Iterator[tuple[int, float]]:
    """Number and place, from 0 to 1, of the points that belong to one of several shards."""
    return ((number, (number + 0.5) / count) for number in range(shard, count, shards))


def let_it_run(seconds: float) -> None:
    """The place of a point is a time: there is nothing else to wait for."""
    time.sleep(seconds)


def took(work: Callable[[], None]) -> float:
    """Seconds that it takes when nothing disturbs it."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def kill_processes(host: Host, unit: str, name: str) -> int:
    """SIGKILL those of a unit's processes whose name begins so; how many they were."""
    killed = 0
    for pid in host.pids(unit):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                if comm.read().startswith(name):
                    os.kill(pid, 9)
                    killed += 1
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
    return killed


@dataclass
class Table:
    """What a sweep saw; printed whole, since it is what the sweep is for."""

    name: str
    where: Counter[str] = field(default_factory=Counter)
    """How far the work had come when the fault hit."""
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, where: str, end: str) -> None:
        self.where[where] += 1
        self.ends[end] += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Print, and fail when anything went wrong; what broke the sweep off may follow from that, so it is told along."""
        for title, counts in (("hit at", self.where), ("ended as", self.ends)):
            told = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
            print(f"{self.name}: {title}: {told}")
        if self.wrong:
            wrong = f"{len(self.wrong)} of {sum(self.ends.values())} points"
            broken_off = f"\nbroken off: {error}" if error else ""
            raise LabError(f"{self.name}: {wrong}:\n" + "\n".join(self.wrong) + broken_off) from error
