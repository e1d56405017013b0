# SPDX-License-Identifier: Apache-2.0
"""Root file systems for hosts: read-only layers, stacked with overlayfs, each built once and cached.

base         Debian, made by mmdebstrap; the only one that needs the network; renewed every week
host         base, made quiet and quick to boot, with users, keys and the lab's APT source
target       host, with version 1.0 of every lab package installed
controller   host, with the project's belay-controller package installed by apt
agent        target, with the project's belay-agent package installed by apt
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

from harness import cache, debs
from harness.command import LabError, run
from harness.space import LAB, in_cgroup, lab_cgroup, remove_cgroup

TOP = Path(__file__).resolve().parents[3]
"""The project's source tree."""

DEBIAN = "bookworm"
BTRFS_BYTES = 4 << 30
"""Of a disk that snapshots can be taken of; sparse, and in memory as far as it is written to."""
PACKAGES = (
    # a plain server
    "systemd systemd-sysv libpam-systemd dbus openssh-server cron iproute2 procps kmod less dpkg-repack"
    # what the project's packages depend on: hosts have no other repository than the lab's
    " libzmq5 libsodium23 libmsgpackc2 libsqlite3-0 libyaml-0-2 libjansson4 libsystemd0 libcurl4"
    " libmicrohttpd12"
).split()

ORDINARY_USER = "ops"
BREAKGLASS_USER, BREAKGLASS_GROUP = "medic", "breakglass"

MASKED_UNITS = (
    "getty@tty1.service console-getty.service fstrim.timer apt-daily.timer apt-daily-upgrade.timer"
    " dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service systemd-repart.service systemd-firstboot.service"
    " systemd-pstore.service dev-hugepages.mount remote-fs.target"
)

PREPARE_HOST = f"""
ln -s /dev/null /etc/systemd/system/{MASKED_UNITS.replace(' ', '; ln -s /dev/null /etc/systemd/system/')}
mkdir -p /etc/systemd/journald.conf.d /etc/systemd/system.conf.d /var/log/journal
printf '[Journal]\\nStorage=persistent\\nSystemMaxUse=32M\\n' >/etc/systemd/journald.conf.d/lab.conf
printf '[Manager]\\nDefaultTimeoutStopSec=10s\\n' >/etc/systemd/system.conf.d/lab.conf
groupadd {BREAKGLASS_GROUP}
useradd -m -s /bin/bash {ORDINARY_USER}
useradd -m -s /bin/bash -G {BREAKGLASS_GROUP} {BREAKGLASS_USER}
for home in /root /home/{ORDINARY_USER} /home/{BREAKGLASS_USER}; do
    install -d -m 700 $home/.ssh
    install -m 600 /srv/lab/id.pub $home/.ssh/authorized_keys
    chown -R --reference=$home $home/.ssh
done
install -m 600 /srv/lab/hostkey /etc/ssh/ssh_host_ed25519_key
install -m 644 /srv/lab/hostkey.pub /etc/ssh/ssh_host_ed25519_key.pub
install -m 644 /srv/lab/lab.gpg /usr/share/keyrings/lab.gpg
rm -f /etc/apt/sources.list.d/*
echo 'deb [signed-by=/usr/share/keyrings/lab.gpg] http://repository/ ./' >/etc/apt/sources.list
"""


def ssh_keys() -> Path:
    """The key that opens every host (`id`), and the one key that all hosts show (`hostkey`)."""

    def build(folder: Path) -> None:
        for name in ("id", "hostkey"):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab {name}", "-f", str(folder / name)])

    return cache.obtain("ssh", "1", build)


