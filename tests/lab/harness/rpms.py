# SPDX-License-Identifier: Apache-2.0
"""The lab's packages (harness/debs.py) once more as RPMs, with the same names, versions and faults.

They differ where rpm does: demo 2.2 stays installed although its %post fails, since rpm only warns; demo 2.6 is stopped
by its %pre, before anything of it is unpacked; demo 2.12 has a %preun that fails; the release is always 1, and the configuration file is noreplace.

lab-release  stands for what the hosts really have from Debian and harness/ground.py does not make RPMs of
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness import debs, rpm_files
from harness.command import run
from harness.debs import Package

RELEASE = "1"
SIGNER = "Lab RPM <rpm@example.invalid>"
BASE = "lab-release-9-1.noarch.rpm"

# As the macros %systemd_post, %systemd_preun and %systemd_postun_with_restart do it.
SPEC = """Name: %(name)s
Version: %(version)s
Release: %(release)s
Summary: lab package %(name)s
License: MIT
BuildArch: noarch
AutoReqProv: no
%(fields)s
%%description
lab package %(name)s %(version)s
%%install
cp -a %(tree)s/. %%{buildroot}/
%%files
/usr/lib/%(name)s
%(unit_file)s
%%config(noreplace) /etc/%(name)s/%(name)s.conf
%(pre)s
%%post
%(post)s
%(service)s
"""
SERVICE = """if [ $1 -eq 1 ]; then
    systemctl --no-reload preset %(name)s.service >/dev/null 2>&1 || :
    [ ! -d /run/systemd/system ] || { systemctl daemon-reload; systemctl start %(name)s.service; } >/dev/null 2>&1 || :
fi
%%preun
%(preun)s
if [ $1 -eq 0 ]; then systemctl --no-reload disable --now %(name)s.service >/dev/null 2>&1 || :; fi
%%postun
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload >/dev/null 2>&1 || :
    [ $1 -eq 0 ] || systemctl try-restart %(name)s.service >/dev/null 2>&1 || :
fi
"""
BASE_SPEC = """Name: lab-release
Version: 9
Release: 1
Summary: what the lab's hosts have from Debian
License: MIT
BuildArch: noarch
Provides: system-release = 9
Provides: system-release(releasever) = 9
Provides: /bin/sh
Provides: python3-dnf
Provides: rpm
%description
The base of a lab host.
%install
mkdir -p %{buildroot}/usr/lib/systemd/system-preset
printf 'enable %s.service\\n' demo app >%{buildroot}/usr/lib/systemd/system-preset/90-lab.preset
echo 'disable *' >%{buildroot}/usr/lib/systemd/system-preset/99-default-disable.preset
%files
/usr/lib/systemd/system-preset
"""


def file_name(package: Package) -> str:
    return f"{package.name}-{package.version}-{RELEASE}.noarch.rpm"


def all_packages() -> Iterator[Package]:
    for package in debs.all_packages():
        requires = {"Requires": text.replace("(", "").replace(")", "") for text in package.fields.values()}
        yield replace(package, prerm=":", fields=requires)


def build_all(pool: Path, work: Path, gnupg: Path) -> None:
    """Make and sign every package in `pool`."""
    work.mkdir()
    specs = [_spec(package, work) for package in all_packages()]
    specs.append(work / "lab-release.spec")
    specs[-1].write_text(BASE_SPEC)
    _build(specs, pool, work)
    rpm_files.sign(pool.glob("*.rpm"), gnupg, SIGNER)


def build(package: Package, pool: Path, work: Path, gnupg: Path) -> Path:
    """Make and sign one that only a test needs; returns its path in `pool`."""
    work.mkdir(exist_ok=True)
    _build([_spec(package, work)], pool, work)
    made = pool / file_name(package)
    rpm_files.sign([made], gnupg, SIGNER)
    return made


def _build(specs: list[Path], pool: Path, work: Path) -> None:
    settings = {
        "_topdir": str(work),
        "_rpmdir": str(pool),
        "_rpmfilename": rpm_files.FILE_NAME.replace("%", "%%"),
        "_binary_payload": "w1.gzdio",
        "_dbpath": str(work / "db"),
    }
    run(["rpmbuild", "-bb", "--quiet", *rpm_files.defines(settings), *map(str, specs)], timeout=120)


def _spec(package: Package, work: Path) -> Path:
    name, tree = package.name, work / f"{package.name}-{package.version}"

    def put(path: str, text: str, mode: int = 0o644) -> None:
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    put(f"usr/lib/{name}/version", f"{package.version}\n")
    put(f"etc/{name}/{name}.conf", f"setting = {package.setting}\n")
    unit_file = service = ""
    if package.program is not None:
        put(f"usr/lib/{name}/{name}", package.program, 0o755)
        unit_file = f"/usr/lib/systemd/system/{name}.service"
        put(unit_file.lstrip("/"), debs.UNIT % {"name": name, "version": package.version})
        preun = "echo '%preun says no' >&2; exit 1" if (name, package.version) == ("demo", "2.12") else ":"
        service = SERVICE % {"name": name, "preun": preun.replace("%", "%%")}
    spec = tree.with_suffix(f"{tree.suffix}.spec")
    stopped = (name, package.version) == ("demo", "2.6")
    spec.write_text(
        SPEC
        % {
            "name": name,
            "version": package.version,
            "release": RELEASE,
            "fields": "".join(f"{key}: {value}\n" for key, value in package.fields.items()),
            "tree": tree,
            "unit_file": unit_file,
            "pre": "%pre\necho '%pre says no' >&2\nexit 1\n" if stopped else "",
            "post": package.postinst.replace("%", "%%"),
            "service": service,
        }
    )
    return spec
