# SPDX-License-Identifier: Apache-2.0
"""What pauses while a host changes, and that it comes back exactly as it was found: on hosts with apt and with dnf."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from belaycli import Exit, plan
from harness.command import LabError, wait_for
from harness.fleet import Fleet
from harness.host import Host
from leases import HOUR, LEASES, install, nothing_is_held, try_lease, try_lease_reason

MakeFleet = Callable[..., Fleet]
RELEASE = ("systemctl", "start", "belay-lease@quiesce.service")
SLEEPS = "[Service]\nExecStart=/bin/sleep infinity\n"


def crond(host: Host) -> str:
    """The name of cron's unit. Hosts with dnf have it as RPM distributions do: another name, the same way to stop."""
    if host.exists("/usr/bin/dpkg"):
        return "cron.service"
    host.write("/etc/systemd/system/crond.service", host.read("/lib/systemd/system/cron.service").replace("Alias=", "#"))
    host.run("systemctl", "disable", "--now", "--quiet", "cron.service")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "enable", "--now", "--quiet", "crond.service")
    return "crond.service"


@pytest.fixture(params=["apt", "dnf"])
def host(request: pytest.FixtureRequest, bare_fleet: MakeFleet, bare_dnf_fleet: MakeFleet) -> Iterator[Host]:
    fleet = bare_fleet(hosts=1) if request.param == "apt" else bare_dnf_fleet(hosts=1)
    if request.param == "dnf":
        fleet["h1"].run("rm", "-f", "/usr/bin/dpkg")
    yield install(fleet)


def write_units(host: Host, units: dict[str, str]) -> None:
    for name, text in units.items():
        host.write(f"/etc/systemd/system/{name}", text)
    host.run("systemctl", "daemon-reload")


def state_of(host: Host, units: list[str]) -> dict[str, tuple[str, str]]:
    """What a person would look at: does it run, and would it at the next boot."""
    return {unit: (host.unit_state(unit), host.unit_property(unit, "UnitFileState")) for unit in units}


KINDS = {
    "runs.service": f"{SLEEPS}[Install]\nWantedBy=multi-user.target\n",
    "stopped.service": f"{SLEEPS}[Install]\nWantedBy=multi-user.target\n",
    "static.service": SLEEPS,
    "masked.service": SLEEPS,
    "masked-runs.service": SLEEPS,
    "broken.service": "[Service]\nExecStart=/bin/false\n",
    "child.service": f"[Unit]\nRequires=runs.service\nAfter=runs.service\n{SLEEPS}",
    # As inetd's: it can't be opened while its service runs, and the service can't live without it.
    "door.socket": "[Socket]\nListenStream=127.0.0.1:9999\n[Install]\nWantedBy=sockets.target\n",
    "door.service": "[Service]\nExecStart=/bin/sh -c 'test -n \"$LISTEN_FDS\" && exec sleep infinity'\n",
    "shut.socket": "[Socket]\nListenStream=127.0.0.1:9998\n",
    "shut.service": SLEEPS,
    "watch.path": "[Path]\nPathExists=/run/watched\n",
    "watch.service": SLEEPS,
    "pg@.service": SLEEPS,
    "pg@.timer": "[Timer]\nOnCalendar=2099-01-01\n",
}
STARTED = ["runs.service", "static.service", "masked-runs.service", "child.service", "door.socket", "door.service"]
STARTED += ["shut.socket", "watch.path", "pg@one.service", "pg@one.timer", "pg@two.timer"]
PAUSED = [*STARTED, "stopped.service", "shut.service", "watch.service"]
PATTERNS = "runs.service,stopped.*,static*,masked*,broken.service,door.service,shut.service,watch.service,pg@*"


