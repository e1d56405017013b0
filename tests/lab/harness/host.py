# SPDX-License-Identifier: Apache-2.0
"""One booted host: a systemd-nspawn machine with its own disk, network namespace and cgroup.

Look at it and sabotage it with run(): fast, but outside of the host's cgroups and capability limits. What must behave
as if the host itself had started it goes through unit() or ssh().
"""

from __future__ import annotations

import hashlib
import os
import select
import shlex
import shutil
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from harness import images, rpm_records
from harness.command import LabError, Result, limited, run, wait_for
from harness.debs import DEMO_PORT, kernel_says
from harness.space import in_cgroup, lab_cgroup, remove_cgroup

BOOT_SECONDS = 30
STOP_SECONDS = 30
EXIT_REBOOT = 133
"""What systemd-nspawn returns, with --keep-unit, when the host asked for a reboot."""

CLOCK_SHIFT, CLOCK_SHIFT_FILE = "/usr/lib/belay-lab-clock.so", "/usr/lib/belay-lab-clock"
"""The library and what it reads lie where every sandbox sees them."""
CLOCK_DROP_IN = "/etc/systemd/system/belay-.service.d/clock.conf"


@dataclass(frozen=True)
class Network:
    """Where a host is plugged in. Names are unique in the whole lab."""

    address: str
    outside: str
    """The address that people come from."""
    bastion: str
    """The address of the emergency way."""
    namespace: str
    link: str
    """The bridge's end of the cable."""


