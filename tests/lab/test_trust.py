# SPDX-License-Identifier: Apache-2.0
"""Who gets in, who does not, and what becomes of a key that was taken out or copied."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import peer
from belaycli import AGENT_UNITS, CONTROLLER_UNIT, OPERATOR, PASSPHRASE_FILE, Exit, job_on, plan
from harness.command import Result, wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host
from peer import Connection, Peer

MakeFleet = Callable[..., Fleet]
ABSENT_SECONDS = 1.5
"""How long an answer is waited for that must not come."""
RECONNECT_SECONDS = 45
"""A try may just have begun (15 s), and the next one waits for up to 30 s."""


def join_command(lab: Fleet, *options: str) -> list[str]:
    where = ["--controller", f"tcp://{lab.ctl.address}:{peer.FLEET_PORT}"]
    return ["belay-agent", "join", *where, "--controller-key", lab.belay.controller_key(), *options]


def plan_for(*names: str) -> str:
    return plan("demo=2.0", hosts={"list": list(names)}, waves=["100%"])


def controller_log(lab: Fleet) -> str:
    return lab.ctl.journal(CONTROLLER_UNIT)


def controller_pid(lab: Fleet) -> int:
    """As the lab sees it."""
    (pid,) = lab.ctl.pids(CONTROLLER_UNIT)
    return pid


def shown(lab: Fleet, host: str) -> dict[str, Any]:
    return lab.belay.json("hosts", "show", host)["host"]


def why(lab: Fleet, subject: str) -> dict[str, Any]:
    return lab.belay.json("why", subject)


def stranger(lab: Fleet) -> Peer:
    return Peer(lab.ctl.address, lab.belay.controller_key())


def in_mid_upgrade(lab: Fleet, **changes: Any) -> str:
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"], **changes))
    wait_for("the postinst", lambda: lab["h1"].path(DEMO_WAITS).exists())
    return rollout


def test_without_a_token_a_host_waits_for_a_person(installed_fleet: MakeFleet) -> None:
    lab = installed_fleet(hosts=2)
    h1, h2 = lab
    lab.belay.set_up_controller()
    lab.belay.join([h1], {"role": "web"})
    lab.repository.publish("1.0", "demo=2.0")
    h2.run("systemd-run", "--quiet", "--unit=join", *join_command(lab))
    waiting = wait_for("h2 to wait", lambda: [host for host in lab.belay.hosts() if host["state"] == "pending"])
    (fingerprint,) = (host["id"] for host in waiting)

    # The person can compare what the host says with what the controller says.
    wait_for("h2 to tell its fingerprint", lambda: f"belay hosts approve {fingerprint}" in h2.journal("join.service"))
    row = next(line for line in lab.belay("hosts", "list").out.splitlines() if line.startswith("h2"))
    assert fingerprint[:12] in row
    assert " pending " in row
    assert fingerprint in lab.belay("hosts", "show", "h2").out
    assert why(lab, "h2")["next"] == f"belay hosts approve {fingerprint[:16]}"

    # No work: not asked, and not left out in silence where a plan names it.
    assert [host["name"] for host in json.loads(lab.belay("ping", "--json").out)["hosts"]] == ["h1"]
    tried = lab.belay("run", lab.belay.write_plan(plan_for("h1", "h2")), "--yes", check=False)
    assert tried.rc == Exit.ERROR
    assert "h2" in tried.err
    assert "waits for approval" in tried.err
    assert not h2.exists("/etc/belay/trust")

    for nobody, code in (("0123456789abcdef", "there is no host"), ("h2", "digits of its id")):
        refused = lab.belay("hosts", "approve", nobody, check=False)
        assert refused.rc == Exit.ERROR
        assert code in refused.err
    lab.belay("hosts", "approve", fingerprint[:16])
    lab.belay.wait_connected([h2])
    code, report = lab.belay.roll_out(plan_for("h2"))
    assert code == Exit.DONE
    assert [host["name"] for host in report["hosts"]] == ["h2"]
    assert (h1.version("demo"), h2.version("demo")) == ("1.0", "2.0")


def test_an_unknown_key_gets_nothing(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    pid = controller_pid(lab)
    with stranger(lab) as eve:
        doors = [eve.connect() for _ in range(5)]
        for door in doors:
            door.try_to_send(peer.hello("h1"))
        assert [door.handshake() for door in doors] == ["refused"] * len(doors)
        assert doors[0].receive(ABSENT_SECONDS) is None
        told = f"refused a connection from {lab.outside}: unknown key {eve.key[:16]}"
        wait_for("the refusal to be told", lambda: told in controller_log(lab))
        assert controller_log(lab).count("refused a connection") == 1  # whoever comes often fills no log
    assert controller_pid(lab) == pid
    assert [host["id"] for host in lab.belay.hosts()] != [eve.key]
    assert len(lab.belay.hosts()) == 1
    assert lab.belay("ping").ok


def test_nobody_speaks_for_another_host(fleet: MakeFleet) -> None:
    """A courier that was taken over has a valid key, and claims to be h1 in all that it says."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    rollout = in_mid_upgrade(lab)
    before = shown(lab, "h1")
    with stranger(lab) as mallory:
        mallory.enroll("mallory", lab.belay.token(1, {"role": "web"}))
        for turn, routing_id in enumerate((None, bytes.fromhex(before["id"]), b"h1")):
            door = mallory.connect(routing_id=routing_id)
            assert door.handshake() == "succeeded"
            door.send(peer.hello("h1", next_seq=2 * turn + 1))
            door.receive_kind(peer.WELCOME)  # as itself
            assert shown(lab, mallory.key)["connected"]
            for lie, state in enumerate((peer.COMMITTED, peer.REVERTED), 1):
                door.send(peer.report(rollout, state, seq=2 * turn + lie))
                door.receive_kind(peer.REPORT_ACK)  # so that it comes no more; nothing of it is kept
            assert lab.belay.host_states(rollout) == {"h1": "running"}
            door.close()
            wait_for("mallory to be gone", lambda: not shown(lab, mallory.key)["connected"])
    told = f"host 'mallory' reports on rollout {rollout}, which this store does not have it in"
    wait_for("the lies to be told", lambda: told in controller_log(lab))
    assert shown(lab, "h1")["boot_id"] == before["boot_id"]
    assert shown(lab, mallory.key)["boot_id"] == peer.BOOT_ID
    h1.path(DEMO_GO).write_text("")
    assert lab.belay.wait(rollout) == Exit.DONE
    assert h1.version("demo") == "2.7"


