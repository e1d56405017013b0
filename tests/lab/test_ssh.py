# SPDX-License-Identifier: Apache-2.0
"""The SSH lock with real logins: before, while and after, for every server, configuration and order of rules."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from belaycli import Exit, plan
from harness import openssh
from harness.command import Result, wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host
from harness.newer import newer
from harness.newer_rpm import newer as newer_rpms
from harness.rpm_files import CHANGED
from leases import (
    END_SESSIONS,
    EVERYBODY,
    KEEP_SESSIONS,
    KEPT,
    LOCK,
    MAIN,
    WARN_SESSIONS,
    Due,
    install,
    is_locked_on_disk,
    lock,
    nothing_is_held,
    try_lease_reason,
    who_gets_in,
)

MakeFleet = Callable[..., Fleet]
LEASE_MS = 3000


@pytest.fixture(params=["apt", "dnf"])
def any_fleet(request: pytest.FixtureRequest) -> Fleet:
    """A host of either family, with what gives back and nothing else of belay."""
    fleet = request.getfixturevalue("bare_fleet" if request.param == "apt" else "bare_dnf_fleet")(hosts=1)
    install(fleet)
    return fleet


@pytest.fixture
def one(bare_fleet: MakeFleet) -> Fleet:
    fleet = bare_fleet(hosts=1)
    install(fleet)
    return fleet


def need(kind: str) -> Path:
    found = openssh.find(kind)
    if isinstance(found, str):
        pytest.skip(f"OpenSSH '{kind}' {found}")
    return found


def restart(host: Host) -> None:
    host.run("systemctl", "restart", "ssh.service")


def files_of(host: Host) -> dict[str, tuple[bytes, int, int]]:
    """Everything of sshd's configuration, with mode and time."""
    folder = host.path("/etc/ssh")
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns) for path in files
    }


def release(host: Host) -> None:
    host.run("systemctl", "start", "belay-lease@ssh_lock.service")


def assert_locks_and_opens(fleet: Fleet) -> None:
    """Those who got in before and are kept get in while it is locked, and all who did afterwards; no byte is another."""
    host = fleet["h1"]
    files, before = files_of(host), who_gets_in(fleet)
    assert lock(host, fleet.bastion, "breakglass") == ""
    assert who_gets_in(fleet) == [way for way in before if way in KEPT]
    release(host)
    assert who_gets_in(fleet) == before
    assert files_of(host) == files
    assert nothing_is_held(host)


INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\n"
OPEN_MATCH = "Match User ops\n    X11Forwarding no"  # no newline: the last line of a file may have none
RULES = {
    "allowed users, and a block open at the end": (
        f"{INCLUDE}UsePAM yes\nAllowUsers root ops medic\n{OPEN_MATCH}\n",
        "",
    ),
    "no include": (f"UsePAM yes\n{OPEN_MATCH}", ""),
    "an include within a block": (f"UsePAM yes\nMatch User nobody\n{INCLUDE}", ""),
    "an include behind a block": (f"UsePAM yes\nMatch User nobody\n    X11Forwarding no\n{INCLUDE}", ""),
    "groups allowed and users denied, by address": (
        f"UsePAM yes\n{INCLUDE}AllowGroups root ops medic\nDenyUsers nobody\n"
        "Match Address BASTION\n    DenyUsers ops\n    AllowUsers *\nMatch all\n",
        "",
    ),
    "blocks that allow, before and behind the lock": (
        f"{INCLUDE}UsePAM yes\nMatch User ops\n    AllowUsers ops\nMatch all\n    DenyUsers medic@BASTION\n",
        "AllowUsers root medic ops\nMatch Group ops\n    AllowGroups ops\n",
    ),
    "blocks in the directory, nothing but an include in the file": (
        INCLUDE * 2,
        f"UsePAM yes\nDenyGroups nogroup\n{OPEN_MATCH}",
    ),
    "no include, denied users at the end": (
        "UsePAM yes\nMatch User medic\n    AllowUsers medic\nMatch all\n    DenyUsers ops@BASTION nobody\n",
        "",
    ),
}


