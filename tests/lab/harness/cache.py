# SPDX-License-Identifier: Apache-2.0
"""A directory of expensive things, each built once, found again by the hash of what it was made from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

DEFAULT_CACHE = "/var/cache/belay-lab"
KEPT_SECONDS = 14 * 24 * 3600
UNFINISHED = "tmp."


def root() -> Path:
    """Outside of the work tree: it outlives clean checkouts and holds files of many owners."""
    return Path(os.environ.get("BELAY_LAB_CACHE", DEFAULT_CACHE))


def key_of(*inputs: str | bytes | Path) -> str:
    """A name for what is made from these inputs: texts, bytes, or files' contents."""
    digest = hashlib.sha256()
    for item in inputs:
        content = item.read_bytes() if isinstance(item, Path) else item.encode() if isinstance(item, str) else item
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()[:20]


def obtain(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """The entry's directory; when it is missing, `build` fills it, and no one ever sees it half made."""
    entry = root() / f"{kind}-{key}"
    with _locked(entry.name):
        if not entry.exists():
            unfinished = entry.with_name(f"{UNFINISHED}{entry.name}")
            if unfinished.exists():  # its builder was killed
                shutil.rmtree(unfinished)
            unfinished.mkdir(parents=True)
            build(unfinished)
            unfinished.rename(entry)
        os.utime(entry)
    return entry


def prune() -> None:
    """Forget what no run has used for two weeks."""
    for entry in root().glob("*-*"):
        with _locked(entry.name.removeprefix(UNFINISHED)):
            if entry.exists() and time.time() - entry.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(entry, ignore_errors=True)


@contextmanager
def _locked(name: str) -> Iterator[None]:
    locks = root() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with open(locks / name, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
