# SPDX-License-Identifier: Apache-2.0
"""RPMs made of files that exist already: of a Debian package that is installed somewhere, or of another RPM."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.command import LabError, run

FILE_NAME = "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm"
SECTIONS = {"pre": "PREIN", "post": "POSTIN", "preun": "PREUN", "postun": "POSTUN", "posttrans": "POSTTRANS"}
CHANGED = b"\nnewer\n"
"""What a program or library bears behind its end."""

SPEC = """Name: %(name)s
Version: %(version)s
Release: %(release)s
Summary: %(name)s of the lab
License: MIT
%(fields)s
%%description
%(name)s of the lab.
%%files
%(files)s
%(scripts)s
"""


@dataclass(frozen=True)
class Rpm:
    """What an RPM is made of, besides its files' content."""

    name: str
    version: str
    files: tuple[str, ...]
    """Lines of %files."""
    fields: tuple[str, ...] = ()
    """More lines of the head, such as Requires."""
    scripts: dict[str, str] = field(default_factory=dict)
    """Text of a scriptlet or trigger by what stands behind the %."""
    release: str = "1"

    def newer(self, scripts: dict[str, str] | None = None) -> Rpm:
        """The next release of it, with other scriptlets or with the same."""
        return replace(self, release=f"{int(self.release) + 1}", scripts={**self.scripts, **(scripts or {})})


def defines(settings: dict[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("--define", f"{name} {value}")]


def build(rpm: Rpm, tree: Path, pool: Path, work: Path) -> Path:
    """Makes the RPM of the files in `tree`, exactly as they are."""
    spec = work / f"{rpm.name}-{rpm.release}.spec"
    fill = {"name": rpm.name, "version": rpm.version, "release": rpm.release}
    fill["fields"] = "\n".join(rpm.fields)
    fill["files"] = "\n".join(rpm.files)
    fill["scripts"] = "".join(f"%{section}\n{_plain(text)}\n" for section, text in rpm.scripts.items())
    spec.write_text(SPEC % fill)
    settings = {
        "_topdir": str(work),
        "_rpmdir": str(pool),
        "_rpmfilename": FILE_NAME.replace("%", "%%"),
        "_binary_payload": "w.ufdio",
        "_dbpath": str(work / "db"),
        "_build_id_links": "none",
        "__os_install_post": "%{nil}",
        "debug_package": "%{nil}",
    }
    run(["rpmbuild", "-bb", "--quiet", "--noclean", f"--buildroot={tree}", *defines(settings), str(spec)], timeout=120)
    return pool / f"{rpm.name}-{rpm.version}-{rpm.release}.x86_64.rpm"


def sign(rpms: Iterable[Path], gnupg: Path, signer: str) -> None:
    settings = {"_gpg_name": signer, "_gpg_path": str(gnupg), "__gpg": "/usr/bin/gpg"}
    run(["rpmsign", *defines(settings), "--addsign", *map(str, sorted(rpms))], timeout=120)


def describe(path: Path) -> Rpm:
    """What this RPM is made of. (Its triggers are left out.)"""

    def ask(form: str) -> str:
        return run(["rpm", "-qp", "--nosignature", "--qf", form, str(path)]).out

    name, version, release = ask("%{NAME} %{VERSION} %{RELEASE}").split()
    fields = ["AutoReqProv: no"]
    for field_name, tag in (("Requires", "REQUIRE"), ("Provides", "PROVIDE")):
        for line in ask(f"[%{{{tag}NAME}} %{{{tag}FLAGS:depflags}} %{{{tag}VERSION}}\\n]").splitlines():
            # What rpm adds by itself names this release.
            if not line.startswith(("rpmlib(", f"{name} ", f"{name}(", "config(")):
                fields.append(f"{field_name}: {line.strip()}")
    kept = (line.split(" ", 4) for line in ask("[%{FILEMODES:octal} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILEFLAGS} %{FILENAMES}\\n]").splitlines())
    files = tuple(file_line(file, int(mode, 8), user, group, bool(int(flags) & 1)) for mode, user, group, flags, file in kept)
    scripts = {section: ask(f"%|{tag}?{{%{{{tag}}}}}|") for section, tag in SECTIONS.items()}
    return Rpm(name, version, files, tuple(fields), {section: text for section, text in scripts.items() if text}, release)


def unpack(path: Path, tree: Path) -> None:
    tree.mkdir(parents=True)
    with path.open("rb") as package:
        archive = subprocess.run(["rpm2archive", "-n", "-"], stdin=package, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-C", str(tree), "-xp"], input=archive, check=True)


def file_line(path: str, mode: int, user: str, group: str, is_config: bool) -> str:
    """A line of %files; the mode is that of stat()."""
    words = ["%dir"] if mode & 0o170000 == 0o040000 else []
    words += ["%config(noreplace)"] if is_config else []
    bits = "-" if mode & 0o170000 == 0o120000 else f"{mode & 0o7777:o}"
    # Of what rpm reads as a pattern only this is in names: units that have a dash in their names.
    return " ".join([*words, f"%attr({bits}, {user}, {group})", f'"{path.replace(chr(92), "?")}"'])


def change(path: Path) -> None:
    """A program or library that does the same and is another file."""
    content = path.read_bytes()
    if not content.startswith(b"\x7fELF"):
        raise LabError(f"{path} is no program and no library")
    path.write_bytes(content + CHANGED)


def _plain(text: str) -> str:
    """rpmbuild would expand what looks like a macro."""
    return text.replace("%", "%%")