@pytest.mark.deadline(600)
def test_any_order_of_rules_is_locked_and_opened(any_fleet: Fleet) -> None:
    host = any_fleet["h1"]
    for name, (main, dropped_in) in RULES.items():
        print("rules:", name)
        host.write(MAIN, main.replace("BASTION", any_fleet.bastion), 0o640)
        host.write("/etc/ssh/sshd_config.d/50-own.conf", dropped_in)
        restart(host)
        assert_locks_and_opens(any_fleet)


def test_a_configuration_behind_a_link_stays_behind_it(one: Fleet) -> None:
    host = one["h1"]
    host.run("mv", MAIN, "/etc/ssh/managed")
    host.run("ln", "-s", "managed", MAIN)
    host.shell("sed -i /^Include/d /etc/ssh/managed")
    restart(host)
    assert_locks_and_opens(one)
    assert host.shell(f"readlink {MAIN}").out == "managed\n"


def put_new_sshd(host: Host) -> None:
    """OpenSSH 10 from its packages, as an upgrade by hand."""
    for deb in need("new").glob("*.deb"):
        shutil.copy(deb, host.path("/root"))
    install_them = "DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i /root/openssh-*.deb"
    host.shell(install_them)
    assert host.shell("sshd -V 2>&1").out.startswith("OpenSSH_10")


def put_old_sshd(host: Host) -> None:
    """OpenSSH 7.6 in the place of the host's own, with a configuration of its time."""
    old = need("old")
    shutil.copy(old / openssh.OLD_LIBRARY, host.path("/usr/lib/x86_64-linux-gnu"))
    host.run("systemctl", "stop", "ssh.service")
    shutil.copy(old / openssh.OLD_SSHD, host.path("/usr/sbin/sshd.new"))
    host.run("mv", "/usr/sbin/sshd.new", "/usr/sbin/sshd")
    host.shell("rm -r /etc/ssh/sshd_config.d")
    host.write(MAIN, "UsePAM yes\nSubsystem sftp /usr/lib/openssh/sftp-server\nMatch User ops\n    X11Forwarding no")
    host.run("systemctl", "start", "ssh.service")
    assert "OpenSSH_7.6" in host.shell("sshd -V 2>&1", check=False).out


def test_an_sshd_from_before_includes(one: Fleet) -> None:
    """A real OpenSSH 7.6: older than 8.0, and like that without Include."""
    put_old_sshd(one["h1"])
    refused = one["h1"].shell(f"(cat {MAIN}; echo; echo Match all; echo '{INCLUDE}') >/tmp/x; sshd -t -f /tmp/x", check=False)
    assert "Include" in refused.err and not refused.ok, "it would not even know the word"
    assert_locks_and_opens(one)


def test_the_sshd_of_today(one: Fleet) -> None:
    put_new_sshd(one["h1"])
    assert_locks_and_opens(one)
    host = one["h1"]
    host.shell(f"sed -i /^Include/d {MAIN}")
    restart(host)
    assert_locks_and_opens(one)


def serve_by_socket(host: Host) -> None:
    host.run("systemctl", "stop", "ssh.service")
    host.run("systemctl", "start", "ssh.socket")


EACH_CONNECTION = {
    "ssh.socket": "[Unit]\nConflicts=ssh.service\n[Socket]\nListenStream=22\nAccept=yes\n",
    "ssh@.service": "[Service]\nExecStart=-/usr/sbin/sshd -i\nStandardInput=socket\n"
    "RuntimeDirectory=sshd\nRuntimeDirectoryPreserve=yes\n",
}


def serve_each_connection(host: Host) -> None:
    for unit, text in EACH_CONNECTION.items():
        host.write(f"/etc/systemd/system/{unit}", text)
    host.run("systemctl", "daemon-reload")


