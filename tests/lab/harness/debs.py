# SPDX-License-Identifier: Apache-2.0
"""Tiny Debian packages with one fault each, made without network in about a second.

demo 1.0, 2.0   good; a service that answers HTTP with its version on port 8080
     2.1        its service ends at once with status 3
     2.2        its postinst fails
     2.3        the shipped conffile changed
     2.4        its postinst never ends
     2.5        depends on a package that does not exist
     2.6        its prerm fails (so: the upgrade away from it)
     2.7        good, but its postinst waits for /run/demo-go; /run/demo-waits says that it does
     2.8        the service runs and listens on nothing
     2.9        the service answers HTTP 500
     2.10       good, but the kernel reports a bug while it is installed, on hosts with Host.open_kernel_log()
     2.11       good, but its postinst leaves a process behind that keeps its output open
     2.12       good; as an RPM its %preun fails (so: the upgrade away from it)
lib, app        a pair that only fits together in the same version; app has a service
bulk1 .. bulk5  nothing but a file
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.command import run

MAINTAINER = "Lab <lab@example.invalid>"
DEMO_PORT = 8080
DEMO_GO = "/run/demo-go"
DEMO_WAITS = "/run/demo-waits"
KERNEL_BUG = "BUG: unable to handle page fault for address: ffffc90000a3f000"

# Perl is the only interpreter besides sh that every Debian host has.
SERVER = """#!/usr/bin/perl
use strict; use warnings; use IO::Socket::INET;
$SIG{PIPE} = 'IGNORE';
my $listener = IO::Socket::INET->new(Listen => 64, LocalPort => %(port)d, ReuseAddr => 1) or die "listen: $!";
while (my $peer = $listener->accept) {
    while (my $line = <$peer>) { last if $line =~ /^\\r?\\n$/ }
    print $peer "HTTP/1.0 %(status)s\\r\\nContent-Type: text/plain\\r\\n\\r\\n%(version)s\\n";
    close $peer;
}
"""
SLEEPER = "#!/bin/sh\nexec sleep infinity\n"

UNIT = """[Unit]
Description=Lab service %(name)s %(version)s
[Service]
ExecStart=/usr/lib/%(name)s/%(name)s
[Install]
WantedBy=multi-user.target
"""

# The service part is what debhelper's dh_installsystemd generates, with its failures ignored in the same way.
POSTINST = """#!/bin/sh
set -e
if [ "$1" = configure ]; then
    %(hook)s
fi
"""
POSTINST_SERVICE = """if [ "$1" = configure ]; then
    deb-systemd-helper unmask %(name)s.service >/dev/null || true
    if deb-systemd-helper --quiet was-enabled %(name)s.service; then
        deb-systemd-helper enable %(name)s.service >/dev/null || true
    fi
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload >/dev/null || true
        if [ -n "$2" ]; then action=restart; else action=start; fi
        deb-systemd-invoke $action %(name)s.service >/dev/null || true
    fi
fi
"""
PRERM = """#!/bin/sh
set -e
%(hook)s
if [ -d /run/systemd/system ] && [ "$1" = remove ]; then
    deb-systemd-invoke stop %(name)s.service >/dev/null || true
fi
"""


@dataclass(frozen=True)
class Package:
    """One version of one package; the fields beyond name and version say how it differs from a dull good one."""

    name: str
    version: str
    program: str | None = None
    """The service's program; without one there is no service."""
    setting: str = "default-1"
    """What the conffile says."""
    postinst: str = ":"
    prerm: str = ":"
    fields: dict[str, str] = field(default_factory=dict)
    """Additional control fields."""

    @property
    def filename(self) -> str:
        return f"{self.name}_{self.version}_all.deb"


def kernel_says(text: str, only_if_open: bool = False) -> str:
    """A line of shell that puts a message of level `alert` into the host's /dev/kmsg, in the form in which the kernel
    hands it out; numbers must rise, or journald takes it for one it has seen."""
    line = "read -r up _ </proc/uptime; usec=$(echo \"$up\" | tr -d .)0000"
    line += f"; printf '1,%s,%s,-;%s\\n' \"$usec\" \"$usec\" '{text}' >/dev/kmsg"
    return f"if [ -p /dev/kmsg ]; then {line}; fi" if only_if_open else line


