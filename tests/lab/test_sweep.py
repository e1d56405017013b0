# SPDX-License-Identifier: Apache-2.0
"""Faults at points spread over a whole package run: the host reaches what was planned, or what it was; nothing in between.

In the suite a few points each. `tests/lab/sweep` runs hundreds.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import test_dnf
import test_packages
from belaycli import Exit, plan
from harness.command import wait_for
from harness.fleet import Fleet
from harness.host import Host
from sweeping import Table, fractions, kill_processes, let_it_run, points, took
from txnjob import FOLDER, Job, Result

MakeFleet = Callable[..., Fleet]
PACKAGES = ["demo", "app", "lib", *(f"bulk{number}" for number in range(1, 6))]
MANAGERS = ["apt", "dnf"]
SHARDS = 2 if points(0) else 1

FIRST_WORDS = {"apt": "Preparing to unpack", "dnf": "Preparing  "}
"""What the package manager says when it begins to change something."""
BEFORE_IT_CHANGES = 0.15
"""The share of the points that lie before that."""

VICTIMS = {
    "apt": ["everything", "belay-txn", "apt-get", "dpkg", "everything", "power"],
    "dnf": ["everything", "belay-txn", "dnf", "everything", "power"],
}
"""Who dies, in turn."""


class PackageHost:
    """One host with a job that is staged again and again from the same state."""

    def __init__(self, lab: Fleet, manager: str) -> None:
        self.lab, self.manager, self.host = lab, manager, lab["h1"]
        self.job = Job(self.host)
        self._module = test_packages if manager == "apt" else test_dnf
        self.before = self.packages()
        lab.repository.publish("1.0", "2.0")
        self.pins = self.job.stage(*PACKAGES)

    def packages(self) -> dict[str, object]:
        found = self._module.packages_of(self.host)
        if self.manager == "apt":  # as seen from inside: /var may be another disk than the host booted with
            found["packages"] = self._standing()
        return found

    def _standing(self) -> dict[str, str]:
        form = "-f=${Package} ${db:Status-Abbrev}${Version}\n"
        lines = self.host.run("dpkg-query", "-W", form).out.splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def progress(self) -> str:
        """How many of the packages are begun, and how many of them done, by the database."""
        if self.manager == "apt":
            standing = self._standing()
            begun = sum(1 for name in PACKAGES if standing.get(name) != "ii 1.0")
            done = sum(1 for name in PACKAGES if standing.get(name) == "ii 2.0")
        else:
            versions = [test_dnf.rpms(self.host, name) for name in PACKAGES]
            begun = sum(1 for found in versions if found != ["1.0"])
            done = sum(1 for found in versions if found == ["2.0"])
        return f"{begun} begun {done} done"

    def is_changing(self) -> bool:
        return FIRST_WORDS[self.manager] in self.job.log("upgrade")

    def start(self) -> None:
        self.host.path(f"{FOLDER}/upgrade.log").unlink(missing_ok=True)
        self.job.start("upgrade", pins=self.pins)

    def wait_for_change(self) -> None:
        """An upgrade that nothing disturbs yet comes so far: one that ended before says what stood in its way."""

        def changes_or_ended() -> bool:
            return self.is_changing() or self.host.path(f"{FOLDER}/upgrade.result").exists()

        wait_for("the change to begin", changes_or_ended, 60, every=0.002)
        assert self.is_changing(), (self.job.wait("upgrade"), self.job.log("upgrade"))

    def measure(self) -> tuple[float, float]:
        """Seconds until an upgrade changes something, and from there to its end."""
        quiet = took(self.start)
        quiet += took(self.wait_for_change)
        ended: list[Result | None] = []
        busy = took(lambda: ended.append(self.job.wait("upgrade")))
        assert ended[0] is not None and ended[0].ok, ended
        self.restore()
        return quiet, busy

    def wait_for_place(self, fraction: float, quiet: float, busy: float) -> None:
        """From the start of an upgrade to a point of it."""
        if fraction < BEFORE_IT_CHANGES:
            let_it_run(fraction / BEFORE_IT_CHANGES * quiet)
            return
        self.wait_for_change()
        let_it_run((fraction - BEFORE_IT_CHANGES) / (1 - BEFORE_IT_CHANGES) * busy)

    def restore(self) -> Result:
        restored = self.job.run("restore", lock_wait=30)
        assert restored.ok, (restored, self.job.log("restore"))
        return restored

    def judge(self, table: Table, number: int, what: str, upgrade: Result | None) -> None:
        """Take the host back after a point, whatever came of it, and compare."""
        where = self.progress()
        if upgrade is not None and upgrade.ok and where != f"{len(PACKAGES)} begun {len(PACKAGES)} done":
            table.wrong.append(f"point {number} ({what}): called done with {where}")
        restored = self.job.run("restore", lock_wait=30)
        end = "planned, then taken back" if upgrade is not None and upgrade.ok else "broken off, then taken back"
        found = self.packages()
        if not restored.ok:
            end = "the way back failed, and said so"
            table.wrong.append(f"point {number} ({what}), {where}: {restored.code}: {restored.reason}")
        elif found != self.before or not restored.audit_clean:
            end = "called restored and is not"
            differences = [key for key in self.before if self.before[key] != found[key]]
            table.wrong.append(f"point {number} ({what}), {where}: differs in {differences}")
        table.add(where, end)

    def strike(self, victim: str) -> None:
        unit = self.job.unit("upgrade")
        if victim == "power":
            self.host.power_cut()
        elif victim == "everything":
            self.host.run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", unit, check=False)
        else:
            kill_processes(self.host, unit, victim)


def make_host(request: pytest.FixtureRequest, manager: str) -> PackageHost:
    fixture = "installed_fleet" if manager == "apt" else "installed_dnf_fleet"
    lab: Fleet = request.getfixturevalue(fixture)(hosts=1)
    return PackageHost(lab, manager)


@pytest.mark.deadline(7200 if points(0) else 400)
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("manager", MANAGERS)
def test_death_at_any_point_of_a_package_run(request: pytest.FixtureRequest, manager: str, shard: int) -> None:
    """F1, F3, F10: killed is whoever takes part, or the whole host."""
    on = make_host(request, manager)
    quiet, busy = on.measure()
    with Table(f"{manager}, death") as table:
        for number, fraction in fractions(points(12), shard, SHARDS):
            victim = VICTIMS[manager][number % len(VICTIMS[manager])]
            on.start()
            on.wait_for_place(fraction, quiet, busy)
            on.strike(victim)
            on.judge(table, number, victim, on.job.wait("upgrade"))


# ---- a disk that is full ----

BALLAST_MIB = 64
TASK_KIB = 16


def put_var_on_a_small_disk(on: PackageHost) -> None:
    """/var gets a disk of its own, with belay's ballast on it as on a real host."""
    host = on.host
    used_kib = int(host.run("du", "-sk", "-x", "/var").out.split()[0])
    host.run("mount", "-t", "tmpfs", "-o", f"size={used_kib + 300 * 1024}k,mode=755", "var", "/mnt")
    host.run("cp", "-ax", "/var/.", "/mnt")
    host.run("mount", "--bind", "/mnt", "/var")
    host.run("umount", "/mnt")