def test_units_of_every_kind_come_back_as_they_were(host: Host) -> None:
    """R16: running, stopped, masked, failed, static; with socket, path or timer; instances; what depends on them."""
    write_units(host, KINDS)
    PAUSED_HERE = [unit for unit in PAUSED if unit != "masked-runs.service"]
    host.run("systemctl", "enable", "--quiet", "stopped.service")
    host.run("systemctl", "start", *STARTED)
    host.run("systemctl", "start", "broken.service", check=False)
    wait_for("the broken one has failed", lambda: host.unit_state("broken.service") == "failed")
    host.run("mv", "/etc/systemd/system/masked-runs.service", "/etc/systemd/system/masked.service", "/root")
    host.run("systemctl", "mask", "--quiet", "masked.service", "masked-runs.service")
    host.run("systemd-run", "--quiet", "--on-active=1h", "--unit=static-once", "/bin/true")
    everything = [*PAUSED, "masked.service", "broken.service", "pg@two.service", "static-once.timer"]
    before = state_of(host, everything)
    assert before["masked-runs.service"] == ("active", "masked") and before["broken.service"][0] == "failed"

    code, reason = try_lease_reason(host, "pause", HOUR, "1000", f"{PATTERNS},static-once.timer", "pg@*", "-")
    assert code == "", reason
    assert "masked-runs.service (masked" in reason and "static-once.timer (transient" in reason, reason
    for unit in ("masked-runs.service", "static-once.timer"):
        assert host.unit_state(unit) == "active", "what could not be put back runs on"

    def nothing_runs() -> bool:
        return {host.unit_state(unit) for unit in PAUSED_HERE} == {"inactive"}

    assert nothing_runs()
    for unit in PAUSED_HERE:  # what a package's script would do
        host.run("systemctl", "start", unit)
        host.run("systemctl", "try-restart", unit)
    host.run("touch", "/run/watched")
    with pytest.raises(LabError):
        host.run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9998")
    assert nothing_runs()
    host.run("rm", "/run/watched")

    host.run(*RELEASE)
    assert state_of(host, everything) == before
    assert nothing_is_held(host)
    host.run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9998")
    wait_for("the socket starts its service again", lambda: host.unit_state("shut.service") == "active")


def start_cron_job(host: Host, cron: str, script: str) -> None:
    """cron starts it as soon as cron itself starts, as at boot."""
    host.write("/usr/local/sbin/nightly-backup", f"#!/bin/sh\n{script}\n", 0o755)
    host.write("/usr/local/sbin/report", "#!/bin/sh\ntouch /run/report-runs\nexec sleep 600\n", 0o755)
    host.write("/etc/cron.d/jobs", "@reboot root /usr/local/sbin/nightly-backup\n@reboot root /usr/local/sbin/report\n")
    host.run("rm", "-f", "/run/crond.reboot")
    host.run("systemctl", "restart", cron)
    wait_for("cron has started the jobs", lambda: host.exists("/run/backup-runs") and host.exists("/run/report-runs"))


@pytest.mark.parametrize("scope", ["", "systemd-run --quiet --scope "], ids=["in-crons-group", "in-its-own-group"])
def test_a_backup_that_cron_started_is_waited_for(host: Host, scope: str) -> None:
    """cron's own end leaves its jobs alone, so its state tells nothing; with pam_systemd they are even in no group of it."""
    cron = crond(host)
    waits = "sh -c 'touch /run/backup-runs; until [ -e /run/go ]; do sleep .1; done; touch /run/backup-done'"
    start_cron_job(host, cron, f"{scope}{waits} backup")
    pause = ("pause", HOUR, "1000", "cron.service,crond.service", "-", "*backup*")
    code, reason = try_lease_reason(host, *pause)
    assert code == "quiesce_backup_running" and "backup" in reason and f"of {cron}" in reason, reason
    assert host.unit_state(cron) == "active" and nothing_is_held(host)

    with ThreadPoolExecutor() as pool:
        taken = pool.submit(try_lease_reason, host, "pause", HOUR, "30000", *pause[3:])
        host.run("sleep", "2")
        assert not taken.done() and host.unit_state(cron) == "active"
        host.run("touch", "/run/go")
        code, reason = taken.result()
    assert code == "" and host.exists("/run/backup-done"), reason
    assert "processes of stopped units go on" in reason, "the other job is not a backup: it goes on, and that is told"
    assert host.unit_state(cron) == "inactive"
    host.run(*RELEASE)
    assert host.unit_state(cron) == "active" and nothing_is_held(host)