# (OpenSSH 7.6 takes no socket from systemd.)
@pytest.mark.parametrize(("age", "accept"), [("debian", "no"), ("debian", "yes"), ("new", "no"), ("new", "yes"), ("old", "yes")])
def test_an_sshd_that_its_socket_starts(one: Fleet, age: str, accept: str) -> None:
    """A socket that hands itself to a service that stays, as Debian's and Ubuntu's do today, and one that starts an sshd
    for each connection."""
    host = one["h1"]
    if age == "new":
        put_new_sshd(host)
    if age == "old":
        put_old_sshd(host)
    if accept == "yes":
        serve_each_connection(host)
    serve_by_socket(host)
    assert host.unit_property("ssh.socket", "Accept") == accept
    assert host.unit_state("ssh.service") == "inactive"

    assert lock(host, one.bastion, "breakglass") == "", "before the first login ever"
    assert who_gets_in(one) == KEPT
    release(host)
    assert who_gets_in(one) == EVERYBODY
    assert_locks_and_opens(one)

    assert lock(host, one.bastion, "breakglass") == ""
    host.run("systemctl", "stop", "ssh.socket", "ssh.service")  # what a package's script may leave behind
    release(host)
    assert who_gets_in(one) == EVERYBODY, "it was served when it was locked, so it is served again"
    assert host.unit_state("ssh.socket") == "active"


# ---- sessions ------------------------------------------------------------------------------------


def open_session(pool: ThreadPoolExecutor, host: Host, user: str, bind: str | None = None) -> Future[Result]:
    """A login on a terminal that stays until its sleep is ended."""
    marker = f"/tmp/session-{user}"
    wait = f"tty >{marker}; sleep 600; true"
    session = pool.submit(host.ssh, "sh", "-c", wait, user=user, bind=bind, terminal=True, timeout=120)
    wait_for(f"{user} is logged in", lambda: host.exists(marker))
    return session


def end_session(host: Host, user: str) -> None:
    host.run("pkill", "-u", user, "sleep")


@pytest.mark.parametrize("sessions", [KEEP_SESSIONS, WARN_SESSIONS, END_SESSIONS])
def test_open_sessions_are_kept_or_warned_or_ended(any_fleet: Fleet, sessions: str) -> None:
    """Members of a kept group and who came from a kept address are left alone in each case."""
    fleet, host = any_fleet, any_fleet["h1"]
    with ThreadPoolExecutor() as pool:
        stranger = open_session(pool, host, "ops")
        kept = [open_session(pool, host, "medic"), open_session(pool, host, "root", fleet.bastion)]
        code, reason = try_lease_reason(host, "lock", "3600000", sessions, fleet.bastion, "breakglass")
        assert code == ""
        assert not host.can_log_in("ops")
        if sessions == END_SESSIONS:
            wait_for("the stranger's session is ended", stranger.done)
            assert "ended: 1" in reason
        else:
            end_session(host, "ops")
        for user in ("medic", "root"):
            assert not kept[0 if user == "medic" else 1].done()
            end_session(host, user)
        warned = ["upgraded" in session.result().out for session in (stranger, *kept)]
        assert warned == [sessions == WARN_SESSIONS, False, False], reason
        assert ("warned: 1" in reason) == (sessions == WARN_SESSIONS)
    release(host)
    assert who_gets_in(fleet) == EVERYBODY


# ---- the end, with nobody of us alive -------------------------------------------------------------


def by_itself(host: Host) -> None:
    pass


def without_include(host: Host) -> None:
    host.shell(f"sed -i /^Include/d {MAIN}")
    restart(host)


def serve_each_connection_by_socket(host: Host) -> None:
    serve_each_connection(host)
    serve_by_socket(host)


def with_sshd_stopped(host: Host) -> None:
    host.run("systemctl", "stop", "ssh.service")


def with_the_configuration_replaced(host: Host) -> None:
    host.write(MAIN, f"{INCLUDE}UsePAM yes\nMaxAuthTries 9\n")
    restart(host)