def fill(host: Host, left_kib: int) -> None:
    """Leave only so much of /var beside the ballast."""
    host.shell("rm -f /var/fill; install -d /var/lib/belay/agent")
    host.run("fallocate", "-l", f"{BALLAST_MIB}M", "/var/lib/belay/agent/ballast")
    free_kib = int(host.run("df", "--output=avail", "-k", "/var").out.split()[1])
    host.run("fallocate", "-l", f"{free_kib - left_kib}k", "/var/fill")


def need_kib(on: PackageHost) -> int:
    """How much of /var the change takes at its height, roughly: the database is written once more, and its journal."""
    database = "/var/lib/dpkg" if on.manager == "apt" else "$(realpath /var/lib/rpm)"
    return 2 * int(on.host.shell(f"du -sk {database}/status 2>/dev/null || du -sk {database}").out.split()[0]) + 2048


@pytest.mark.deadline(7200 if points(0) else 400)
@pytest.mark.parametrize("manager", MANAGERS)
def test_a_full_disk_at_any_point_of_a_package_run(request: pytest.FixtureRequest, manager: str) -> None:
    """F6: the way back has the ballast's room, while the disk is as full as it was."""
    on = make_host(request, manager)
    put_var_on_a_small_disk(on)
    highest = need_kib(on)
    with Table(f"{manager}, disk full") as table:
        for number, fraction in fractions(points(6)):
            # Most of what happens happens with little left; the task itself still has room.
            left_kib = TASK_KIB + int(fraction**2 * highest)
            fill(on.host, left_kib)
            on.start()
            upgrade = on.job.wait("upgrade")
            on.host.shell("rm -f /var/lib/belay/agent/ballast")  # as the agent does before its next record
            on.judge(table, number, f"{left_kib} KiB left", upgrade)


