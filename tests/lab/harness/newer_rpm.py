# SPDX-License-Identifier: Apache-2.0
"""As newer.py, for hosts with dnf: the real files once more, with programs and libraries that are others."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness import ground, rpm_files, rpm_images, rpms

PROGRAMS = ("usr/sbin/belay-agent", "usr/bin/belay-rescue", "usr/libexec/belay/*")


def newer(names: list[str], folder: Path, config: str = "", scripts: dict[str, str] | None = None) -> list[Path]:
    """Each package twice, signed: as it is on the hosts, and its next release. Of the latter, configuration files say
    `config` more, and belay's scriptlets do what `scripts` says more."""
    store = rpm_images.ground_store() / "pool"
    pool, work = folder / "pool", folder / "work"
    for made in (pool, work):
        made.mkdir()
    former, grounds = [], [name for name in names if name in ground.PACKAGES]
    for name in grounds:
        (found,) = store.glob(f"{name}-[0-9]*.rpm")
        former.append(found)
    latest = ground.build_newer(rpm_images.base(), grounds, pool, work, config)
    if "belay-agent" in names:
        former.append(rpm_images.product_package("agent"))
        latest.append(_newer_agent(former[-1], pool, work, scripts or {}))
    gnupg = Path(shutil.copytree(rpm_images.store() / "gnupg", folder / "gnupg"))
    rpm_files.sign(latest, gnupg, rpms.SIGNER)
    rpm_files.run(["gpgconf", "--homedir", str(gnupg), "--kill", "all"])
    return former + latest


def _newer_agent(former: Path, pool: Path, work: Path, scripts: dict[str, str]) -> Path:
    tree, told = work / "belay-agent", rpm_files.describe(former)
    rpm_files.unpack(former, tree)
    for pattern in PROGRAMS:
        for program in tree.glob(pattern):
            rpm_files.change(program)
    more = {section: f"{told.scripts.get(section, '')}\n{text}" for section, text in scripts.items()}
    return rpm_files.build(told.newer(more), tree, pool, work)
