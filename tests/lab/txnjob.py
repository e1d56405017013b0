# SPDX-License-Identifier: Apache-2.0
"""Package jobs without an agent: writes the task files of agent/txn/task.h, starts the real units, reads the results."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from harness.command import LabError, wait_for
from harness.host import Host

JOB = "0123456789abcdef0123456789abcdef"
FOLDER = f"/var/lib/belay/jobs/{JOB}"
FORMAT = 1
SETS = {"named": 1, "security": 2, "all": 3}
PHASES = {"query": 1, "stage": 2, "upgrade": 3, "restore": 4, "inspect": 5}
OK = 1
ACTIONS = {"install": 1, "upgrade": 2, "downgrade": 3, "remove": 4}
RESULT_FIELDS = (
    "format phase attempt result code reason changes notes findings download_bytes installed_bytes packages_done started_ms"
    " ended_ms inventory conffiles audit_clean way_back_complete"
).split()


def encode(value: object) -> bytes:
    """Canonical msgpack of what tasks are made of."""
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if value < 128:
            return bytes([value])
        for head, form in ((b"\xcc", ">B"), (b"\xcd", ">H"), (b"\xce", ">I"), (b"\xcf", ">Q")):
            if value < 256 ** struct.calcsize(form):
                return head + struct.pack(form, value)
    if isinstance(value, str):
        data = value.encode()
        return (bytes([0xA0 | len(data)]) if len(data) < 32 else b"\xd9" + bytes([len(data)])) + data
    if isinstance(value, (list, tuple)):
        head = bytes([0x90 | len(value)]) if len(value) < 16 else b"\xdc" + struct.pack(">H", len(value))
        return head + b"".join(encode(item) for item in value)
    raise LabError(f"no task holds {value!r}")


class _Reader:
    """The kinds of msgpack that results hold."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def _take(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._take(struct.calcsize(form)))[0])

    def value(self) -> object:
        head = self._take(1)[0]
        if head < 0x80 or head >= 0xE0:
            return head if head < 0x80 else head - 256
        if 0xA0 <= head < 0xC0:
            return self._take(head & 31).decode()
        if 0x90 <= head < 0xA0:
            return [self.value() for _ in range(head & 15)]
        if head in (0xC2, 0xC3):
            return head == 0xC3
        numbers = {0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
        if head in numbers:
            return self._number(numbers[head])
        if head == 0xC4:
            return self._take(self._number(">B"))
        if head in (0xD9, 0xDA):
            return self._take(self._number(">B" if head == 0xD9 else ">H")).decode()
        if head == 0xDC:
            return [self.value() for _ in range(self._number(">H"))]
        raise LabError(f"no result holds msgpack {head:#x}")


@dataclass(frozen=True)
class Result:
    """What one phase left behind."""

    ok: bool
    code: str
    reason: str
    changes: list[list[str]]
    notes: list[str]
    findings: list[list[str]]
    audit_clean: bool
    way_back_complete: bool

    @property
    def pins(self) -> list[tuple[object, ...]]:
        """The changes as a manifest would pin them: name, architecture, version, action."""
        return [(name, arch, to, action) for name, arch, _, to, action in self.changes]


class Job:
    """One job on one host; each phase is the real unit belay-txn@JOB-PHASE.service."""

    def __init__(self, host: Host) -> None:
        self.host = host
        host.shell(f"install -d -m 700 /var/lib/belay/jobs {FOLDER}")

    def unit(self, phase: str) -> str:
        return f"belay-txn@{JOB}-{phase}.service"

    def start(
        self,
        phase: str,
        packages: list[str] | None = None,
        pins: list[tuple[object, ...]] | None = None,
        deadline: float = 0,
        lock_wait: float = 20,
        keep: Sequence[str] = (),
        metadata_max_age: float = 0,
        exclude: tuple[str, ...] = (),
        **allow: bool,
    ) -> None:
        """Write the task, forget an earlier run, start the unit and return. `packages` may be ["security"] or ["all"]."""
        wanted = SETS.get((packages or [""])[0], SETS["named"]) if phase in ("query", "stage") else 0
        packages = packages if wanted == SETS["named"] else []
        requests = [(name, version) for name, _, version in (text.partition("=") for text in packages or [])]
        task = [
            *(FORMAT, PHASES[phase], 0, wanted, requests, [(name,) for name in exclude], pins or []),
            *(allow.get("remove", False), allow.get("downgrade", False), allow.get("new", True)),
            *(allow.get("ignore_phasing", False), False, allow.get("replace_conffiles", False), int(metadata_max_age * 1000)),
            *([(path,) for path in keep], False, False, False, phase == "inspect"),
            *(int(deadline * 1000), int(lock_wait * 1000)),
        ]
        for kind in ("result", "started"):
            self.host.path(f"{FOLDER}/{phase}.{kind}").unlink(missing_ok=True)
        target = self.host.path(f"{FOLDER}/{phase}.task")
        target.write_bytes(encode(task))
        os.chmod(target, 0o600)
        self.host.run("systemctl", "start", "--no-block", self.unit(phase))

    def wait(self, phase: str, timeout: float = 60) -> Result | None:
        """When the unit has ended: its result, or None when it left none."""

        def ended() -> bool:
            """One that was only asked for is inactive, too, but a job for it waits."""
            lines = self.host.run("systemctl", "show", "--property=ActiveState,Job", self.unit(phase)).out.splitlines()
            shown = dict(line.split("=", 1) for line in lines)
            return shown["ActiveState"] in ("inactive", "failed") and shown.get("Job", "") in ("", "0")

        wait_for(f"{phase} on {self.host.name} to end", ended, timeout)
        path = self.host.path(f"{FOLDER}/{phase}.result")
        if not path.exists():
            return None
        told = dict(zip(RESULT_FIELDS, _Reader(path.read_bytes()).value(), strict=True))
        return Result(
            told["result"] == OK,
            *(told["code"], told["reason"], told["changes"], [note for (note,) in told["notes"]]),
            *(told["findings"], told["audit_clean"], told["way_back_complete"]),
        )

    def run(self, phase: str, *args: object, **options: object) -> Result:
        """start() and wait(); a missing result fails the test."""
        self.start(phase, *args, **options)
        result = self.wait(phase)
        assert result is not None, self.host.journal(self.unit(phase))
        return result

    def stage(self, *packages: str, keep: Sequence[str] = (), **allow: object) -> list[tuple[object, ...]]:
        """Ask what would happen, stage exactly that, and hand out the pins."""
        query = self.run("query", list(packages), **allow)
        assert query.ok, query
        staged = self.run("stage", list(packages), query.pins, keep=keep, **allow)
        assert staged.ok and staged.way_back_complete, staged
        return query.pins

    def log(self, phase: str) -> str:
        path = self.host.path(f"{FOLDER}/{phase}.log")
        return path.read_text() if path.exists() else ""
