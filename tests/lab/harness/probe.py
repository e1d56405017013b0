# SPDX-License-Identifier: Apache-2.0
"""Can hosts boot here? A lab that can't run must say why, never pass by doing nothing."""

from __future__ import annotations

import os
import shutil
import subprocess

TOOLS = (
    "apt-ftparchive dpkg-deb dpkg-query gpg ip journalctl mmdebstrap nsenter setpriv ssh ssh-keygen"
    " systemd-nspawn unshare"
).split()

UNSHARE = ["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child=KILL", "--mount-proc"]

# Each needs a throw-away set of namespaces and leaves nothing behind.
TRIALS = (
    ("namespaces can't be made", ":"),
    (
        "overlayfs can't be mounted",
        "mount -t tmpfs t /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m"
        " && mount -t overlay o -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w /mnt/m",
    ),
    ("cgroup2 can't be mounted", "mount -t cgroup2 c /mnt && test -e /mnt/cgroup.procs"),
    ("bridges or veth pairs can't be made", "ip link add br0 type bridge && ip link add v0 type veth peer name v1"),
)


def why_not() -> str | None:
    """The reason why the lab can't run on this machine, or None."""
    if os.geteuid() != 0:
        return "not root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"not installed: {' '.join(missing)}"
    for reason, script in TRIALS:
        trial = subprocess.run([*UNSHARE, "/bin/sh", "-c", script], capture_output=True, text=True)
        if trial.returncode != 0:
            return f"{reason}: {trial.stderr.strip() or trial.returncode}"
    return None
