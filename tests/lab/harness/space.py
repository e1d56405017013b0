# SPDX-License-Identifier: Apache-2.0
"""One set of private namespaces holds the whole lab.

Killing the runner, even with SIGKILL, ends everything: `setpriv --pdeathsig` ends unshare, `--kill-child` ends the
first process of the pid namespace, and with it goes every process; with the last process go the mounts, bridges and
network namespaces. Only empty cgroup directories can outlive that; the next run sweeps them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from harness.probe import UNSHARE

LAB = Path("/run/lab")
"""A tmpfs that only the lab sees: the hosts' writable layers, logs and sockets."""

NAMESPACES = ("mnt", "net", "pid")
CGROUP_PREFIX = "belay-lab."
FLEET_PREFIX = "lab"
"""What the names of a fleet's bridge, cables, directories and cgroups begin with; a number follows."""

INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_INSTANCES = 8192
"""A host takes seven, and the kernel counts those of every host of every lab as root's: its own limit of 128 is reached
by eighteen hosts. The next one does not boot, and on the others systemd misses what it should have been told."""


class CannotEnter(Exception):
    """The namespaces could not be set up."""


# ---- outside: the runner ----


def make_room_for_hosts() -> str | None:
    """Raise the machine's limits that hosts share; returns why that can't be done, or None. They stay raised, since
    another lab may rely on them when this one ends."""
    before = int(INOTIFY_LIMIT.read_text())
    if before >= INOTIFY_INSTANCES:
        return None
    try:
        INOTIFY_LIMIT.write_text(f"{INOTIFY_INSTANCES}\n")
    except OSError as error:
        return f"{INOTIFY_LIMIT} is {before} and can't be raised to {INOTIFY_INSTANCES}: {error.strerror}"
    print(f"lab: raised {INOTIFY_LIMIT} from {before} to {INOTIFY_INSTANCES}, until the machine boots again", flush=True)
    return None


def run_inside(program: list[str]) -> tuple[int, list[str]]:
    """Run a Python program inside fresh namespaces; returns its exit code and what outlived them: nothing, that is."""
    before = set(traces_of_fleets())
    told, tell = os.pipe()
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig=KILL", *UNSHARE, sys.executable, "-m", "harness.inside", str(tell), *program],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        pass_fds=[tell],
    )
    os.close(tell)
    with os.fdopen(told) as names:
        try:
            code = child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise
        lab = json.loads(names.read() or "{}")
    left = [f"process {pid}" for pid in processes_of(lab)] if lab else []
    left += sorted(set(traces_of_fleets()) - before)
    return (code if code >= 0 else 128 - code), left


def identity() -> dict[str, Any]:
    """What the processes of the caller's lab can be found by, from outside of it."""
    return {"namespaces": _namespaces_of("self"), "cgroup": f"{CGROUP_PREFIX}{_namespaces_of('self')['pid']}"}


def processes_of(lab: dict[str, Any]) -> list[str]:
    """The pids of all processes of a lab and of its hosts."""
    mine = lab["namespaces"].items()
    found = {entry for entry in os.listdir("/proc") if entry.isdigit() and mine & _namespaces_of(entry).items()}
    for root in cgroup_roots():
        for procs in root.glob(f"{lab['cgroup']}/**/cgroup.procs"):
            found.update(procs.read_text().split())
    return sorted(found)


def _namespaces_of(pid: str) -> dict[str, int]:
    """The inode numbers of a process's namespaces; empty if it is gone."""
    try:
        return {kind: os.stat(f"/proc/{pid}/ns/{kind}").st_ino for kind in NAMESPACES}
    except OSError:
        return {}


def traces_of_fleets(name: str = "*") -> list[str]:
    """What fleets have in the namespaces of the caller: mounts, bridges, cables, names of network namespaces."""
    mountpoints = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    mounts = [path for path in mountpoints if fnmatch(path, f"{LAB}/{FLEET_PREFIX}{name}/*")]
    links = [link for link in os.listdir("/sys/class/net") if fnmatch(link.split("-")[0], f"{FLEET_PREFIX}{name}")]
    spaces = [str(path) for path in Path("/run/netns").glob(f"{FLEET_PREFIX}{name}-*")]
    return mounts + links + spaces


# ---- cgroups ----


def cgroup_roots() -> list[Path]:
    """Where a cgroup2 hierarchy may be mounted: pure, hybrid."""
    roots = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
    return [root for root in roots if (root / "cgroup.procs").exists()]


def remove_cgroup(top: Path) -> None:
    """Remove a cgroup and those below it, as far as they are empty: the kernel refuses all others."""
    for folder, _, _ in os.walk(top, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            pass


def is_populated(cgroup: Path) -> bool:
    """Does a process live in this cgroup or below it?"""
    try:
        return "populated 1" in (cgroup / "cgroup.events").read_text()
    except FileNotFoundError:
        return False


def sweep_cgroups() -> list[Path]:
    """Remove what dead labs left; returns what could not be removed although nothing lives in it."""
    dead = [top for root in cgroup_roots() for top in root.glob(f"{CGROUP_PREFIX}*") if not is_populated(top)]
    for top in dead:
        remove_cgroup(top)
    return [top for top in dead if top.exists() and not is_populated(top)]


def lab_cgroup() -> Path:
    """The cgroup that this lab lives in; made by set_up()."""
    return Path("/sys/fs/cgroup") / os.environ["BELAY_LAB_CGROUP"]


def join_cgroup(cgroup: Path) -> None:
    """Move the calling process. Another lab's sweep may take the directory while it is still empty: make it again."""
    for attempt in range(10):
        try:
            cgroup.mkdir(parents=True, exist_ok=True)
            (cgroup / "cgroup.procs").write_text("0")
            return
        except (FileNotFoundError, OSError):
            if attempt == 9:
                raise
            time.sleep(0.01)


def in_cgroup(cgroup: Path, argv: list[str]) -> list[str]:
    """A command line that runs `argv` in a cgroup of its own."""
    cgroup.mkdir(parents=True, exist_ok=True)
    return ["/bin/sh", "-c", 'echo 0 >"$0/cgroup.procs" && exec "$@"', str(cgroup), *argv]


# ---- inside: the first process of the pid namespace ----


def set_up() -> None:
    """Make the namespaces ready for hosts. Runs once, as their first process."""
    if os.getpid() != 1:
        raise CannotEnter("set_up() belongs into a fresh pid namespace")
    for command in (
        "mount --make-rprivate /",
        "mount -t tmpfs -o mode=755,size=8g tmpfs /run",
        "umount --quiet --recursive --lazy /sys/fs/cgroup",  # v1 hierarchies; on many machines there are none
        "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
        "ip link set lo up",
    ):
        subprocess.run(command.split(), check=not command.startswith("umount"))
    Path("/proc/sys/net/ipv4/ip_forward").write_text("0")  # fleets must not reach one another
    for folder in (LAB / "tmp", Path("/run/netns"), Path("/run/lock")):
        folder.mkdir(parents=True)
    os.environ["BELAY_LAB_CGROUP"] = identity()["cgroup"]
    join_cgroup(lab_cgroup() / "tests")


def reap_until(pid: int) -> int:
    """Be a good init: collect every orphan until `pid` ends; returns its exit code."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