@pytest.mark.parametrize(
    "prepare, meanwhile",
    [
        (by_itself, by_itself),
        (without_include, by_itself),
        (without_include, with_the_configuration_replaced),
        (serve_by_socket, by_itself),
        (by_itself, with_sshd_stopped),
        (by_itself, with_the_configuration_replaced),
        (serve_each_connection_by_socket, by_itself),
        (put_new_sshd, by_itself),
        (put_old_sshd, by_itself),
    ],
    ids=lambda change: change.__name__,
)
def test_the_lock_ends_in_time_with_no_agent(
    one: Fleet, prepare: Callable[[Host], None], meanwhile: Callable[[Host], None]
) -> None:
    host = one["h1"]
    prepare(host)
    assert host.can_log_in()
    due = Due(host, LEASE_MS)
    assert lock(host, lease_ms=str(LEASE_MS)) == ""
    meanwhile(host)
    # Who keeps the lock in the main file against others is the agent.
    if (prepare, meanwhile) != (without_include, with_the_configuration_replaced):
        assert not host.can_log_in(timeout=2) or due.is_over
    due.wait_for("SSH is open again", host.can_log_in)
    wait_for("the lease and its timer are gone", lambda: nothing_is_held(host))


# ---- what can't be locked -------------------------------------------------------------------------


def test_what_cannot_be_locked_is_named_with_its_remedy(one: Fleet) -> None:
    host = one["h1"]
    files = files_of(host)
    for unit, start, shown in (
        ("dropbear.service", "/run/dropbear 600", "dropbear"),
        ("tinysshd.service", "/bin/sleep 600", "tinysshd.service"),
        ("admin-ssh.service", f"/usr/sbin/sshd -D -f /etc/ssh/admin -p 2222 -h /etc/ssh/ssh_host_ed25519_key", "sshd"),
    ):
        host.run("cp", "/bin/sleep", "/run/dropbear")
        host.run("cp", MAIN, "/etc/ssh/admin")
        host.write(f"/run/systemd/system/{unit}", f"[Service]\nExecStart={start}\n")
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "start", unit)
        code, reason = try_lease_reason(host, "lock", "1000", KEEP_SESSIONS, "-", "-")
        assert code == "ssh_lock_other_server" and shown in reason and "ssh_lock: no" in reason, reason
        host.run("systemctl", "stop", unit)
        host.shell("rm -f /etc/ssh/admin")
    assert nothing_is_held(host)

    host.write(MAIN, "NoSuchKeyword yes\n")
    code, reason = try_lease_reason(host, "lock", "1000", KEEP_SESSIONS, "-", "-")
    assert code == "ssh_lock_config" and "sshd -t" in reason and "ssh_lock: no" in reason, reason
    assert host.read(MAIN) == "NoSuchKeyword yes\n"
    assert nothing_is_held(host)

    host.run("systemctl", "stop", "ssh.service")
    host.run("mv", "/usr/sbin/sshd", "/usr/sbin/was-sshd")
    code, reason = try_lease_reason(host, "lock", "1000", KEEP_SESSIONS, "-", "-")
    assert code == "" and "no SSH server" in reason
    assert nothing_is_held(host)
    assert set(files_of(host)) == set(files)


# ---- in the middle of a job -----------------------------------------------------------------------


def in_mid_upgrade(lab: Fleet, **changes: object) -> str:
    lab.repository.publish("1.0", "demo=2.7")
    keys = {"ssh_lock": {"keep": {"from": [lab.bastion], "groups": ["breakglass"]}}, **changes}
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"], **keys))
    wait_for("the postinst", lambda: lab["h1"].path(DEMO_WAITS).exists())
    return rollout


def test_a_configuration_that_was_replaced_in_mid_job_is_locked_again_and_stays(fleet: MakeFleet) -> None:
    """By an administrator who knows nothing of the lock, with and without Include; the end leaves what is new."""
    lab = fleet(hosts=1)
    host = lab["h1"]
    rollout = in_mid_upgrade(lab)
    assert who_gets_in(lab) == KEPT
    for new in ("UsePAM yes\nMaxAuthTries 9\n", f"{INCLUDE}UsePAM yes\nMaxAuthTries 8\n"):
        host.shell(f"rm -f {LOCK}")
        host.write(MAIN, new)
        restart(host)
        wait_for("the lock is put back", lambda: is_locked_on_disk(host))
        # sshd is away for a moment while it starts with it.
        wait_for("nobody else gets in", lambda: who_gets_in(lab) == KEPT)
    host.write(DEMO_GO, "")
    assert lab.belay.wait(rollout) == Exit.DONE
    assert host.read(MAIN) == new
    assert "maxauthtries 8" in host.run("sshd", "-T").out
    assert who_gets_in(lab) == EVERYBODY
    assert not is_locked_on_disk(host)
    assert "put back" in host.journal("belay-agent.service")