def apt_store() -> Path:
    """The lab's packages (`pool`), the key that signs repositories (`gnupg`) and its public half (`lab.gpg`)."""

    def build(folder: Path) -> None:
        gnupg, pool, work = (folder / name for name in ("gnupg", "pool", "work"))
        gnupg.mkdir(mode=0o700)
        pool.mkdir()
        gpg = ["gpg", "--batch", "--quiet", "--homedir", str(gnupg)]
        run([*gpg, "--passphrase", "", "--quick-gen-key", debs.MAINTAINER, "ed25519", "sign", "never"])
        run([*gpg, "--output", str(folder / "lab.gpg"), "--export"])
        run(["gpgconf", "--homedir", str(gnupg), "--kill", "all"])
        for package in debs.all_packages():
            debs.build(package, pool, work)
        shutil.rmtree(work)

    return cache.obtain("apt", cache.key_of(Path(debs.__file__)), build)


def clock_shift() -> Path:
    """The library that shifts the wall clock of whoever loads it: tests/lab/clock_shift.c."""
    source = TOP / "tests" / "lab" / "clock_shift.c"

    def build(folder: Path) -> None:
        run(["cc", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-o", str(folder / "clock_shift.so"), str(source)])

    return cache.obtain("clock", cache.key_of(source), build) / "clock_shift.so"


def base() -> Path:
    """Debian itself. Needs the network when it is not cached, so the runner calls this before it enters the lab and
    hands the answer over, in BELAY_LAB_BASE: the week may end meanwhile."""
    found = os.environ.get("BELAY_LAB_BASE")
    return Path(found) if found else debian("base", PACKAGES)


def debian(kind: str, packages: list[str]) -> Path:
    """A Debian with these packages."""
    command = [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=apt",
        '--aptopt=Apt::Install-Recommends "false"',
        f"--include={','.join(packages)}",
        '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/resolv.conf && : >"$1"/etc/resolv.conf',
        '--customize-hook=: >"$1"/etc/machine-id',
    ]

    def build(folder: Path) -> None:
        # Killed with its parent, and all its mounts with it.
        space = "setpriv --pdeathsig=KILL unshare --mount --pid --fork --kill-child=KILL --mount-proc".split()
        print(f"lab: building the {DEBIAN} image '{kind}' (once a week, about half a minute)", flush=True)
        run([*space, *command, DEBIAN, str(folder / "tree")], timeout=900)

    year, week, _ = date.today().isocalendar()
    return cache.obtain(kind, cache.key_of("\n".join(command), DEBIAN, f"{year}-{week}"), build) / "tree"


def put_keys(files: Path) -> None:
    """What PREPARE_HOST installs."""
    for name in ("id.pub", "hostkey", "hostkey.pub"):
        shutil.copy(ssh_keys() / name, files)
    shutil.copy(apt_store() / "lab.gpg", files)


def keys_key() -> str:
    """Names the content of what put_keys() puts."""
    return cache.key_of(ssh_keys() / "id.pub", apt_store() / "lab.gpg")


def host() -> list[Path]:
    return layer("host", [base()], PREPARE_HOST, put_keys, keys_key())


def target() -> list[Path]:
    return with_initial_packages("target", host())


def with_initial_packages(kind: str, below: list[Path]) -> list[Path]:
    """The layer with version 1.0 of every lab package."""
    initial = [package.filename for package in debs.all_packages() if package.version == "1.0"]

    def put_debs(files: Path) -> None:
        for name in initial:
            shutil.copy(apt_store() / "pool" / name, files)

    install = _apt_install(*initial)
    return layer(kind, below, install, put_debs, apt_store().name)


def controller() -> list[Path]:
    return with_product("controller", host())


def agent() -> list[Path]:
    return with_product("agent", target())


@functools.cache
def product_debs() -> Path:
    """The project's packages: from BELAY_LAB_DEBS, or built from this source tree (once per content of it)."""
    given = os.environ.get("BELAY_LAB_DEBS")
    return Path(given) if given else built("debs", "build-deb.sh")


def built(kind: str, script: str) -> Path:
    """What this script of packaging/ makes of this source tree."""

    def build(folder: Path) -> None:
        run([str(TOP / "packaging" / script), str(folder)], cwd=TOP, timeout=900)

    return cache.obtain(kind, _source_key(), build)


def _source_key() -> str:
    """Names the content of everything that goes into the packages."""
    listed = run(
        ["git", "-c", f"safe.directory={TOP}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=TOP
    ).out
    names = sorted(name for name in listed.split("\0") if name and not name.startswith(("tests/", ".ci/")))
    files = [TOP / name for name in names]
    return cache.key_of("\0".join(names), *(path for path in files if path.is_file()))


def with_product(side: str, below: list[Path]) -> list[Path]:
    """The layer with the project's package."""
    found = sorted(product_debs().glob(f"belay-{side}_*.deb"))
    if len(found) != 1:
        raise LabError(f"expected one belay-{side}_*.deb in {product_debs()}, found {[deb.name for deb in found]}")

    def put_deb(files: Path) -> None:
        shutil.copy(found[0], files)

    return layer(side, below, _apt_install(found[0].name), put_deb, cache.key_of(found[0]))


def _apt_install(*names: str) -> str:
    files = " ".join(f"/srv/lab/{name}" for name in names)
    apt_get = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0"
    return f"{apt_get} install {files} >/dev/null\napt-get clean\n"


def layer(kind: str, below: list[Path], script: str, put_files: Callable[[Path], None], files_key: str) -> list[Path]:
    """Run a shell script as root in the stack `below`, with files in /srv/lab; what it changed is the new layer."""

    def build(folder: Path) -> None:
        work = LAB / "layers" / folder.name
        files, merged, cgroup = work / "files", work / "merged", lab_cgroup() / folder.name
        files.mkdir(parents=True)
        merged.mkdir()
        put_files(files)
        # The writable part lies in the cache, since a layer can't be renamed across file systems.
        (folder / "tree").mkdir()
        (folder / "work").mkdir()
        mount_overlay(below, folder / "tree", folder / "work", merged)
        try:
            nspawn = f"systemd-nspawn -q -D {merged} --register=no --keep-unit --pipe --private-network".split()
            nspawn += ["--resolv-conf=off", "--timezone=off", "--link-journal=no", f"--bind-ro={files}:/srv/lab"]
            run(in_cgroup(cgroup, [*nspawn, "/bin/sh", "-euc", script]), where=f"layer {kind}", timeout=300)
        finally:
            remove_cgroup(cgroup)
            subprocess.run(["umount", str(merged)], check=True)
            shutil.rmtree(work)
        shutil.rmtree(folder / "work")

    key = cache.key_of(below[0].parent.name, script, files_key)
    return [cache.obtain(kind, key, build) / "tree", *below]


def mount_overlay(lower: list[Path], upper: Path, work: Path, merged: Path) -> None:
    """Stack the lower directories, topmost first, under a writable one."""
    lowerdir = ":".join(map(str, lower))
    options = f"lowerdir={lowerdir},upperdir={upper},workdir={work}"
    run(["mount", "-t", "overlay", "overlay", "-o", options, str(merged)])


def copy_to_btrfs(root: Path, disk: Path) -> None:
    """Put what is mounted at `root` on a btrfs of its own, as a subvolume that is mounted in its place. Its loop device
    goes with the mount."""
    copy = disk.with_name("copy")
    copy.mkdir()
    with disk.open("wb") as file:
        file.truncate(BTRFS_BYTES)
    run(["mkfs.btrfs", "--quiet", str(disk)])
    run(["mount", "-o", "loop", str(disk), str(copy)])
    try:
        run(["btrfs", "subvolume", "create", str(copy / "@")])
        run(["cp", "--archive", "--no-target-directory", str(root), str(copy / "@")], timeout=120)
    finally:
        run(["umount", str(copy)])
        run(["umount", str(root)])
    run(["mount", "-o", "loop,subvol=@", str(disk), str(root)])
    copy.rmdir()
