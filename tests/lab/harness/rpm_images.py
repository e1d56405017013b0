# SPDX-License-Identifier: Apache-2.0
"""Root file systems of hosts with dnf and rpm. Debian has both, and no other source of them can be had everywhere: these
hosts are Debian below, and nothing on them says so to who looks for a package manager.

base     Debian with dnf 4 and rpm; needs the network, renewed every week
host     base, made quiet, with users and keys, and with the lab's repository as dnf's only one
target   host, with version 1.0 of every lab package installed
agent    target, with the project's belay-agent: its .deb, installed before dpkg and apt are taken away
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from harness import cache, debs, images, rpms
from harness.command import run

PACKAGES = [name for name in images.PACKAGES if name != "dpkg-repack"] + ["rpm", "dnf", "dnf-plugins-core"]

MAIN_CONFIG = "[main]\\ngpgcheck=1\\ninstallonly_limit=3\\nclean_requirements_on_remove=True\\nbest=True\\n"
REPOSITORY_CONFIG = (
    "[lab]\\nname=lab\\nbaseurl=http://repository/\\ngpgcheck=1\\nrepo_gpgcheck=1\\n"
    "gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-lab\\n"
)
OS_RELEASE = 'NAME="Lab Enterprise Linux"\\nID="lab"\\nID_LIKE="rhel centos fedora"\\nVERSION_ID="9.4"\\n'

# rpm's database lies where RPM distributions have it; dnf's plugin `local` is Debian's own.
PREPARE_HOST = f"""{images.PREPARE_HOST}
mkdir -p /etc/rpm /etc/dnf/plugins /etc/yum.repos.d /etc/pki/rpm-gpg /var/lib/rpm
echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros.lab
printf '[main]\\nenabled=0\\n' >/etc/dnf/plugins/local.conf
printf '{MAIN_CONFIG}' >/etc/dnf/dnf.conf
printf '{REPOSITORY_CONFIG}' >/etc/yum.repos.d/lab.repo
rm -f /etc/os-release
printf '{OS_RELEASE}' >/etc/os-release
for unit in dnf-makecache.timer dnf-automatic.timer; do ln -sf /dev/null /etc/systemd/system/$unit; done
install -m 644 /srv/lab/lab.asc /etc/pki/rpm-gpg/RPM-GPG-KEY-lab
rpm --import /etc/pki/rpm-gpg/RPM-GPG-KEY-lab
rpm -i --force-debian /srv/lab/{rpms.BASE}
"""
FORGET_DEBIAN = "rm -f /usr/bin/apt /usr/bin/apt-* /usr/bin/dpkg /usr/bin/dpkg-*\n"


def store() -> Path:
    """As images.apt_store(): `pool`, `gnupg` and the public key `lab.asc`."""

    def build(folder: Path) -> None:
        gnupg, pool, work = (folder / name for name in ("gnupg", "pool", "work"))
        gnupg.mkdir(mode=0o700)
        pool.mkdir()
        gpg = ["gpg", "--batch", "--quiet", "--homedir", str(gnupg)]
        run([*gpg, "--passphrase", "", "--quick-gen-key", rpms.SIGNER, "rsa3072", "sign", "never"])
        (folder / "lab.asc").write_text(run([*gpg, "--armor", "--export"]).out)
        rpms.build_all(pool, work, gnupg)
        run(["gpgconf", "--homedir", str(gnupg), "--kill", "all"])
        shutil.rmtree(work)

    return cache.obtain("rpm", cache.key_of(Path(debs.__file__), Path(rpms.__file__)), build)


def base() -> Path:
    """As images.base()."""
    found = os.environ.get("BELAY_LAB_RPM_BASE")
    return Path(found) if found else images.debian("rpmbase", PACKAGES)


def host() -> list[Path]:
    def put_keys(files: Path) -> None:
        images.put_keys(files)
        for name in ("lab.asc", f"pool/{rpms.BASE}"):
            shutil.copy(store() / name, files)

    return images.layer("rpmhost", [base()], PREPARE_HOST, put_keys, images.keys_key() + store().name)


def target() -> list[Path]:
    initial = [rpms.file_name(package) for package in rpms.all_packages() if package.version == "1.0"]

    def put_rpms(files: Path) -> None:
        for name in initial:
            shutil.copy(store() / "pool" / name, files)

    paths = " ".join(f"/srv/lab/{name}" for name in initial)
    install = f"dnf -q -y --disablerepo='*' install {paths} >/dev/null\n"
    return images.layer("rpmtarget", host(), install, put_rpms, store().name)


def agent() -> list[Path]:
    return images.with_product("agent", target(), kind="rpmagent", then=FORGET_DEBIAN)
