# SPDX-License-Identifier: Apache-2.0
"""Running commands and waiting for conditions: every wait has a deadline and says what it waited for."""

from __future__ import annotations

import math
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Answer = TypeVar("Answer")

POLL_SECONDS = 0.05
WAIT_SECONDS = 90
"""For what comes when the machine has time for it. Only what is promised within some time has a shorter one."""
SHOWN_CHARACTERS = 4000


_deadline = math.inf


def set_deadline(seconds: float | None) -> None:
    """From now on no wait of this process goes on for longer than this in all; None lifts it."""
    global _deadline
    _deadline = math.inf if seconds is None else time.monotonic() + seconds


def limited(timeout: float) -> float:
    """The timeout, cut where the deadline of set_deadline() comes first."""
    return max(0.0, min(timeout, _deadline - time.monotonic()))


class LabError(AssertionError):
    """Something that the test relied on did not happen."""


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    where: str
    argv: tuple[str, ...]
    rc: int
    out: str
    err: str
    seconds: float

    @property
    def ok(self) -> bool:
        return self.rc == 0

    def check(self) -> Result:
        """This result, if the command ended well."""
        if not self.ok:
            raise LabError(str(self))
        return self

    def __str__(self) -> str:
        text = f"{self.where}$ {shlex.join(self.argv)}\n  rc {self.rc} after {self.seconds:.2f} s"
        for name, stream in (("stdout", self.out), ("stderr", self.err)):
            if stream.strip():
                text += f"\n  {name}: {stream.rstrip()[-SHOWN_CHARACTERS:]}"
        return text


def run(
    argv: list[str],
    *,
    where: str = "lab",
    shown: list[str] | None = None,
    check: bool = True,
    timeout: float = 60,
    stdin: str | None = None,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> Result:
    """Run a command to its end; `shown` is what failure texts print instead of the wrapped command line."""
    timeout = limited(timeout)
    started = time.monotonic()

    def result(rc: int, out: str, err: str) -> Result:
        return Result(where, tuple(shown or argv), rc, out or "", err or "", time.monotonic() - started)

    child = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        cwd=cwd,
        env=env,
        start_new_session=True,
    )
    with child:
        try:
            out, err = child.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"no end within {timeout:g} s: {result(-1, *_kill(child))}") from None
        except BaseException:
            _kill(child)
            raise
    done = result(child.returncode, out, err)
    return done.check() if check else done


def _kill(child: subprocess.Popen[str]) -> tuple[str, str]:
    """End a command with all it started; returns what it had printed. Its pipes may live on in a process on a host."""
    os.killpg(child.pid, signal.SIGKILL)
    try:
        return child.communicate(timeout=1)
    except subprocess.TimeoutExpired:
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                stream.close()
        return "", "(output lost: something still holds the pipes)"


def wait_for(
    what: str, predicate: Callable[[], Answer], timeout: float = WAIT_SECONDS, every: float = POLL_SECONDS
) -> Answer:
    """Ask until the answer is true and return it. A LabError counts as "not yet". After the end it is asked once more: who
    asks may have stood still, too."""
    timeout = limited(timeout)
    deadline = time.monotonic() + timeout
    while True:
        is_last = time.monotonic() >= deadline
        try:
            answer = predicate()
            if answer:
                return answer
            last = repr(answer)
        except LabError as error:
            last = str(error)
        if is_last:
            raise LabError(f"waited {timeout:g} s for: {what}; the last answer was {last}")
        time.sleep(every)
