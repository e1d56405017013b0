# SPDX-License-Identifier: Apache-2.0
"""Root file systems of hosts with dnf and rpm. Debian has both, and no other source of them can be had everywhere: these
hosts are Debian below, and nothing on them says so to who looks for a package manager.

base     Debian with dnf 4 and rpm; needs the network, renewed every week
host     base, made quiet, with users and keys, with the lab's repository as dnf's only one, and with harness/ground.py's
         packages in rpm's database
target   host, with version 1.0 of every lab package installed
agent    target, with the project's belay-agent installed by dnf
"""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

from harness import cache, debs, ground, images, rpm_files, rpms
from harness.command import LabError, run

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
rpm -i --force-debian --nodeps /srv/lab/{rpms.BASE}
rpm -i --force-debian --justdb --noscripts --notriggers --nodeps /srv/lab/ground-*.rpm
rpm -Va --nodeps
rm -f /usr/bin/apt /usr/bin/apt-* /usr/bin/dpkg /usr/bin/dpkg-*
"""
# Both signatures are checked: the packages', and that of the repository, whose key dnf keeps apart.
INSTALL_AGENT = (
    "dnf -q -y --disablerepo='*' --repofrompath=belay,file:///srv/lab --setopt=belay.gpgcheck=1 --setopt=belay.repo_gpgcheck=1"
    " --setopt=belay.gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-lab install belay-agent >/dev/null\n"
)


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


def ground_store() -> Path:
    """Signed packages of what is on these hosts already, in `pool`."""

    def build(folder: Path) -> None:
        pool, work = folder / "pool", folder / "work"
        pool.mkdir()
        work.mkdir()
        ground.build_all(base(), pool, work)
        shutil.rmtree(work)
        rpm_files.sign(pool.iterdir(), store() / "gnupg", rpms.SIGNER)
        run(["gpgconf", "--homedir", str(store() / "gnupg"), "--kill", "all"])

    key = cache.key_of(Path(ground.__file__), Path(rpm_files.__file__), base().parent.name, store().name)
    return cache.obtain("ground", key, build)


@functools.cache
def product_rpms() -> Path:
    """As images.product_debs(), from BELAY_LAB_RPMS."""
    given = os.environ.get("BELAY_LAB_RPMS")
    return Path(given) if given else images.built("rpms", "build-rpm.sh")


def product_package(side: str) -> Path:
    """The project's package, signed, as it is in product()."""
    (found,) = product().glob(f"belay-{side}-*.rpm")
    return found


def product() -> Path:
    """A repository of the project's packages."""
    found = sorted(product_rpms().glob("belay-*.rpm"))
    if len(found) != 2:
        raise LabError(f"expected two belay-*.rpm in {product_rpms()}, found {[rpm.name for rpm in found]}")

    def build(folder: Path) -> None:
        for rpm in found:
            shutil.copy(rpm, folder)
        gnupg = Path(shutil.copytree(store() / "gnupg", folder / "gnupg"))
        rpm_files.sign(folder.glob("*.rpm"), gnupg, rpms.SIGNER)
        run(["createrepo_c", "--quiet", "--no-database", "--simple-md-filenames", str(folder)])
        gpg = ["gpg", "--batch", "--quiet", "--homedir", str(gnupg)]
        run([*gpg, "--armor", "--detach-sign", str(folder / "repodata" / "repomd.xml")])
        run(["gpgconf", "--homedir", str(gnupg), "--kill", "all"])
        shutil.rmtree(gnupg)

    return cache.obtain("rpmproduct", cache.key_of(*found, store().name), build)


def host() -> list[Path]:
    def put_files(files: Path) -> None:
        images.put_keys(files)
        for name in ("lab.asc", f"pool/{rpms.BASE}"):
            shutil.copy(store() / name, files)
        for rpm in (ground_store() / "pool").iterdir():
            shutil.copy(rpm, files / f"ground-{rpm.name}")

    key = images.keys_key() + store().name + ground_store().name
    return images.layer("rpmhost", [base()], PREPARE_HOST, put_files, key)


def target() -> list[Path]:
    initial = [rpms.file_name(package) for package in rpms.all_packages() if package.version == "1.0"]

    def put_rpms(files: Path) -> None:
        for name in initial:
            shutil.copy(store() / "pool" / name, files)

    paths = " ".join(f"/srv/lab/{name}" for name in initial)
    install = f"dnf -q -y --disablerepo='*' install {paths} >/dev/null\n"
    return images.layer("rpmtarget", host(), install, put_rpms, store().name)


def agent() -> list[Path]:
    def put_repository(files: Path) -> None:
        shutil.copytree(product(), files, dirs_exist_ok=True)

    return images.layer("rpmagent", target(), INSTALL_AGENT, put_repository, product().name)
