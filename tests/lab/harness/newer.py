# SPDX-License-Identifier: Apache-2.0
"""Newer versions of packages that a host has already: the real ones, with another number."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from harness.command import run
from harness.host import Host

SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "triggers", "shlibs", "symbols", "templates", "config")
SUFFIX = "+lab1"


def _unpack_installed(host: Host, name: str, tree: Path) -> None:
    """A package's files and scripts as they are on the host. (dpkg-repack stumbles over /lib64.)"""
    archive = "/run/newer.tar"
    listed = f"dpkg -L {name} | sed -n 's,^/\\(.\\),\\1,p' | grep -vxE '[.]|s?bin|lib(32|64|x32)?' >/run/newer.list"
    host.shell(f"{listed}; tar -C / --no-recursion --ignore-failed-read -cf {archive} -T /run/newer.list 2>/dev/null")
    tree.mkdir()
    run(["tar", "-C", str(tree), "-xpf", str(host.path(archive))])
    meta = tree / "DEBIAN"
    meta.mkdir(mode=0o755)
    arch = host.run("dpkg-query", "-W", "-f", "${Architecture}", name).out
    for script in SCRIPTS:
        for base in (f"{name}.{script}", f"{name}:{arch}.{script}"):
            source = host.path(f"/var/lib/dpkg/info/{base}")
            if source.exists():
                (meta / script).write_bytes(source.read_bytes())
                (meta / script).chmod(0o755)
    conffiles = host.run("dpkg-query", "-W", "-f", "${Conffiles}\\n", name).out
    kept = [line.split()[0] for line in conffiles.splitlines() if line.strip() and not line.endswith("obsolete")]
    if kept:
        (meta / "conffiles").write_text("".join(f"{path}\n" for path in kept))
    status = host.run("dpkg", "-s", name).out
    status = re.sub(r"^Conffiles:\n( .*\n)*", "", status, flags=re.M)
    (meta / "control").write_text(re.sub(r"^(Status|Config-Version):.*\n", "", status, flags=re.M).strip() + "\n")


def _build(tree: Path, deb: Path) -> Path:
    run(["dpkg-deb", "-Znone", "-b", str(tree), str(deb)])
    deb.with_suffix(".stanza").write_text(run(["apt-ftparchive", "packages", deb.name], cwd=deb.parent).out.strip() + "\n")
    return deb


def newer(
    host: Host, names: list[str], folder: Path, spoil: Callable[[Path], None] = lambda tree: None
) -> list[Path]:
    """Each package twice, with its stanza: as it is, and as its next version, spoilt in its tree."""
    versions = {host.dpkg(name).split()[1] for name in names}
    made = []
    for name in names:
        tree = folder / name
        _unpack_installed(host, name, tree)
        made.append(_build(tree, folder / f"{name}_now_lab.deb"))
        control = tree / "DEBIAN" / "control"
        text = control.read_text()
        for version in versions:
            text = text.replace(f"Version: {version}\n", f"Version: {version}{SUFFIX}\n")
            text = text.replace(f"(= {version})", f"(= {version}{SUFFIX})")
        control.write_text(text)
        spoil(tree)
        made.append(_build(tree, folder / f"{name}_next_lab.deb"))
    return made
