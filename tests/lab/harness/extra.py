# SPDX-License-Identifier: Apache-2.0
"""Programs of Debian that only some tests need on a host: their packages, with everything that the hosts lack for them.

They come from the network once; where that can't be had, find() tells why, and what needs them is skipped.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from harness import cache, images
from harness.command import LabError, run
from harness.host import Host

SOURCE = f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian {images.DEBIAN} main"
EXTRAS = {
    "unattended-upgrades": ["unattended-upgrades"],
    "prometheus": ["prometheus"],
    "prometheus-node-exporter": ["prometheus-node-exporter"],
    "docker": ["docker.io", "crun", "busybox-static"],
    "podman": ["podman", "crun", "busybox-static"],
}

_VARIABLE = "BELAY_LAB_EXTRA_"


def fetch() -> None:
    """Called by the runner, while there is a network; what was found is handed over in the environment."""
    for name, packages in EXTRAS.items():
        key = cache.key_of(SOURCE, " ".join(packages), images.base().parent.name)
        try:
            found = str(cache.obtain("extra", key, lambda folder, packages=packages: _build(folder, packages)))
        except (LabError, OSError) as error:
            found = f"can't be had: {error}"
        os.environ[_variable(name)] = found


def find(name: str) -> Path | str:
    """The directory with the packages, or why there is none."""
    found = os.environ.get(_variable(name), "was not asked for")
    return Path(found) if found.startswith("/") else found


def install(host: Host, name: str) -> None:
    """On this one host, as apt would have done it."""
    folder = find(name)
    if isinstance(folder, str):
        raise LabError(f"the packages of {name}: {folder}")
    debs = sorted(folder.glob("*.deb"))
    for deb in debs:
        shutil.copy(deb, host.path("/root"))
    names = " ".join(f"/root/{deb.name}" for deb in debs)
    apt_get = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0"
    host.shell(f"{apt_get} install {names} >/dev/null && rm {names}", timeout=120)


def _variable(name: str) -> str:
    return _VARIABLE + name.upper().replace("-", "_")


def _build(folder: Path, packages: list[str]) -> None:
    """Asks apt, which checks the signatures, what a host lacks; in directories of its own."""
    work = folder / "work"
    for name in ("state/lists/partial", "cache/archives/partial", "etc"):
        (work / name).mkdir(parents=True)
    (work / "etc" / "sources.list").write_text(f"{SOURCE}\n")
    status = images.base() / "var" / "lib" / "dpkg" / "status"
    options = [f"Dir::State={work}/state", f"Dir::Cache={work}/cache", f"Dir::Etc={work}/etc", "APT::Sandbox::User=root"]
    options += [f"Dir::State::status={status}", "APT::Architecture=amd64", "APT::Architectures=amd64"]
    options += ["APT::Install-Recommends=false", "Debug::NoLocking=true"]
    apt_get = ["apt-get", "-qq", *(word for option in options for word in ("-o", option))]
    run([*apt_get, "update"], timeout=120)
    run([*apt_get, "--yes", "--download-only", "install", *packages], timeout=300)
    for deb in (work / "cache" / "archives").glob("*.deb"):
        deb.rename(folder / deb.name)
    shutil.rmtree(work)