def test_a_broken_configuration_is_never_activated_and_the_lock_ends_with_its_repair(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    host = lab["h1"]
    good = host.read(MAIN)
    rollout = in_mid_upgrade(lab)
    broken = good + "NoSuchKeyword yes\n"
    host.write(MAIN, broken)
    sshd = host.unit_property("ssh.service", "MainPID")
    host.write(DEMO_GO, "")
    assert lab.belay.wait(rollout) != Exit.DONE
    assert host.unit_property("ssh.service", "MainPID") == sshd, "it runs on with what it had"
    assert host.read(MAIN) == broken and not is_locked_on_disk(host)
    said = str(lab.belay.report(rollout))
    assert "ssh_lock_config" in said and "NoSuchKeyword" in said, said
    assert who_gets_in(lab) == KEPT
    host.write(MAIN, good)
    wait_for("SSH opens with the repair", host.can_log_in, 30)  # by the agent, long before the timer tries again
    assert who_gets_in(lab) == EVERYBODY
    wait_for("the lease is gone", lambda: not host.exists("/var/lib/belay/leases/ssh_lock"))


@pytest.mark.parametrize("what", ["broken", "dropbear"])
def test_a_job_is_blocked_where_the_lock_is_not_possible(fleet: MakeFleet, what: str) -> None:
    lab = fleet(hosts=1)
    host = lab["h1"]
    if what == "broken":
        host.write(MAIN, "NoSuchKeyword yes\n")
    else:
        host.run("cp", "/bin/sleep", "/run/dropbear")
        host.run("systemd-run", "--unit=sea", "/run/dropbear", "600")
    lab.repository.publish("1.0", "demo=2.0")
    code, report = lab.belay.roll_out(plan("demo=2.0", waves=["100%"]))
    assert code != Exit.DONE
    assert host.dpkg("demo") == "ii 1.0"
    wanted = "ssh_lock_config" if what == "broken" else "ssh_lock_other_server"
    assert wanted in str(report) and "ssh_lock: no" in str(report), report
    code, report = lab.belay.roll_out(plan("demo=2.0", waves=["100%"], ssh_lock=False))
    assert code == Exit.DONE, report


@pytest.mark.deadline(300)
def test_openssh_itself_is_upgraded_under_the_lock(fleet: MakeFleet) -> None:
    """F22: from 9.2 to 10, where the server is another program; the lock holds before, while and after."""
    new = need("new")
    lab = fleet(hosts=1)
    host = lab["h1"]
    debs = sorted(new.glob("*.deb"))
    version = next(deb for deb in debs if deb.name.startswith("openssh-server")).name.split("_")[1].replace("%3a", ":")
    lab.repository.publish_files(debs)
    keep = {"keep": {"from": [lab.bastion], "groups": ["breakglass"]}}
    names = [f"{name}={version}" for name in openssh.NEW_PACKAGES]
    verify = {"units": ["ssh.service"], "ports": ["tcp/22"], "settle": "1s"}
    rollout = lab.belay.start(plan(*names, waves=["100%"], ssh_lock=keep, verify=verify))
    wait_for("the lock", lambda: is_locked_on_disk(host), 120)
    wait_for("it to hold", lambda: not host.can_log_in("ops"))
    intruders = 0
    while host.shell("sshd -V 2>&1", check=False).out.startswith("OpenSSH_9") and is_locked_on_disk(host):
        intruders += host.can_log_in("ops", timeout=2) and is_locked_on_disk(host)
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)
    assert intruders == 0
    assert host.shell("sshd -V 2>&1").out.startswith("OpenSSH_10")
    assert who_gets_in(lab) == EVERYBODY
    assert not is_locked_on_disk(host)


# The listener is the real one and lives; each session that it starts as a new process dies, as with a library that is missing.
DYING_SESSIONS = """#!/bin/bash
for word; do [ "$word" != -R ] || exit 127; done
exec -a /usr/sbin/sshd /usr/lib/openssh/sshd "$@"
"""