def serve(version: str, status: str = "200 OK") -> str:
    return SERVER % {"port": DEMO_PORT, "status": status, "version": version}


def demo_versions() -> Iterator[Package]:
    wait_for_go = f"touch {DEMO_WAITS}; until [ -e {DEMO_GO} ]; do sleep 0.05; done; rm -f {DEMO_WAITS}"
    yield Package("demo", "1.0", serve("1.0"))
    yield Package("demo", "2.0", serve("2.0"))
    yield Package("demo", "2.1", "#!/bin/sh\necho 'broken config' >&2\nexit 3\n")
    yield Package("demo", "2.2", serve("2.2"), postinst="echo 'demo: migration failed' >&2; exit 1")
    yield Package("demo", "2.3", serve("2.3"), setting="default-2")
    yield Package("demo", "2.4", serve("2.4"), postinst="echo hanging; sleep infinity")
    yield Package("demo", "2.5", serve("2.5"), fields={"Depends": "no-such-package (>= 9)"})
    yield Package("demo", "2.6", serve("2.6"), prerm='[ "$1" != upgrade ] || { echo "prerm says no" >&2; exit 1; }')
    yield Package("demo", "2.7", serve("2.7"), postinst=wait_for_go)
    yield Package("demo", "2.8", SLEEPER)
    yield Package("demo", "2.9", serve("2.9", status="500 Internal Server Error"))
    yield Package("demo", "2.10", serve("2.10"), postinst=kernel_says(KERNEL_BUG, only_if_open=True))
    yield Package("demo", "2.11", serve("2.11"), postinst="sleep 86400 &")
    yield Package("demo", "2.12", serve("2.12"))


def all_packages() -> list[Package]:
    packages = list(demo_versions())
    for version in ("1.0", "2.0"):
        packages.append(Package("lib", version))
        packages.append(Package("app", version, SLEEPER, fields={"Depends": f"lib (= {version})"}))
        packages += [Package(f"bulk{number}", version) for number in range(1, 6)]
    return packages


def build(package: Package, pool: Path, work: Path) -> Path:
    """Make the .deb and its stanza for a Packages file (same name, suffix .stanza) in `pool`."""
    tree = work / f"{package.name}-{package.version}"
    names = {"name": package.name, "version": package.version}

    def put(path: str, text: str, mode: int = 0o644) -> None:
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    put(f"usr/lib/{package.name}/version", f"{package.version}\n")
    put(f"etc/{package.name}/{package.name}.conf", f"setting = {package.setting}\n")
    put("DEBIAN/conffiles", f"/etc/{package.name}/{package.name}.conf\n")
    control = {
        "Package": package.name,
        "Version": package.version,
        "Architecture": "all",
        "Maintainer": MAINTAINER,
        "Section": "misc",
        "Priority": "optional",
        **package.fields,
        "Description": f"lab package {package.name} {package.version}",
    }
    put("DEBIAN/control", "".join(f"{key}: {value}\n" for key, value in control.items()))
    postinst = POSTINST % {"hook": package.postinst}
    if package.program is not None:
        put(f"usr/lib/{package.name}/{package.name}", package.program, 0o755)
        put(f"lib/systemd/system/{package.name}.service", UNIT % names)
        put("DEBIAN/prerm", PRERM % {"hook": package.prerm, **names}, 0o755)
        postinst += POSTINST_SERVICE % names
    put("DEBIAN/postinst", postinst, 0o755)
    deb = pool / package.filename
    run(["dpkg-deb", "-Znone", "--root-owner-group", "-b", str(tree), str(deb)])
    stanza = run(["apt-ftparchive", "packages", package.filename], cwd=pool).out
    deb.with_suffix(".stanza").write_text(stanza.strip() + "\n")
    return deb