class Host:
    """A host that keeps its disk over reboots and power cuts until remove()."""

    def __init__(
        self,
        name: str,
        folder: Path,
        layers: list[Path],
        network: Network,
        names: dict[str, str],
        *,
        btrfs: bool = False,
        dnf: bool = False,
    ) -> None:
        """With `btrfs`, the disk is a file system of its own that snapshots can be taken of."""
        self.name = name
        self.has_dnf = dnf
        """dnf and rpm instead of apt and dpkg."""
        self.address = network.address
        self.network = network
        self.machine_id = hashlib.sha256(name.encode()).hexdigest()[:32]
        self.root = folder / "root"
        """The host's disk. /run and /tmp are not on it: see path()."""
        self._folder = folder
        self._cgroup = lab_cgroup() / f"{folder.parent.name}-{name}"
        self._supervisor: threading.Thread | None = None
        self._leader = (0, 0)  # of which nspawn, and its process
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._ready = threading.Event()
        self.exits: list[int] = []
        """How each boot ended, as systemd-nspawn told."""
        self.notices = 0
        """How often the host's systemd has said how it is."""
        self._make_disk(layers, names, btrfs)

    # ---- power ----

    def start(self, wait: bool = True) -> None:
        """Switch on; returns when every start job has ended, unless told not to wait."""
        if self.is_running():
            raise LabError(f"{self.name} runs already")
        self._ready.clear()
        self._supervisor = threading.Thread(target=self._supervise, name=f"nspawn {self.name}", daemon=True)
        self._supervisor.start()
        if wait:
            self.wait_ready()

    def wait_ready(self, timeout: float = BOOT_SECONDS) -> None:
        """Wait until systemd on the host has started all it was to start."""
        timeout = limited(timeout)
        if not self._ready.wait(timeout):
            raise LabError(f"{self.name} did not boot within {timeout:g} s:\n{self.console()[-2000:]}")

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Shut down in order."""
        self.run("systemctl", "poweroff", check=False)
        self._wait_off(timeout)

    def reboot(self, wait: bool = True) -> None:
        """Reboot in order, from inside; the caller's connection may break before it hears the answer."""
        self._ready.clear()
        self.run("systemctl", "reboot", check=False)
        if wait:
            self.wait_ready()

    def power_off_hard(self) -> None:
        """Take the power away: every process of the host dies at once, the disk stays as it is."""
        if self._cgroup.exists():
            (self._cgroup / "cgroup.kill").write_text("1")
            self._wait_off(STOP_SECONDS)

    def power_cut(self, wait: bool = True) -> None:
        """Take the power away and switch on again."""
        self.power_off_hard()
        self.start(wait)

    def is_running(self) -> bool:
        return self._supervisor is not None and self._supervisor.is_alive()

    def expect_reboot(self) -> None:
        """Call before something makes the host reboot by itself, then wait_ready()."""
        self._ready.clear()

    # ---- cable ----

    def link_down(self) -> None:
        """Pull the network cable."""
        run(["ip", "link", "set", self.network.link, "down"])

    def link_up(self) -> None:
        run(["ip", "link", "set", self.network.link, "up"])

    def cut_off_from(self, address: str) -> None:
        """Lose the way to one address; all others stay reachable."""
        run(["ip", "-n", self.network.namespace, "route", "add", "blackhole", address])

    def join_again(self, address: str) -> None:
        run(["ip", "-n", self.network.namespace, "route", "del", "blackhole", address])

    # ---- kernel and clock ----

    def open_kernel_log(self) -> None:
        """Give the host a /dev/kmsg of its own until it goes off: journald reads what debs.kernel_says() writes. It has
        none otherwise, since the kernel's log is the machine's."""
        self.run("mkfifo", "--mode=600", "/dev/kmsg")
        # Somebody always reads, so that whoever opens it to write does not wait.
        keep = "exec sleep infinity 3<>/dev/kmsg"
        self.run("systemd-run", "--quiet", "--unit=kernel-log", "/bin/sh", "-c", keep)
        self.run("systemctl", "restart", "systemd-journald.service")

    def kernel_says(self, text: str) -> None:
        """Put a kernel message of level `alert` into the journal."""
        self.shell(kernel_says(text))
        wait_for("the kernel's message in the journal", lambda: text in self.kernel_log(), 10)

    def kernel_log(self) -> str:
        return self.run("journalctl", "--no-pager", "--quiet", "--output=cat", "_TRANSPORT=kernel").out

    def shift_clock_of_belay(self, seconds: float) -> None:
        """From now on, the wall clock that every program of belay sees is so far ahead. It is the programs' view since
        the clock itself belongs to the machine. Call it once before a job that may see the clock jump."""
        self.write(CLOCK_SHIFT_FILE, f"{seconds:.0f}\n")
        if self.exists(CLOCK_DROP_IN):
            return
        shutil.copy(images.clock_shift(), self.path(CLOCK_SHIFT))
        settings = f"LD_PRELOAD={CLOCK_SHIFT} CLOCK_SHIFT_FILE={CLOCK_SHIFT_FILE}"
        self.write(CLOCK_DROP_IN, f"[Service]\nEnvironment={settings}\n")
        self.run("systemctl", "daemon-reload")
        self.run("systemctl", "restart", "belay-agent.service", "belay-courier.service")

    # ---- commands ----

    def run(self, *argv: str, check: bool = True, timeout: float = 60, stdin: str | None = None) -> Result:
        """Run as root in the host's namespaces: for looking and for sabotage."""
        enter = ["nsenter", "-t", str(self.leader()), "-a", "--", *argv]
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        return run(enter, where=self.name, shown=list(argv), check=check, timeout=timeout, stdin=stdin, env=environment)

    def shell(self, script: str, check: bool = True, timeout: float = 60) -> Result:
        """run() for a line of shell."""
        return self.run("/bin/sh", "-c", script, check=check, timeout=timeout)

    def unit(
        self, *argv: str, properties: dict[str, str] | None = None, check: bool = True, timeout: float = 60
    ) -> Result:
        """Run as a transient unit of the host: own cgroup, the host's limits and environment."""
        settings = [f"--property={key}={value}" for key, value in (properties or {}).items()]
        systemd_run = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", *settings, "--"]
        return self.run(*systemd_run, *argv, check=check, timeout=timeout)

    def ssh(
        self,
        *argv: str,
        user: str = "root",
        bind: str | None = None,
        terminal: bool = False,
        check: bool = False,
        timeout: float = 10,
    ) -> Result:
        """Log in from outside (or from `bind`: network.bastion) and run a command; rc 255 means: not let in."""
        command = ["ssh", *["-tt"] * terminal, "-F", "none", "-i", str(images.ssh_keys() / "id"), "-b", bind or self.network.outside]
        for option in (
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            f"ConnectTimeout={int(timeout)}",
        ):
            command += ["-o", option]
        remote = list(argv or ("true",))
        command += [f"{user}@{self.address}", "--", shlex.join(remote)]
        return run(command, where=f"ssh {user}@{self.name}", shown=remote, check=check, timeout=timeout + 5)

    def can_log_in(self, user: str = "root", bind: str | None = None, timeout: float = 5) -> bool:
        return self.ssh(user=user, bind=bind, timeout=timeout).ok

    def http(self, path: str = "/", port: int = DEMO_PORT) -> tuple[int, str]:
        """Ask a service from outside; its status and text."""
        try:
            with urllib.request.urlopen(f"http://{self.address}:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode().strip()
        except OSError as error:
            raise LabError(f"{self.name} port {port}: {error}") from None

    # ---- files ----

    def path(self, name: str) -> Path:
        """A path on the host as this process can open it. Absolute symbolic links in it lead out of the host."""
        top = Path(f"/proc/{self.leader()}/root") if self.is_running() else self.root
        return top / name.lstrip("/")

    def read(self, name: str) -> str:
        return self.path(name).read_text()

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def exists(self, name: str) -> bool:
        return self.path(name).exists()

    # ---- state ----

    def leader(self) -> int:
        """The host's first process, as the lab sees it."""
        nspawn = self._nspawn
        # Asked once a boot: the kernel's list of children may lack some while others come and go.
        if nspawn is not None and self._leader[0] == nspawn.pid and Path(f"/proc/{self._leader[1]}").exists():
            return self._leader[1]
        found = [pid for pid in (_children(nspawn.pid) if nspawn else []) if _is_first_systemd(pid)]
        if nspawn is None or not found:
            raise LabError(f"{self.name} is off")
        self._leader = (nspawn.pid, found[0])
        return found[0]

    def boot_id(self) -> str:
        return self.run("cat", "/proc/sys/kernel/random/boot_id").out.strip()

    def version(self, package: str) -> str | None:
        """The version that is installed, or None; works on a host that is off, too."""
        if self.has_dnf:
            return self.packages().get(package)
        status, _, version = self.dpkg(package).partition(" ")
        return version if status == "ii" else None

    def dpkg(self, package: str) -> str:
        """Status and version as `dpkg -l` abbreviates them: 'ii 1.0', 'iF 2.2'; empty when unknown."""
        return self._dpkg_query("${db:Status-Abbrev}|${Version}\n", package).replace(" ", "").replace("|", " ").strip()

    def packages(self) -> dict[str, str]:
        """Every package with its status (of dpkg) and version."""
        if self.has_dnf:
            return rpm_records.packages(self.root)
        lines = self._dpkg_query("${binary:Package} ${db:Status-Abbrev}${Version}\n").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def unit_state(self, unit: str) -> str:
        """active, inactive, failed, activating, ..."""
        return self.unit_property(unit, "ActiveState")

    def unit_property(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--value", f"--property={name}", "--", unit).out.strip()

    def journal(self, unit: str | None = None) -> str:
        """Everything that was logged, over all boots; works on a host that is off, too."""
        only = ["--unit", unit] if unit else []
        folder = ["--directory", str(self.root / "var/log/journal")]
        return run(["journalctl", *folder, "--no-pager", "--quiet", "--output=short-precise", *only], check=False).out

    def processes(self) -> str:
        """Every process of the host, and what it waits for in the kernel: tells of a host that hangs."""
        columns = "pid,ppid,stat,etimes,wchan:24,args"
        try:
            return self.run("ps", "-eww", "-o", columns, check=False, timeout=10).out
        except LabError as error:
            return f"{error}\n"

    def console(self) -> str:
        return (self._folder / "console").read_text(errors="replace")

    def descriptors(self, unit: str) -> int:
        """How many the unit's only process has open."""
        (pid,) = self.pids(unit)
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())

    def pids(self, unit: str) -> list[int]:
        """A unit's processes, as the lab sees them."""
        group = self.unit_property(unit, "ControlGroup")
        procs = [self._cgroup.joinpath("payload", group.lstrip("/"), "cgroup.procs")] if group else []
        return [int(pid) for path in procs if path.exists() for pid in path.read_text().split()]

    def pss(self, unit: str) -> int:
        """Bytes of memory that the unit's processes use, shared pages counted in proportion."""
        return sum(_pss(pid) for pid in self.pids(unit))

    def kill9(self, unit: str) -> None:
        """SIGKILL the unit's main process."""
        self.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", "--", unit)

    def state(self) -> dict[str, object]:
        """All that must be the same again after a host was taken back; compare two of these."""
        plain = ["--plain", "--no-legend"]
        units = self.run("systemctl", "list-units", "--all", "--type=service,timer,socket", *plain).out
        files = self.run("systemctl", "list-unit-files", *plain).out
        return {
            "packages": self.packages(),
            **(rpm_records.state(self.run) if self.has_dnf else self._apt_state()),
            "conffiles": self._conffiles(),
            "active units": _lasting(units, "active"),
            "failed units": _lasting(units, "failed"),
            "unit files": {line.split()[0]: line.split()[1] for line in files.splitlines()},
            "listening": self._listening(),
            "sshd": self.run("sshd", "-T").out.splitlines(),
        }

    def dump(self, target: Path) -> None:
        """Keep what helps to understand a failure: works when it is off or half dead, too."""
        target.mkdir(parents=True, exist_ok=True)
        (target / "journal").write_text(self.journal())
        (target / "console").write_text(self.console())
        (target / "processes").write_text(self.processes())
        (target / "packages").write_text("".join(f"{name} {state}\n" for name, state in self.packages().items()))
        for kept in ("var/lib/belay", "etc/belay", "var/log/apt", "var/log/dpkg.log", "var/log/dnf.log"):
            _keep(self.root / kept, target / kept)

    # ---- end ----

    def remove(self) -> None:
        """Power off, without a trace."""
        self.power_off_hard()
        run(["umount", "--recursive", str(self.root)])
        run(["ip", "netns", "delete", self.network.namespace])
        remove_cgroup(self._cgroup)
        shutil.rmtree(self._folder)

    # ---- inner parts ----

    def _make_disk(self, layers: list[Path], names: dict[str, str], btrfs: bool) -> None:
        upper, work = self._folder / "upper", self._folder / "work"
        for folder in (upper, work, self.root):
            folder.mkdir(parents=True)
        # No overlay option `volatile`: such a disk could not be mounted again.
        images.mount_overlay(layers, upper, work, self.root)
        if btrfs:
            images.copy_to_btrfs(self.root, self._folder / "disk")
        hosts = "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in names.items())
        etc = self.root / "etc"
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text(hosts)
        (etc / "machine-id").write_text(f"{self.machine_id}\n")

    def _supervise(self) -> None:
        """Boot until the host is switched off for good."""
        while True:
            with _notify_socket(self._folder / "notify") as notify, open(self._folder / "console", "ab") as console:
                self._nspawn = subprocess.Popen(
                    in_cgroup(self._cgroup, self._nspawn_command()),
                    stdin=subprocess.DEVNULL,
                    stdout=console,
                    stderr=console,
                    env={**os.environ, "NOTIFY_SOCKET": str(self._folder / "notify")},
                )
                code = self._listen(notify)
            self.exits.append(code)
            if code != EXIT_REBOOT:
                return

    def _nspawn_command(self) -> list[str]:
        return [
            "systemd-nspawn",
            "--quiet",
            f"--directory={self.root}",
            f"--machine={self._folder.parent.name}-{self.name}",
            f"--network-namespace-path=/run/netns/{self.network.namespace}",
            "--register=no",
            "--keep-unit",
            "--notify-ready=yes",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=pipe",
            "--kill-signal=SIGRTMIN+3",
            "--drop-capability=CAP_SYSLOG",  # the kernel's log is the machine's, not the host's
            "--boot",
        ]

    def _listen(self, notify: socket.socket) -> int:
        """Hear what the host's systemd says until systemd-nspawn ends; returns its exit code. All of it, since it says
        something three times a second while a start job takes long: with the queue full, systemd-nspawn would wait, and
        then the host's first process would, for ever."""
        assert self._nspawn is not None
        end = os.pidfd_open(self._nspawn.pid)
        try:
            poll = select.poll()
            poll.register(notify, select.POLLIN)
            poll.register(end, select.POLLIN)
            said_ready = False
            while end not in [descriptor for descriptor, _ in poll.poll()]:
                message = notify.recv(4096).decode(errors="replace")
                self.notices += 1
                # Once a boot: a host that goes down for its next boot is not ready because it says so again.
                if "READY=1" in message.splitlines() and not said_ready:
                    said_ready = True
                    self._ready.set()
        finally:
            os.close(end)
        return self._nspawn.wait()

    def _wait_off(self, timeout: float) -> None:
        if self._supervisor is not None:
            self._supervisor.join(timeout)
        if self.is_running():
            raise LabError(f"{self.name} did not go off within {timeout:g} s:\n{self.console()[-2000:]}")
        wait_for(f"the last process of {self.name} is gone", self._is_cgroup_empty)

    def _is_cgroup_empty(self) -> bool:
        return not self._cgroup.exists() or "populated 0" in (self._cgroup / "cgroup.events").read_text()

    def _dpkg_query(self, form: str, *packages: str) -> str:
        database = f"--admindir={self.root / 'var/lib/dpkg'}"
        return run(["dpkg-query", database, "--show", f"--showformat={form}", *packages], check=False).out

    def _apt_state(self) -> dict[str, object]:
        marks = {"marks": "showmanual", "held": "showhold"}
        return {name: self.run("apt-mark", verb).out.split() for name, verb in marks.items()}

    def _conffiles(self) -> dict[str, str]:
        names = rpm_records.conffiles(self.run) if self.has_dnf else self._dpkg_conffiles()
        files = {name: self.root / name.lstrip("/") for name in sorted(names)}
        return {name: _digest(path) for name, path in files.items()}

    def _dpkg_conffiles(self) -> set[str]:
        return {line.split()[0] for line in self._dpkg_query("${Conffiles}\n").splitlines() if line.strip()}

    def _listening(self) -> list[str]:
        lines = self.run("ss", "--listening", "--numeric", "--tcp", "--udp", "--no-header").out.splitlines()
        return sorted(f"{line.split()[0]} {line.split()[4]}" for line in lines)


def _children(pid: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except FileNotFoundError:
        return []


def _is_first_systemd(pid: int) -> bool:
    """Is this process 1 of its namespace, and past the making of the host?"""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False
    told = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return told["Name"] == "systemd" and told["NSpid"].split()[-1] == "1"


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise LabError(f"process {pid} has no Pss")


def _keep(source: Path, target: Path) -> None:
    """Copy files for people to read; not packages, and no secrets."""
    if source.is_dir():
        hidden = shutil.ignore_patterns("*.deb", "*.rpm", "*.key", "lists", "*.sock")
        shutil.copytree(source, target, symlinks=True, ignore=hidden, dirs_exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"


def _lasting(list_units: str, state: str) -> list[str]:
    """The units in this state, without those that come and go with a login, or have done their work at a boot."""
    passing = ("belay-lease-boot", "user@", "user-runtime-dir@", "session-", "systemd-tmpfiles-clean", "systemd-hostnamed")
    passing += ("lab-door@",)
    lines = [line.split() for line in list_units.splitlines()]
    return sorted(words[0] for words in lines if words[2] == state and not words[0].startswith(passing))


class _notify_socket:
    """The socket on which systemd-nspawn passes on what the host's systemd notifies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self) -> socket.socket:
        self._path.unlink(missing_ok=True)
        self._socket.bind(str(self._path))
        return self._socket

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._path.unlink(missing_ok=True)