def give_dying_sessions(tree: Path) -> None:
    if not (tree / "usr/sbin/sshd").exists():
        return
    shutil.copy2(tree / "usr/sbin/sshd", tree / "usr/lib/openssh/sshd")
    (tree / "usr/sbin/sshd").write_text(DYING_SESSIONS)


@pytest.mark.deadline(300)
def test_an_openssh_that_serves_no_new_login_goes_back(fleet: MakeFleet, tmp_path: Path) -> None:
    """F22: unit, port and configuration look right after the upgrade, but nobody can log in any more."""
    lab = fleet(hosts=1)
    host = lab["h1"]
    lab.repository.publish_files(newer(host, openssh.NEW_PACKAGES, tmp_path, give_dying_sessions))
    before = who_gets_in(lab)
    keep = {"keep": {"from": [lab.bastion], "groups": ["breakglass"]}}
    verify = {"units": ["ssh.service"], "ports": ["tcp/22"], "settle": "1s"}
    rollout = lab.belay.start(plan(*openssh.NEW_PACKAGES, waves=["100%"], ssh_lock=keep, verify=verify))
    assert lab.belay.wait(rollout) == Exit.HOSTS_FAILED, lab.belay.report(rollout)
    (told,) = lab.belay.report(rollout)["hosts"]
    assert (told["state"], told["cause"]["code"]) == ("reverted", "ssh_silent"), told
    found = [each for each in told["findings"] if each["step"] == "verify" and each["grade"]]
    assert {each["code"] for each in found} == {"ssh_silent"}
    assert any("127.0.0.1:22" in each["reason"] and "hangs up" in each["reason"] for each in found), found
    assert host.unit_state("ssh.service") == "active"
    assert who_gets_in(lab) == before == EVERYBODY
    assert not is_locked_on_disk(host)
    assert "belay looked whether logins are possible" in host.journal()


@pytest.mark.deadline(400)
@pytest.mark.parametrize("include", [True, False], ids=["include", "no include"])
def test_openssh_is_upgraded_and_taken_back_under_the_lock(dnf_fleet: MakeFleet, tmp_path: Path, include: bool) -> None:
    """F22: an RPM brings another sshd, another configuration and a restart, while the lock lies in that configuration or
    beside it. What the administrator wrote stays, as without a lock."""
    lab = dnf_fleet(hosts=1)
    host = lab["h1"]
    if not include:
        without_include(host)
    before, main = host.state(), host.read(MAIN)
    names = ["openssh", "openssh-server"]
    lab.repository.publish_more(newer_rpms(names, tmp_path, config="MaxAuthTries 4\n"))
    keep = {"keep": {"from": [lab.bastion], "groups": ["breakglass"]}}
    verify = {"units": ["ssh.service"], "ports": ["tcp/22"], "settle": "1s"}
    rollout = lab.belay.start(plan(*names, waves=["100%"], ssh_lock=keep, verify=verify))
    wait_for("the lock", lambda: is_locked_on_disk(host), 120)
    wait_for("it to hold", lambda: not host.can_log_in("ops"))
    intruders = 0
    while is_locked_on_disk(host):
        intruders += host.can_log_in("ops", timeout=2) and is_locked_on_disk(host)
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)
    assert intruders == 0
    assert host.path(f"/proc/{host.unit_property('ssh.service', 'MainPID')}/exe").read_bytes().endswith(CHANGED)
    assert host.exists(f"{MAIN}.rpmnew") != include
    assert host.read(MAIN) == (f"{main}MaxAuthTries 4\n" if include else main)
    assert f"maxauthtries {4 if include else 6}" in host.run("sshd", "-T").out
    assert who_gets_in(lab) == EVERYBODY

    lab.belay("rollback", rollout)
    assert lab.belay.wait(rollout) == Exit.ROLLED_BACK, lab.belay.report(rollout)
    assert host.state() == before
    assert host.read(MAIN) == main and not host.exists(f"{MAIN}.rpmnew")
    assert not host.path(f"/proc/{host.unit_property('ssh.service', 'MainPID')}/exe").read_bytes().endswith(CHANGED)
    assert who_gets_in(lab) == EVERYBODY
