# SPDX-License-Identifier: Apache-2.0
"""Leases on hosts that have the programs and units that give back, and nothing else of belay."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from harness import images
from harness.command import wait_for
from harness.fleet import Fleet
from harness.host import Host

BUILD = images.TOP / "build"
HOUR = "3600000"
KEEP_SESSIONS, WARN_SESSIONS, END_SESSIONS = "1", "2", "3"
LOCK = "/etc/ssh/sshd_config.d/00-belay-lock.conf"
MAIN = "/etc/ssh/sshd_config"
LEASES = "/var/lib/belay/leases"
LEASE, TRY = "/usr/libexec/belay/belay-lease", "/root/lease_try"

LATEST_SECONDS = 5
"""After its end, a lease is given back."""

USERS = ("root", "ops", "medic")


def install(fleet: Fleet) -> Host:
    """Puts them on the fleet's first host, and the program that takes leases as the agent does."""
    host = fleet["h1"]
    libexec = host.path("/usr/libexec/belay")
    libexec.mkdir()
    for program in ("agent/lease/belay-lease", "agent/lease/belay-silence", "agent/probe/belay-probe"):
        shutil.copy(BUILD / program, libexec)
    shutil.copy(BUILD / "tests/lab/lease_try", host.path(TRY))
    for unit in (images.TOP / "packaging/systemd").glob("belay-*.service"):
        shutil.copy(unit, host.path("/etc/systemd/system"))
    host.path(LEASES).mkdir(parents=True)
    host.path("/run/belay/probe").mkdir(parents=True)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "enable", "--quiet", "belay-lease-boot.service")
    return host


def try_lease(host: Host, *words: str, timeout: float = 60) -> str:
    """The code with which taking ended; '' is good."""
    return try_lease_reason(host, *words, timeout=timeout)[0]


def try_lease_reason(host: Host, *words: str, timeout: float = 60, jobs_ms: int | None = None) -> tuple[str, str]:
    """The code and the reason with which taking ended; jobs_ms: the longest wait for units to stop."""
    settings = {} if jobs_ms is None else {"Environment": f"LEASE_TRY_JOBS_MS={jobs_ms}"}
    done = host.unit(TRY, *words, properties=settings, check=False, timeout=timeout)
    assert "|" in done.out, done
    code, _, reason = done.out.partition("|")
    assert done.ok == (code == ""), done
    assert reason.strip() or words[0] in ("arm", "disarm"), done
    return code, reason.strip()


def lock(
    host: Host, keep_from: str = "-", groups: str = "-", lease_ms: str = HOUR, sessions: str = KEEP_SESSIONS
) -> str:
    return try_lease(host, "lock", lease_ms, sessions, keep_from, groups)


class Due:
    """When a lease of so long must be given back that is taken right after this. A timer of systemd's own tells, set on the
    same host for the same time: what the whole machine is late is no lateness of the lease."""

    MARK = "/run/lease-is-due"

    def __init__(self, host: Host, lease_ms: int) -> None:
        self._host = host
        host.path(self.MARK).unlink(missing_ok=True)
        timer = ["--on-active", f"{lease_ms}ms", "--timer-property=AccuracySec=1ms"]
        host.run("systemd-run", "--quiet", "--collect", *timer, "touch", self.MARK)

    @property
    def is_over(self) -> bool:
        return self._host.path(self.MARK).exists()

    def wait_for(self, what: str, good: Callable[[], bool]) -> None:
        """It must become good within LATEST_SECONDS of that moment, as far as can be told by asking."""
        wait_for(f"{what}, or its time to be over", lambda: good() or self.is_over)
        wait_for(what, good, LATEST_SECONDS)


def nothing_is_held(host: Host) -> bool:
    timers = host.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "belay-*.timer").out
    left = [path.name for path in host.path(LEASES).iterdir()]
    return not is_locked_on_disk(host) and not left and not timers and not list(host.path("/run/systemd/system").glob("*.d"))


def is_locked_on_disk(host: Host) -> bool:
    return host.exists(LOCK) or "belay-lock" in host.read(MAIN)


def who_gets_in(fleet: Fleet) -> list[str]:
    """Real logins with a key: who from where."""
    host = fleet["h1"]
    ways = [(user, place) for user in USERS for place in ("outside", "the bastion")]
    with ThreadPoolExecutor(len(ways)) as pool:
        let_in = pool.map(lambda way: host.can_log_in(way[0], bind=fleet.bastion if way[1] != "outside" else None, timeout=10), ways)
        return [f"{user} from {place}" for (user, place), is_in in zip(ways, let_in, strict=True) if is_in]


EVERYBODY = [f"{user} from {place}" for user in USERS for place in ("outside", "the bastion")]
FROM_BASTION = ["root from the bastion", "ops from the bastion", "medic from the bastion"]
KEPT = ["root from the bastion", "ops from the bastion", *EVERYBODY[4:]]
"""With the bastion's address and medic's group."""