# ---- a whole job ----

KILLED = ["belay-agent", "belay-courier", "belayd", "all three", "power of the host", "power of the controller"]


def strike_job(lab: Fleet, what: str) -> None:
    units = {"belay-agent": lab["h1"], "belay-courier": lab["h1"], "belayd": lab.ctl}
    if what == "power of the host":
        lab["h1"].power_cut()
    elif what == "power of the controller":
        lab.ctl.power_cut()
    else:
        for unit, host in units.items():
            if what in (unit, "all three"):
                host.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", f"{unit}.service", check=False)


def judge_job(lab: Fleet, before: dict[str, object], rollout: str) -> tuple[str, list[str]]:
    """How a rollout ended, and what is not as it must be then."""
    host = lab["h1"]
    wrong = []
    wait_for("belayd", lambda: lab.belay("hosts", "list", check=False).ok, 30)
    code = lab.belay.wait(rollout, timeout=150)
    (told,) = lab.belay.report(rollout)["hosts"]
    wait_for("logins", host.can_log_in, 30)
    found = host.state()
    if code == Exit.DONE:
        wrong += [] if host.dpkg("demo") == "ii 2.0" else [f"DONE with demo {host.dpkg('demo')}"]
        wrong += [] if found["active units"] == before["active units"] else ["DONE with other units"]
    else:
        differences = [key for key in before if before[key] != found[key]]
        wrong += [f"{told['state']} and differs in {differences}"] if differences else []
    names = [step["name"] for step in told["steps"]]
    wrong += ["upgraded twice"] if names.count("upgrade") > 1 else []
    return told["state"], wrong


@pytest.mark.deadline(14400 if points(0) else 400)
def test_death_at_any_point_of_a_job(fleet: MakeFleet) -> None:
    """Who decides, who carries, who leads, or both machines: the job reaches its plan or its beginning, and says which."""
    lab = fleet(hosts=1)
    host = lab["h1"]
    before = host.state()
    lab.repository.publish("1.0", "demo=2.0")
    text = plan("demo=2.0", waves=["100%"])
    rollouts: list[str] = []
    seconds = took(lambda: rollouts.append(lab.belay.roll_out(text)[1]["rollout"]))
    with Table("a job, death") as table:
        for number, fraction in fractions(points(len(KILLED))):
            if host.dpkg("demo") == "ii 2.0":
                assert lab.belay("rollback", rollouts[-1]).ok
                assert lab.belay.wait(rollouts[-1]) == Exit.ROLLED_BACK
            assert host.state() == before
            what = KILLED[number % len(KILLED)]
            rollouts.append(lab.belay.start(text))
            let_it_run(fraction * seconds)
            strike_job(lab, what)
            state, wrong = judge_job(lab, before, rollouts[-1])
            table.add(what, state)
            table.wrong += [f"point {number} ({what}, {fraction:.2f}): {each}" for each in wrong]
            lab.belay.wait_connected(lab.hosts)
