# SPDX-License-Identifier: Apache-2.0
"""What belay switches off, and how it comes back: with neither agent nor controller there."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from harness.command import LabError, wait_for
from harness.fleet import Fleet
from harness.host import Host
from leases import (
    END_SESSIONS,
    EVERYBODY,
    FROM_BASTION,
    HOUR,
    LEASE,
    LEASES,
    TRY,
    Due,
    install,
    lock,
    nothing_is_held,
    try_lease,
    who_gets_in,
)

JOB = "00112233445566778899aabbccddeeff"

MakeFleet = Callable[..., Fleet]


@pytest.fixture
def fleet_of_one(bare_fleet: MakeFleet) -> Fleet:
    """A host with the programs and units that give back, and nothing else of belay."""
    fleet = bare_fleet(hosts=1)
    install(fleet)
    return fleet


def test_the_lock_lets_in_those_it_keeps_and_nobody_else(fleet_of_one: Fleet) -> None:
    fleet, host = fleet_of_one, fleet_of_one["h1"]
    assert who_gets_in(fleet) == EVERYBODY
    sshd_before = host.run("sshd", "-T").out

    for keep_from, groups, kept in (
        (fleet.bastion, "breakglass", ["root from the bastion", "ops from the bastion", *EVERYBODY[4:]]),
        (f"192.0.2.0/24,{fleet.bastion}/32", "-", FROM_BASTION),
        ("-", "breakglass,wheel", ["medic from outside", "medic from the bastion"]),
        ("-", "-", []),
    ):
        assert lock(host, keep_from, groups) == ""
        assert who_gets_in(fleet) == kept
        assert lock(host, keep_from, groups) == "", "taking it twice is harmless"
        assert host.run(LEASE, "list").out.startswith("ssh_lock since ")
        host.run("systemctl", "start", "belay-lease@ssh_lock.service")
        assert who_gets_in(fleet) == EVERYBODY
        assert nothing_is_held(host)
    assert host.run("sshd", "-T").out == sshd_before

    assert lock(host, fleet.bastion) == ""
    host.run("systemctl", "stop", "ssh.service")  # what a package's script may leave behind
    host.run("systemctl", "start", "belay-lease@ssh_lock.service")
    assert who_gets_in(fleet) == EVERYBODY, "sshd ran when it was locked, so it runs again"
    host.run("systemctl", "start", "belay-lease@ssh_lock.service")  # giving back what is not held is harmless


def test_what_cannot_be_locked_safely_is_not_locked(fleet_of_one: Fleet) -> None:
    host = fleet_of_one["h1"]
    for group in ("a b", "x\nPermitRootLogin yes", "!medic", "*", "a,b", "#", '"', "%h", "-x", ""):
        assert lock(host, groups=group) == ("ssh_lock_bad_keep" if "," not in group else ""), group
        host.run("systemctl", "start", "belay-lease@ssh_lock.service")
    for address in ("10.0.0.1 Group *", "10.0.0.0/33", "10.0.0.1/8", "bastion", "::1/129", "10.0.0.1\nX", "*", "!1.2.3.4"):
        assert lock(host, keep_from=address) == "ssh_lock_bad_keep", address
    assert lock(host, keep_from="0.0.0.0/0,::/0") == "ssh_lock_keeps_all"

    config = host.read("/etc/ssh/sshd_config")
    host.write("/etc/ssh/sshd_config", config + "NoSuchKeyword yes\n")
    assert lock(host) == "ssh_lock_config"
    host.write("/etc/ssh/sshd_config", config)
    assert nothing_is_held(host)
    assert who_gets_in(fleet_of_one) == EVERYBODY


def open_session(pool: ThreadPoolExecutor, host: Host, user: str) -> Future[object]:
    """A login that stays, on a terminal."""
    marker = f"/tmp/session-{user}"
    session = pool.submit(
        host.ssh, "sh", "-c", f"script -qec 'tty >{marker}; exec sleep 600' /dev/null", user=user, timeout=120
    )
    wait_for(f"{user} is logged in", lambda: host.exists(marker))
    return session


def test_open_sessions_are_ended_but_those_that_are_kept(fleet_of_one: Fleet) -> None:
    host = fleet_of_one["h1"]
    with ThreadPoolExecutor() as pool:
        ordinary, kept = open_session(pool, host, "ops"), open_session(pool, host, "medic")
        assert lock(host, groups="breakglass", sessions=END_SESSIONS) == ""
        wait_for("the ordinary session is ended", ordinary.done)
        assert not kept.done()
        host.run("pkill", "-u", "medic", "sleep")
        host.run("systemctl", "start", "belay-lease@ssh_lock.service")
    assert nothing_is_held(host)


def test_the_lock_goes_by_itself_in_time(fleet_of_one: Fleet) -> None:
    host = fleet_of_one["h1"]
    due = Due(host, 3000)
    assert lock(host, lease_ms="3000") == ""
    assert not host.can_log_in() or due.is_over
    due.wait_for("SSH is open again", host.can_log_in)
    wait_for("the lease and its timer are gone", lambda: nothing_is_held(host))


def test_leases_do_not_outlive_a_power_cut(fleet_of_one: Fleet) -> None:
    host = fleet_of_one["h1"]
    assert lock(host) == ""
    assert try_lease(host, "pause", HOUR, "1000", "cron.service", "-", "-") == ""
    host.power_cut()
    assert host.unit_state("cron.service") == "active"
    assert who_gets_in(fleet_of_one) == EVERYBODY
    wait_for("nothing is held", lambda: nothing_is_held(host))
    assert "an earlier boot" in host.journal("belay-lease-boot.service")


BACKUP_UNITS = {
    "nightly-backup.timer": "[Timer]\nOnCalendar=*-*-* *:*:0/2\nAccuracySec=100ms\n",
    "nightly-backup.service": "[Service]\nType=oneshot\nExecStart=/bin/touch /run/nightly-ran\n",
    "long-backup.service": "[Service]\nType=exec\nExecStart=/bin/sh -c 'until [ -e /run/go ]; do sleep .1; done'\n",
    "idle.service": "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
    "door.socket": "[Socket]\nListenStream=127.0.0.1:9999\nAccept=no\n",
    "door.service": "[Service]\nExecStart=/bin/sleep infinity\n",
}
HELD = ("cron.service", "nightly-backup.timer", "door.socket", "door.service", "idle.service")


def make_units(host: Host) -> None:
    """In /etc, where a runtime mask would not reach them."""
    for name, text in BACKUP_UNITS.items():
        host.write(f"/etc/systemd/system/{name}", text)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", "nightly-backup.timer", "door.socket", "long-backup.service")


def states(host: Host) -> dict[str, tuple[str, str]]:
    return {unit: (host.unit_state(unit), host.unit_property(unit, "UnitFileState")) for unit in HELD}


def test_jobs_are_paused_after_backups_have_ended_and_come_back_as_they_were(fleet_of_one: Fleet) -> None:
    host = fleet_of_one["h1"]
    make_units(host)
    before = states(host)
    assert before["idle.service"] == ("inactive", "disabled")
    with ThreadPoolExecutor() as pool:
        units = "cron.service,idle.service,door.service,nosuch.service"
        pause = pool.submit(try_lease, host, "pause", HOUR, "30000", units, "*backup*", "*-backup.service")
        wait_for("the timer's backup has run meanwhile", lambda: host.exists("/run/nightly-ran"))
        assert not pause.done()
        assert states(host) == before, "nothing stops before the backup has ended"
        host.run("touch", "/run/go")
        assert pause.result() == ""
    assert {state for state, _ in states(host).values()} == {"inactive"}

    host.run("rm", "-f", "/run/nightly-ran")
    for unit in HELD:  # what a package's script would do
        host.run("systemctl", "start", unit)
        host.run("systemctl", "restart", unit)
    host.run("systemctl", "daemon-reload")
    assert {state for state, _ in states(host).values()} == {"inactive"}
    host.run("sleep", "3")
    assert not host.exists("/run/nightly-ran"), "the timer is paused"

    host.run("systemctl", "start", "belay-lease@quiesce.service")
    assert states(host) == before
    assert nothing_is_held(host)
    told = host.journal("belay-lease@quiesce.service")
    assert "runs that were missed: nightly-backup.timer at 2" in told, told


def test_a_pause_that_is_joined_gets_its_timer_again(fleet_of_one: Fleet) -> None:
    host = fleet_of_one["h1"]
    pause = ("pause", HOUR, "1000", "cron.service", "-", "-")
    assert try_lease(host, *pause) == ""
    host.run("systemctl", "stop", "belay-lease@quiesce.timer")  # as if who took it had died before it was set
    assert try_lease(host, *pause) == ""
    assert host.unit_state("belay-lease@quiesce.timer") == "active"
    host.run("systemctl", "start", "belay-lease@quiesce.service")
    assert nothing_is_held(host)


def test_a_backup_that_does_not_end_stops_the_job_not_the_backup(fleet_of_one: Fleet) -> None:
    host = fleet_of_one["h1"]
    make_units(host)
    before = states(host)
    pause = ("pause", HOUR, "1000", "cron.service", "*backup*", "long-backup.service")
    assert try_lease(host, *pause) == "quiesce_backup_running"
    assert states(host) == before
    assert host.unit_state("long-backup.service") == "active"
    assert nothing_is_held(host)
    assert try_lease(host, "pause", HOUR, "1000", "dbus.service", "-", "-") == "quiesce_protected"
    assert try_lease(host, "pause", HOUR, "1000", "multi-user.target", "-", "-") == "quiesce_protected"
    assert try_lease(host, "pause", HOUR, "1000", "[!r]*", "-", "-") == ""  # all but this very run-*.service
    assert host.unit_state("cron.service") == "inactive"
    assert host.unit_state("dbus.service") == host.unit_state("systemd-journald.service") == "active"
    assert host.can_log_in(), "a glob does not reach what the host lives by"
    host.run("systemctl", "start", "belay-lease@quiesce.service")
    assert states(host) == before
    assert nothing_is_held(host)


def test_paused_jobs_come_back_by_themselves(fleet_of_one: Fleet) -> None:
    host = fleet_of_one["h1"]
    due = Due(host, 3000)
    assert try_lease(host, "pause", "3000", "1000", "cron.service", "-", "-") == ""
    assert host.unit_state("cron.service") == "inactive" or due.is_over
    due.wait_for("cron runs again", lambda: host.unit_state("cron.service") == "active")
    wait_for("the lease and its timer are gone", lambda: nothing_is_held(host))


def test_silence_raises_the_agent_or_goes_the_way_back_itself(fleet_of_one: Fleet) -> None:
    host = fleet_of_one["h1"]
    restore = "/run/systemd/system/belay-txn@.service.d/test.conf"
    host.write("/etc/systemd/system/belay-agent.service", "[Service]\nExecStart=/bin/sleep infinity\n")
    host.run("systemctl", "daemon-reload")
    assert try_lease(host, "arm", "1000") == ""
    wait_for("the agent runs", lambda: host.unit_state("belay-agent.service") == "active")
    wait_for("silence has ended", lambda: host.unit_state("belay-silence.service") == "inactive")
    assert host.exists(f"{LEASES}/silence"), "the agent owns the decision, and the record"
    assert try_lease(host, "disarm") == ""
    assert nothing_is_held(host)

    host.run("systemctl", "stop", "belay-agent.service")
    host.write("/etc/systemd/system/belay-agent.service", "[Service]\nType=notify\nExecStart=/bin/false\n")
    host.write(restore, "[Service]\nExecStart=\nExecStart=/bin/touch /run/restored-%i\n")
    host.run("systemctl", "daemon-reload")
    host.shell("sed -i /^Include/d /etc/ssh/sshd_config")  # so the lock is in the main file
    host.run("systemctl", "restart", "ssh.service")
    assert lock(host) == ""
    assert not host.can_log_in()
    assert try_lease(host, "pause", HOUR, "1000", "cron.service", "-", "-") == ""
    assert try_lease(host, "arm", "1000") == ""
    wait_for("the way back has been gone", lambda: host.exists(f"/run/restored-{JOB}-restore"))
    wait_for("SSH is open again", host.can_log_in)
    wait_for("cron runs again", lambda: host.unit_state("cron.service") == "active")
    host.run("rm", "-r", str(restore.rpartition("/")[0]))
    wait_for("its end", lambda: not host.exists(f"{LEASES}/silence"))
    assert host.exists(f"{LEASES}/going_back"), "until an agent has heeded it"
    assert try_lease(host, "disarm") == ""
    wait_for("nothing is held", lambda: nothing_is_held(host))


def probe(host: Host, what: str, timeout_ms: str, controller: str, witnesses: str) -> list[str]:
    host.shell(f"{TRY} task {what} {timeout_ms} {controller} {witnesses} >/run/belay/probe/7.task")
    host.run("systemctl", "start", "belay-probe@7.service")
    return host.shell(f"{TRY} result </run/belay/probe/7.result").out.splitlines()


def test_the_probe_sees_ports_and_witnesses_and_no_files(fleet_of_one: Fleet) -> None:
    fleet, host = fleet_of_one, fleet_of_one["h1"]
    controller = f"{fleet.ctl.address}:22"
    assert "listener 1 0.0.0.0 22" in probe(host, "1", "1000", controller, "-")
    told = probe(host, "2", "3000", controller, f"{host.address}:1,198.51.100.1:9")
    assert f"reply 1 {fleet.outside} 2" in told, "the gateway refuses, so it is there"
    assert f"reply 4 {controller} 1" in told
    assert f"reply 3 {host.address}:1 2" in told
    assert "reply 3 198.51.100.1:9 3" in told
    host.link_down()
    told = probe(host, "2", "10000", controller, "-")
    host.link_up()
    assert told == [f"reply 1 {fleet.outside} 3", f"reply 4 {controller} 3"], told
    with pytest.raises(LabError):
        host.write("/run/belay/probe/7.task", "nonsense")
        host.run("systemctl", "start", "belay-probe@7.service")