def test_runs_of_cron_that_were_missed_are_told_by_line(host: Host) -> None:
    """F44: how many, and by which lines; never a command, which may hold a secret. What nobody understands is told apart."""
    cron = crond(host)
    spool = "/var/spool/cron/crontabs" if cron == "cron.service" else "/var/spool/cron"
    host.write("/etc/cron.d/lab", "# nothing\n* * * * * root echo hunter2 >>/run/ticked\n@yearly root echo hunter2\nodd hunter2\n")
    host.run("mkdir", "-p", spool)
    host.write(f"{spool}/ops", "* * * * * : hunter2\n", 0o600)
    assert try_lease(host, "pause", HOUR, "1000", cron, "-", "-") == ""
    host.run("rm", "-f", "/run/ticked")
    began = time.time() // 60
    wait_for("two minutes to begin", lambda: time.time() // 60 >= began + 2, 130)
    assert not host.exists("/run/ticked")
    host.run(*RELEASE)
    told = host.journal("belay-lease@quiesce.service")
    # Another one if a minute began while the pause was being taken.
    assert re.search(r"/etc/cron.d/lab:2 [23] times", told) and re.search(f"{spool}/ops:1 [23] times", told), told
    assert "not understood: 1 (/etc/cron.d/lab:4)" in told, told
    assert "lab:3" not in told and "hunter2" not in told, told
    assert host.unit_state(cron) == "active" and nothing_is_held(host)


def test_missed_runs_of_timers_are_told_by_name_and_time(host: Host) -> None:
    often = "OnCalendar=*-*-* *:*:0/6\nAccuracySec=100ms\n"
    runs = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo >>/run/%N'\n"
    units = {
        "plain.timer": f"[Timer]\n{often}",
        "persistent.timer": f"[Timer]\n{often}Persistent=yes\n",
        "after.timer": "[Timer]\nOnActiveSec=1s\nOnUnitActiveSec=6s\nAccuracySec=100ms\n",
        "rare.timer": "[Timer]\nOnCalendar=2099-01-01\n",
    }
    names = [timer.removesuffix(".timer") for timer in units]
    write_units(host, units | {f"{name}.service": runs for name in names})
    host.run("systemctl", "start", *units)
    wait_for("they run", lambda: all(host.exists(f"/run/{name}") for name in ("plain", "persistent", "after")))
    wait_for("their runs are over", lambda: {host.unit_state(f"{name}.service") for name in names} == {"inactive"})
    assert try_lease(host, "pause", HOUR, "1000", "-", "plain,persistent,after,rare", "-") == ""
    host.shell("rm /run/plain /run/persistent /run/after; sleep 7")
    assert not any(host.exists(f"/run/{name}") for name in names)
    host.run(*RELEASE)
    wait_for("what was missed is made up for", lambda: host.exists("/run/persistent") and host.exists("/run/after"))
    told = host.journal("belay-lease@quiesce.service")
    missed, _, made_up = told.partition("; runs that were missed: ")[2].partition("; runs that are made up for: ")
    assert "plain.timer at 2" in missed and "rare" not in told, told
    assert "persistent.timer at 2" in made_up and "after.timer at 2" in made_up, told
    assert {host.unit_state(timer) for timer in units} == {"active"}
    assert nothing_is_held(host)


def test_a_timer_whose_service_runs_is_told_of(host: Host) -> None:
    """Meanwhile systemd knows of no next run, so nobody knows which were missed."""
    service = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo >>/run/busy; sleep infinity'\n"
    write_units(host, {"busy.timer": "[Timer]\nOnCalendar=*-*-* *:*:0/2\nAccuracySec=100ms\n", "busy.service": service})
    host.run("systemctl", "start", "busy.timer")
    wait_for("it runs", lambda: host.exists("/run/busy"))
    assert try_lease(host, "pause", HOUR, "1000", "-", "busy", "-") == ""
    host.run(*RELEASE)
    told = host.journal("belay-lease@quiesce.service")
    assert "whether runs were missed is unknown: busy.timer" in told, told
    assert host.unit_state("busy.service") == "activating" and host.unit_state("busy.timer") == "active"
    assert nothing_is_held(host)


def test_a_unit_that_refuses_to_stop_is_named_and_all_is_put_back(host: Host) -> None:
    cron = crond(host)
    stubborn = "[Service]\nExecStart=/bin/sh -c 'trap \"\" TERM; touch /run/stubborn; while :; do sleep .2; done'\nTimeoutStopSec=infinity\n"
    write_units(host, {"stubborn.service": stubborn})
    host.run("systemctl", "start", "stubborn.service")
    wait_for("it ignores SIGTERM", lambda: host.exists("/run/stubborn"))
    code, reason = try_lease_reason(host, "pause", HOUR, "1000", f"{cron},stubborn.service", "-", "-", jobs_ms=2000)
    assert code == "quiesce_stop" and "stubborn.service" in reason, reason
    assert host.unit_state("stubborn.service") == "deactivating", "it is never killed"
    with ThreadPoolExecutor() as pool:
        release = pool.submit(host.run, *RELEASE, timeout=150)
        wait_for("cron runs again", lambda: host.unit_state(cron) == "active", timeout=20)
        host.shell("kill -KILL $(pgrep -fo trap)")
        release.result()
    wait_for("the other runs again", lambda: host.unit_state("stubborn.service") == "active")
    assert nothing_is_held(host)


def due_in(host: Host, seconds: int, timer: str) -> float:
    """A timer that is due once, so that its service is not just under way when it pauses; returns when, in Unix seconds."""
    due = int(time.time()) + seconds
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(due))
    service = timer.removesuffix(".timer") + ".service"
    runs = "[Service]\nType=oneshot\nExecStart=/bin/true\n"
    timer_text = f"[Timer]\nOnCalendar={when}\nAccuracySec=100ms\n[Install]\nWantedBy=timers.target\n"
    write_units(host, {timer: timer_text, service: runs})
    host.run("systemctl", "enable", "--quiet", "--now", timer)
    return due


