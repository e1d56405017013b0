# SPDX-License-Identifier: Apache-2.0
"""What rpm and dnf have in their records of a host: as Host tells it of dpkg and apt elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.command import Result, run


def packages(root: Path) -> dict[str, str]:
    """Every package with its versions; works on a host that is off, too."""
    command = ["rpm", "--dbpath", str(root / "var/lib/rpm"), "-qa", "--qf", "%{NAME} %{EVR}\\n"]
    found: dict[str, str] = {}
    for name, version in sorted(tuple(line.split(" ")) for line in run(command, check=False).out.splitlines()):
        found[name] = f"{found[name]} and {version}" if name in found else version
    return found


def state(ask: Callable[..., Result]) -> dict[str, object]:
    """`ask` is the host's run()."""
    dnf = ["dnf", "-q", "--noplugins", "--disablerepo=*"]
    return {
        "reasons": sorted(ask(*dnf, "repoquery", "--installed", "--qf", "%{name} %{reason}").out.split("\n")),
        "verified": ask("rpm", "-Va", "--nodeps", check=False).out.splitlines(),
    }


def conffiles(ask: Callable[..., Result]) -> set[str]:
    return {line for line in ask("rpm", "-qca").out.splitlines() if line.startswith("/")}
