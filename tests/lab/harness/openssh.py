# SPDX-License-Identifier: Apache-2.0
"""Other OpenSSH servers than the one of the hosts' Debian, for hosts that are to have them.

new   the packages of Debian's backports: OpenSSH 10, which knows the socket unit that starts a service
old   Ubuntu 18.04's sshd, OpenSSH 7.6, with the library it needs: from before sshd knew Include

Both come from the network once; where that can't be had, find() tells why, and what needs them is skipped.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.request
from pathlib import Path

from harness import cache
from harness.command import LabError, run

BACKPORTS = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm-backports main"
NEW_PACKAGES = ["openssh-server", "openssh-client", "openssh-sftp-server"]

OLD_POOL = "http://archive.ubuntu.com/ubuntu/pool/main/"
OLD_FILES = {
    "o/openssh/openssh-server_7.6p1-4ubuntu0.7_amd64.deb": "6fc22ccafc3f26b07f9f34825496c60f180f25fd93687461be05c1fb460ea9ad",
    "o/openssl1.0/libssl1.0.0_1.0.2n-1ubuntu5.13_amd64.deb": "ed14555671475a2db481049b4b66ecd376f79a7ca6d4d78a1702feb037aa5422",
}
OLD_SSHD, OLD_LIBRARY = "usr/sbin/sshd", "usr/lib/x86_64-linux-gnu/libcrypto.so.1.0.0"

_VARIABLE = "BELAY_LAB_OPENSSH_"


def fetch() -> None:
    """Called by the runner, while there is a network; what was found is handed over in the environment."""
    for kind, key, build in (
        ("new", cache.key_of(BACKPORTS, " ".join(NEW_PACKAGES)), _build_new),
        ("old", cache.key_of(repr(OLD_FILES)), _build_old),
    ):
        try:
            os.environ[_VARIABLE + kind] = str(cache.obtain(f"openssh{kind}", key, build))
        except (LabError, OSError) as error:
            os.environ[_VARIABLE + kind] = f"can't be had: {error}"


def find(kind: str) -> Path | str:
    """The directory with OpenSSH `new` or `old`, or why there is none."""
    found = os.environ.get(_VARIABLE + kind, "was not asked for")
    return Path(found) if found.startswith("/") else found


def _build_new(folder: Path) -> None:
    """Asks apt, which checks the signatures, in directories of its own."""
    work = folder / "work"
    for name in ("state/lists/partial", "cache/archives/partial", "etc"):
        (work / name).mkdir(parents=True)
    (work / "etc" / "sources.list").write_text(f"{BACKPORTS}\n")
    options = [f"Dir::State={work}/state", f"Dir::Cache={work}/cache", f"Dir::Etc={work}/etc", "APT::Sandbox::User=root"]
    options += ["Dir::State::status=/dev/null", "APT::Architecture=amd64", "APT::Architectures=amd64"]
    apt_get = ["apt-get", "-qq", *(word for option in options for word in ("-o", option))]
    run([*apt_get, "update"], timeout=120)
    run([*apt_get, "download", *NEW_PACKAGES], cwd=folder, timeout=120)
    shutil.rmtree(work)


def _build_old(folder: Path) -> None:
    for name, digest in OLD_FILES.items():
        with urllib.request.urlopen(OLD_POOL + name, timeout=60) as answer:
            content = answer.read()
        if hashlib.sha256(content).hexdigest() != digest:
            raise LabError(f"{name} is not the file that was expected")
        deb = folder / Path(name).name
        deb.write_bytes(content)
        run(["dpkg-deb", "--extract", str(deb), str(folder)])
    for needed in (OLD_SSHD, OLD_LIBRARY):
        if not (folder / needed).exists():
            raise LabError(f"no {needed} in Ubuntu's packages")