def test_a_revoked_person_is_not_believed_by_a_host_that_was_away(fleet: MakeFleet) -> None:
    """Whoever is connected gets the trust file at once; whoever was away gets no order before it has it."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.0")

    def in_trust(version: int) -> None:
        wait_for(f"h1 to judge by version {version}", lambda: shown(lab, "h1")["trust_version"] == version)

    lab.belay("keys", "new", "bert", "--role", "operator", "--passphrase-file", PASSPHRASE_FILE)
    lab.belay("keys", "trust")
    began = time.monotonic()
    in_trust(2)
    print(f"a trust file took effect on a connected host {time.monotonic() - began:.1f} s after it was handed over")

    # What bert signed waits; h1 is away while he is revoked.
    lab.belay("run", lab.belay.write_plan(plan_for("h1")), "--yes", "--key", "bert", "--request", "/root/bert.json")
    h1.run("systemctl", "stop", *AGENT_UNITS)
    wait_for("h1 to be gone", lambda: not shown(lab, "h1")["connected"])
    rollout = lab.belay("run", "--signed", "/root/bert.json", "--yes").out.strip()
    lab.belay("keys", "trust", "--revoke", "bert")
    h1.run("systemctl", "start", *AGENT_UNITS)
    assert lab.belay.wait(rollout) == Exit.HOSTS_FAILED
    (told,) = lab.belay.report(rollout)["hosts"]
    assert told["state"] == "refused"
    assert "the key of bert is revoked" in told["cause"]["reason"]
    in_trust(3)
    assert h1.version("demo") == "1.0"
    again = lab.belay.start(plan_for("h1"), "--key", OPERATOR)
    assert (lab.belay.wait(again), h1.version("demo")) == (Exit.DONE, "2.0")


# ---- the ZAP handler is late or absent ----


@contextmanager
def frozen_loop(pid: int) -> Iterator[None]:
    """Only the loop's thread stands still, and with it the ZAP handler: libzmq goes on to take connections."""
    seize, interrupt, detach = 0x4206, 0x4207, 17
    libc = ctypes.CDLL(None, use_errno=True)

    def ptrace(request: int) -> None:
        if libc.ptrace(ctypes.c_long(request), ctypes.c_long(pid), None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    ptrace(seize)
    ptrace(interrupt)
    os.waitpid(pid, os.WUNTRACED | 0x40000000)  # __WALL
    try:
        yield
    finally:
        ptrace(detach)


@contextmanager
def frozen_process(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def stopped_service(ctl: Host) -> Iterator[None]:
    ctl.run("systemctl", "stop", CONTROLLER_UNIT)
    try:
        yield
    finally:
        ctl.run("systemctl", "start", CONTROLLER_UNIT)


def gets_nowhere(door: Connection) -> None:
    door.send(peer.hello("h1"))
    assert door.handshake(ABSENT_SECONDS) == "none"
    assert door.receive(0.1) is None


@pytest.mark.parametrize("absence", ["loop", "process", "service"])
def test_nobody_gets_in_while_no_one_guards_the_door(fleet: MakeFleet, absence: str) -> None:
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    known = [host["id"] for host in lab.belay.hosts()]
    absences = {
        "loop": lambda: frozen_loop(controller_pid(lab)),
        "process": lambda: frozen_process(controller_pid(lab)),
        "service": lambda: stopped_service(lab.ctl),
    }
    with stranger(lab) as eve:
        door = eve.connect()
        assert door.handshake() == "refused"
        door.close()
        with absences[absence]():
            # The enrolled host comes while nobody can tell it from a stranger.
            h1.run("systemctl", "restart", "belay-courier.service")
            late = eve.connect()
            gets_nowhere(late)
        assert late.handshake(RECONNECT_SECONDS) == "refused"
        assert late.receive(0.1) is None
    lab.belay.wait_connected([h1], RECONNECT_SECONDS)
    assert lab.belay("ping").ok
    assert [host["id"] for host in lab.belay.hosts()] == known


# ---- keys that were taken out, and copied ones ----


@pytest.mark.deadline(400)
def test_a_revoked_host_is_cut_off_and_goes_back_by_itself(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    before = h1.state()
    former = shown(lab, "h1")["id"]
    # A rollout waits for as long as a job may take, and for `lost_after` beyond.
    times = {"change_within": "60s", "confirm_within": "5s", "lost_after": "60s", "quiesce": {"wait": "0s"}}
    rollout = in_mid_upgrade(lab, **times)
    lab.belay("hosts", "revoke", "h1")
    assert (shown(lab, former)["state"], shown(lab, former)["connected"]) == ("revoked", False)
    assert json.loads(lab.belay("ping", "--json", check=False).out)["hosts"] == []
    assert why(lab, former)["code"] == "revoked"

    # What it says over the connection that it still has moves nothing; no new one is let in.
    h1.path(DEMO_GO).write_text("")
    wait_for("it to be turned away", lambda: f"refused a message: host 'h1' ({former[:16]})" in controller_log(lab))
    wait_for("the host to go back by itself", lambda: job_on(h1)["state"] == "reverted", 120)
    assert job_on(h1)["code"] == "link_broken"
    assert f"refused a connection from {h1.address}: host 'h1' ({former[:16]}) was revoked" in controller_log(lab)
    assert lab.belay.host_states(rollout) == {"h1": "running"}

    assert lab.belay.wait(rollout, timeout=240) == Exit.HOSTS_FAILED
    (told,) = lab.belay.report(rollout)["hosts"]
    assert told["state"] == "lost"
    assert "its key was revoked" in told["cause"]["reason"]

    # The machine comes back as another host; the old key stays out.
    again = h1.unit(*join_command(lab, "--force", "--token", lab.belay.token(1, {})), check=False)
    assert "--new-key" in again.err
    h1.unit(*join_command(lab, "--force", "--new-key", "--token", lab.belay.token(1, {})))
    lab.belay.wait_connected([h1])
    assert shown(lab, "h1")["id"] != former
    assert shown(lab, former)["state"] == "revoked"
    assert h1.state() == before


def tried(lab: Fleet) -> Result:
    return lab.belay("run", lab.belay.write_plan(plan("demo=2.0")), "--yes", check=False)


def test_a_copied_key_gets_no_work_until_the_copy_has_its_own(installed_fleet: MakeFleet) -> None:
    lab = installed_fleet(hosts=2)
    original, copy = lab
    lab.belay.set_up_controller()
    lab.belay.join([original], {"role": "web"})
    lab.repository.publish("1.0", "demo=2.0")
    copy.run("install", "--directory", "--mode=700", "/var/lib/belay/agent")
    copy.run("install", "--directory", "/etc/belay")
    for name in ("/etc/belay/agent.yaml", "/etc/belay/trust", "/var/lib/belay/agent/curve.key"):
        shutil.copy(original.path(name), copy.path(name))
    copy.run("systemctl", "enable", "--now", *AGENT_UNITS)

    def is_held() -> bool:
        return shown(lab, "h1")["held"] == "clone"

    wait_for("both to be held", is_held)
    for _ in range(2):  # also when the copy has come anew
        (row,) = lab.belay("hosts", "list").out.splitlines()[1:]
        assert " clone " in row
        assert "clone" in lab.belay("hosts", "show", "h1").out
        assert "--new-key" in why(lab, "h1")["reason"]
        assert lab.belay("ping", check=False).rc == Exit.HOSTS_FAILED
        assert tried(lab).rc == Exit.ERROR
        assert "clone" in tried(lab).err
        copy.run("systemctl", "restart", "belay-courier.service")
        wait_for("both to be held again", is_held)
    assert any(row["verb"] == "clone" for row in lab.belay.json("audit", "log")["rows"])
    assert (original.version("demo"), copy.version("demo")) == ("1.0", "1.0")

    copy.unit(*join_command(lab, "--force", "--new-key", "--token", lab.belay.token(1, {"role": "web"})))
    lab.belay.wait_connected([original, copy])
    wait_for("the original to be free", lambda: not is_held())
    code, report = lab.belay.roll_out(plan("demo=2.0"))
    assert code == Exit.DONE
    assert sorted(host["name"] for host in report["hosts"]) == ["h1", "h2"]
    assert (original.version("demo"), copy.version("demo")) == ("2.0", "2.0")
