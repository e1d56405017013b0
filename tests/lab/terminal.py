# SPDX-License-Identifier: Apache-2.0
"""A terminal of so many columns and rows in front of a host, and what stands on it: for programs that draw."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import struct
import termios
import time
import unicodedata
from collections.abc import Callable
from types import TracebackType

from harness.command import LabError
from harness.host import Host

SEQUENCE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")


class Terminal:
    """Runs one program on a host; its second screen, cursor and wrapping are kept as an xterm keeps them."""

    def __init__(self, host: Host, *argv: str, width: int = 80, height: int = 24, **environment: str) -> None:
        settings = {"TERM": "xterm", "LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment}
        # script(1) makes a terminal of the host's own, and hands on size, keys and the exit code.
        inside = "exec " + shlex.join(["env", *(f"{key}={value}" for key, value in settings.items()), *argv])
        command = ["nsenter", "-t", str(host.leader()), "-a", "--", "script", "-qec", inside, "/dev/null"]
        self.width, self.height = width, height
        self.is_second = self.was_second = False
        self.has_cursor = self.wraps = True
        self.overflows: list[str] = []
        self._rows: dict[bool, list[list[str]]] = {False: self._blank(), True: self._blank()}
        self._row = self._column = 0
        self._rest = ""
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.execvp(command[0], command)
        self.resize(width, height)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._fd >= 0:
            os.close(self._fd)  # hangs up: the program ends
            os.waitpid(self._pid, 0)

    def resize(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._rows[self.is_second] = self._blank()
        self._row = self._column = 0
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self._rows[self.is_second]]

    def text(self) -> str:
        return "\n".join(self.lines())

    def wait(self, what: str, good: Callable[[], bool], timeout: float = 60) -> None:
        """Take in what comes until it is good."""
        end = time.monotonic() + timeout
        while not good():
            if time.monotonic() > end or not self._take(end):
                raise LabError(f"waited for {what}; the screen is:\n{self.text()}")

    def end(self, timeout: float = 150) -> int:
        """Wait for the program's end; returns its exit code."""
        end = time.monotonic() + timeout
        while self._take(end):
            if time.monotonic() > end:
                raise LabError(f"it does not end; the screen is:\n{self.text()}")
        os.close(self._fd)
        self._fd = -1
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _blank(self) -> list[list[str]]:
        return [[" "] * self.width for _ in range(self.height)]

    def _take(self, end: float) -> bool:
        """False when nothing comes any more."""
        if not select.select([self._fd], [], [], max(0.0, end - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # so a terminal says that nobody has it open
            return False
        self._feed(data)
        return bool(data)

    def _feed(self, data: bytes) -> None:
        text = self._rest + data.decode("utf-8", "surrogateescape")
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self._put(text[at])
                at += 1
                continue
            found = SEQUENCE.match(text, at)
            if found is None:
                if len(text) - at > 32:
                    raise LabError(f"no sequence that belay writes: {text[at:at + 32]!r}")
                break
            self._obey(*found.groups())
            at = found.end()
        self._rest = text[at:]

    def _obey(self, private: str, numbers: str, letter: str) -> None:
        row = self._rows[self.is_second][self._row]
        if private:
            for number in numbers.split(";"):
                self._set_mode(int(number), letter == "h")
        elif letter == "H":
            self._row = self._column = 0
        elif letter == "K":
            row[min(self._column, self.width - 1):] = [" "] * (self.width - min(self._column, self.width - 1))
        elif letter == "J":
            row[self._column:] = [" "] * (self.width - self._column)
            self._rows[self.is_second][self._row + 1:] = self._blank()[self._row + 1:]
        elif letter != "m":
            raise LabError(f"no sequence that belay writes: {numbers}{letter}")

    def _set_mode(self, mode: int, on: bool) -> None:
        if mode == 1049:
            self.is_second, self.was_second = on, self.was_second or on
            if len(self._rows[on]) != self.height or len(self._rows[on][0]) != self.width:
                self._rows[on] = self._blank()
            self._row = self._column = 0
        elif mode == 25:
            self.has_cursor = on
        elif mode == 7:
            self.wraps = on

    def _put(self, letter: str) -> None:
        rows = self._rows[self.is_second]
        if letter == "\r":
            self._column = 0
        elif letter == "\n":
            self._row += 1
            if self._row == self.height:
                if self.is_second:
                    self.overflows.append(f"a line below the last: {self.lines()[-1]}")
                self._row -= 1
                rows.append([" "] * self.width)
                del rows[0]
        elif not letter.isprintable() and letter not in "\t\b":
            self.overflows.append(f"a control character: {letter!r}")
        elif unicodedata.combining(letter) == 0:
            columns = 2 if unicodedata.east_asian_width(letter) in "WF" else 1
            if self._column + columns > self.width:
                if not self.wraps:
                    self.overflows.append(f"more than {self.width} columns: {self.lines()[self._row]}")
                    return
                self._put("\r")
                self._put("\n")
            self._rows[self.is_second][self._row][self._column] = letter
            self._column += columns