def boot_with(host: Host, cut: Callable[[], None]) -> None:
    cut()
    wait_for("the boot has ended", lambda: host.run("systemctl", "is-system-running", check=False).out.strip() != "starting")


@pytest.mark.parametrize("end", ["reboot", "power_cut"])
def test_a_pause_lives_over_a_boot_as_long_as_its_job(host: Host, end: str) -> None:
    """F44: kept while the job's way back is armed, and given back then as it was found before; lifted when the job is gone."""
    cron = crond(host)
    write_units(host, {"by-hand.service": SLEEPS})
    host.run("systemctl", "start", "by-hand.service")
    pause = ("pause", HOUR, "1000", f"{cron},by-hand.service", "tick*", "-")

    due = due_in(host, 20, "tick.timer")
    assert try_lease(host, *pause) == ""
    assert time.time() < due
    assert try_lease(host, "arm", HOUR) == ""
    boot_with(host, getattr(host, end))
    assert host.unit_state(cron) == host.unit_state("tick.timer") == "inactive", "the job goes on"
    host.run("systemctl", "start", cron)
    assert host.unit_state(cron) == "inactive"
    assert host.unit_state("belay-lease@quiesce.timer") == "active", "it ends by itself as well"
    wait_for("a run to be missed", lambda: time.time() > due, 30)
    host.run(*RELEASE)
    assert {host.unit_state(unit) for unit in (cron, "tick.timer", "by-hand.service")} == {"active"}
    told = "runs that were missed: tick.timer at 2"
    wait_for("the missed runs to be told", lambda: told in host.journal("belay-lease@quiesce.service"))
    assert try_lease(host, "disarm") == ""
    assert nothing_is_held(host)

    assert try_lease(host, *pause) == ""
    boot_with(host, getattr(host, end))
    assert host.unit_state(cron) == host.unit_state("tick.timer") == "active", "no job, no pause"
    wait_for("nothing is held", lambda: nothing_is_held(host))


@pytest.mark.parametrize("kind", ["fleet", "dnf_fleet"])
def test_cron_rests_through_a_reboot_in_mid_job(request: pytest.FixtureRequest, kind: str) -> None:
    """F44: the host reboots while it is verified; the agent goes on and gives back, and tells of what was missed."""
    lab: Fleet = request.getfixturevalue(kind)(hosts=1)
    h1 = lab["h1"]
    # In turns: of one whose service is just under way when it comes to rest nobody knows the next run.
    for name, phase in (("tick-backup", "0/4"), ("tock-backup", "2/4")):
        timer = f"[Timer]\nOnCalendar=*:*:{phase}\nAccuracySec=100ms\n[Install]\nWantedBy=timers.target\n"
        write_units(h1, {f"{name}.timer": timer, f"{name}.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n"})
        h1.run("systemctl", "enable", "--quiet", "--now", f"{name}.timer")
    lab.repository.publish("1.0", "demo=2.0")
    verify = {"units": ["demo.service"], "settle": "8s"}
    quiesce = {"units": ["cron.service"], "timers": ["*backup*"]}
    rollout = lab.belay.start(plan("demo=2.0", waves=["100%"], quiesce=quiesce, verify=verify))
    lab.belay.wait_for_host(rollout, "h1", "verify")
    h1.power_cut()
    wait_for("the agent verifies again", lambda: h1.journal("belay-agent.service").count("verify begins") > 1, 20)
    assert h1.unit_state("cron.service") == h1.unit_state("tick-backup.timer") == "inactive"
    assert lab.belay.wait(rollout) == Exit.DONE
    assert h1.unit_state("cron.service") == h1.unit_state("tick-backup.timer") == "active"
    assert not list(h1.path(LEASES).iterdir())
    steps = lab.belay.report(rollout)["hosts"][0]["steps"]
    resume = next(step for step in steps if step["name"] == "resume")
    assert re.search(r"runs that were missed: t[io]ck-backup\.timer at 2", str(resume)), resume
