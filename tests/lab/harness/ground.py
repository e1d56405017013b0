# SPDX-License-Identifier: Apache-2.0
"""What hosts with dnf stand on, as RPMs with the names of RPM distributions: their own files, which Debian's packages
brought. Hosts have them in rpm's database, so what RPMs need is really there, and newer ones can be made for a test."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness import rpm_files
from harness.command import run
from harness.rpm_files import Rpm

MERGED = ("bin", "sbin", "lib", "lib64")
"""Directories that are links into /usr."""
LIBRARIES = "/usr/lib/x86_64-linux-gnu"

RELOAD = "[ ! -d /run/systemd/system ] || systemctl daemon-reload || :"
# As in Fedora's systemd.spec, as far as it does something on these hosts.
SYSTEMD_SCRIPTS = {
    "post": "[ $1 -eq 1 ] || [ ! -d /run/systemd/system ] || systemctl daemon-reexec || :",
    "postun": "[ $1 -eq 0 ] || systemctl try-restart systemd-journald.service systemd-udevd.service >/dev/null 2>&1 || :",
    "transfiletriggerin -P 1000700 -- /usr/lib/sysusers.d": "systemd-sysusers || :",
    "transfiletriggerin -P 1000500 -- /usr/lib/tmpfiles.d": "[ ! -d /run/systemd/system ] || systemd-tmpfiles --create || :",
    "transfiletriggerin -P 900900 -- /usr/lib/systemd/system /etc/systemd/system": RELOAD,
    "transfiletriggerpostun -P 1000100 -- /usr/lib/systemd/system /etc/systemd/system": RELOAD,
}


@dataclass(frozen=True)
class Ground:
    """One RPM, and Debian's packages that it is made of."""

    debs: str
    changes: tuple[str, ...] = ()
    """Programs or libraries that are others in the next release."""
    provides: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    """Configuration files that a script of Debian made."""
    scripts: dict[str, str] = field(default_factory=dict)


PACKAGES = {
    "glibc": Ground(
        "libc6 libc-bin",
        (f"{LIBRARIES}/libc.so.6", "/usr/bin/getent"),
        provides=("rtld(GNU_HASH)",),
        scripts={"post": "/sbin/ldconfig"},
    ),
    "zeromq": Ground("libzmq5", (f"{LIBRARIES}/libzmq.so.5.2.4",)),
    "libsodium": Ground("libsodium23", (f"{LIBRARIES}/libsodium.so.23.3.0",)),
    "systemd": Ground(
        "systemd systemd-sysv libsystemd-shared",
        (
            "/usr/lib/systemd/systemd",
            "/usr/lib/systemd/systemd-journald",
            f"{LIBRARIES}/systemd/libsystemd-shared-252.so",
        ),
        scripts=SYSTEMD_SCRIPTS,
    ),
    "systemd-libs": Ground("libsystemd0 libudev1", (f"{LIBRARIES}/libsystemd.so.0.35.0",)),
    "systemd-pam": Ground("libpam-systemd", (f"{LIBRARIES}/security/pam_systemd.so",)),
    "dbus": Ground(
        "dbus dbus-bin dbus-daemon dbus-session-bus-common dbus-system-bus-common", ("/usr/bin/dbus-daemon",)
    ),
    "dbus-libs": Ground("libdbus-1-3", (f"{LIBRARIES}/libdbus-1.so.3.32.4",)),
    "openssh": Ground("openssh-client", ("/usr/bin/ssh",)),
    "openssh-server": Ground(
        "openssh-server openssh-sftp-server",
        ("/usr/sbin/sshd", "/usr/lib/openssh/sftp-server"),
        config=("/etc/ssh/sshd_config",),
        scripts={"postun": "[ $1 -eq 0 ] || systemctl try-restart ssh.service >/dev/null 2>&1 || :"},
    ),
    "sqlite-libs": Ground("libsqlite3-0"),
    "libyaml": Ground("libyaml-0-2"),
    "libcurl": Ground("libcurl4"),
    "jansson": Ground("libjansson4"),
}


def build_all(base: Path, pool: Path, work: Path) -> None:
    """Each package as it is in this root file system."""
    for name in PACKAGES:
        _build(base, name, pool, work, lambda rpm, tree: rpm)


def build_newer(base: Path, names: list[str], pool: Path, work: Path, config: str = "") -> list[Path]:
    """The next release of these packages; `config` is what their configuration files say more."""

    def change(rpm: Rpm, tree: Path) -> Rpm:
        for changed in PACKAGES[rpm.name].changes:
            rpm_files.change(tree / changed.lstrip("/"))
        for path in PACKAGES[rpm.name].config:
            with (tree / path.lstrip("/")).open("a") as file:
                file.write(config)
        return rpm.newer()

    return [_build(base, name, pool, work, change) for name in names]


def _build(base: Path, name: str, pool: Path, work: Path, change: object) -> Path:
    ground, tree = PACKAGES[name], work / name
    version = _version(base, ground.debs.split()[0])
    config = {*ground.config, *(path for deb in ground.debs.split() for path in _info(base, deb, "conffiles"))}
    names = _Names(base)
    lines = []
    for path in sorted({*_files(base, ground), *ground.config}):
        source, target = base / path.lstrip("/"), tree / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
        found = source.lstat()
        lines.append(rpm_files.file_line(path, found.st_mode, *names.of(found), path in config))
    fields = ("AutoReq: no", *(f"Provides: {word}" for word in ground.provides))
    rpm = change(Rpm(name, version, tuple(lines), fields, ground.scripts), tree)
    made = rpm_files.build(rpm, tree, pool, work)
    shutil.rmtree(tree)
    return made


def _files(base: Path, ground: Ground) -> Iterator[str]:
    """Paths of all files and links, without links for other programs' sake."""
    for deb in ground.debs.split():
        for listed in _info(base, deb, "list"):
            top = listed.split("/")[1]
            path = f"/usr{listed}" if top in MERGED else listed
            source = base / path.lstrip("/")
            if os.path.lexists(source) and not stat.S_ISDIR(source.lstat().st_mode):
                yield path


def _info(base: Path, deb: str, kind: str) -> list[str]:
    for name in (deb, f"{deb}:amd64"):
        path = base / f"var/lib/dpkg/info/{name}.{kind}"
        if path.exists():
            return [line for line in path.read_text().splitlines() if line.startswith("/") and line != "/."]
    return []


def _version(base: Path, deb: str) -> str:
    """The upstream part: RPM's versions have no dash."""
    told = run(["dpkg-query", f"--admindir={base / 'var/lib/dpkg'}", "--show", "--showformat=${Version}", deb]).out
    return told.partition(":")[2].partition("-")[0] if ":" in told else told.partition("-")[0]


class _Names:
    """The users and groups of a root file system."""

    def __init__(self, base: Path) -> None:
        self._users, self._groups = (self._read(base / "etc" / name) for name in ("passwd", "group"))

    @staticmethod
    def _read(path: Path) -> dict[int, str]:
        return {int(words[2]): words[0] for words in (line.split(":") for line in path.read_text().splitlines())}

    def of(self, found: os.stat_result) -> tuple[str, str]:
        return self._users[found.st_uid], self._groups[found.st_gid]
