# SPDX-License-Identifier: Apache-2.0
"""The admin endpoint: a person's desk on another machine, which looks, approves and stops, and nothing more."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from belaycli import CONTROLLER_UNIT, PASSPHRASE, PASSPHRASE_FILE, Exit, plan
from harness.command import Result, wait_for
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]

BOB = "bob"
ADMIN_PORT = 7314
CONFIG = "/etc/belay/controller.yaml"
FLOOD_COUNT = 1500


def listen_for_desks(lab: Fleet) -> None:
    """What an administrator does once: the address, and the daemon anew."""
    lab.ctl.write(CONFIG, lab.ctl.read(CONFIG) + f'admin:\n  listen: "tcp://{lab.ctl.address}:{ADMIN_PORT}"\n')
    lab.ctl.run("systemctl", "restart", CONTROLLER_UNIT)
    lab.belay.wait_connected(lab.hosts)


class Desk:
    """`belay` on a machine that is not the controller, with a person's key there."""

    def __init__(self, lab: Fleet, machine: Host) -> None:
        self._lab, self._machine = lab, machine
        program = machine.path("/usr/bin/belay")
        program.write_bytes(lab.ctl.path("/usr/bin/belay").read_bytes())
        program.chmod(0o755)
        machine.write(PASSPHRASE_FILE, f"{PASSPHRASE}\n", 0o600)

    def here(self, *argv: str, check: bool = True) -> Result:
        """Without the controller."""
        return self._machine.run("env", "HOME=/root", f"BELAY_PASSPHRASE={PASSPHRASE}", "belay", *argv, check=check)

    def __call__(self, *argv: str, check: bool = True) -> Result:
        return self.here("--desk", "shop", *argv, check=check)

    def json(self, *argv: str) -> Any:
        return json.loads(self(*argv, "--json").out)

    def make(self, controller_key: str) -> str:
        """`belay desk new`: returns the desk's own key."""
        address = f"tcp://{self._lab.ctl.address}:{ADMIN_PORT}"
        made = self.here("desk", "new", "shop", "--address", address, "--controller-key", controller_key, "--json")
        return str(json.loads(made.out)["key"])


@pytest.mark.deadline(300)
def test_a_second_desk_approves_and_a_stranger_does_not(fleet: MakeFleet) -> None:
    """R7: a person at another machine approves a wave that waits; belayd is restarted in between."""
    lab = fleet(hosts=2)
    listen_for_desks(lab)
    desk = Desk(lab, lab["h2"])
    key = desk.make(lab.belay.controller_key())
    assert lab["h2"].path("/root/.config/belay/desks/shop.key").stat().st_mode & 0o777 == 0o600

    refused = desk("status", check=False)
    assert refused.rc == Exit.ERROR and "does not admit this desk" in refused.err, refused
    assert "belay desk list" in refused.err
    admitted = lab.belay("desk", "admit", "bobs-laptop", key)
    assert f"tcp://{lab.ctl.address}:{ADMIN_PORT}" in admitted.err

    desk.here("keys", "new", BOB, "--role", "commander", "--passphrase-file", PASSPHRASE_FILE)
    lab.ctl.write("/root/bob.pub", lab["h2"].read(f"/root/.config/belay/keys/{BOB}.pub"))
    lab.belay("keys", "import", "/root/bob.pub")
    lab.belay("keys", "trust", "--passphrase-file", PASSPHRASE_FILE)
    lab["h2"].write("/root/.config/belay/trust", "", 0o600)
    lab["h2"].path("/root/.config/belay/trust").write_bytes(lab.ctl.path("/root/.config/belay/trust").read_bytes())

    lab.repository.publish("1.0", "demo=2.0")
    rollout = lab.belay.start(plan("demo=2.0", waves=[1, 1], approvals={"waves": 1, "expires": "1h"}), "--key", "alice")
    wait_for("the wave to wait", lambda: lab.belay.status(rollout)["code"] == "approval_missing", 90)
    assert [host["name"] for host in desk.json("hosts", "list")["hosts"]] == ["h1", "h2"]
    assert desk.json("status", rollout)["exit_code"] == Exit.WAITS
    assert "waits for 1 of 1 approval" in desk("why", rollout).out

    lab.ctl.run("systemctl", "kill", "--signal=KILL", CONTROLLER_UNIT)
    wait_for("belayd to be back", lambda: desk("status", rollout, check=False).rc in (Exit.DONE, Exit.WAITS))
    desk("approve", rollout, "--yes")
    assert lab.belay.wait(rollout) == Exit.DONE
    assert [given["person"] for given in lab.belay.report(rollout)["approvals"]["given"]] == [BOB]
    rows = lab.belay.json("audit", "log", rollout)["rows"]
    assert [(row["verb"], row["desk"]) for row in rows if row["desk"]] == [
        ("approve", {"key": key, "name": "bobs-laptop"})
    ], rows
    assert "desk bobs-laptop" in lab.belay("audit", "log", rollout).out
    assert "whole" in lab.belay("audit", "verify").out


def test_what_a_desk_may_not_do_and_how_it_is_shut_out(fleet: MakeFleet) -> None:
    """The list of verbs is closed; a revoked desk is cut off in the midst of a watch; another controller's key is refused."""
    lab = fleet(hosts=1)
    listen_for_desks(lab)
    desk = Desk(lab, lab["h1"])
    key = desk.make(lab.belay.controller_key())
    lab.belay("desk", "admit", "laptop", key)
    for words in (["hosts", "revoke", "h1"], ["hosts", "approve", "h1"], ["desk", "admit", "x", "00" * 32], ["resume"], ["unfreeze"]):
        done = desk(*words, check=False)
        assert done.rc == Exit.ERROR and "can't be asked for from another desk" in done.err, done
    assert desk("backup", "/root/all", check=False).rc == Exit.USAGE
    assert lab.belay.connected() == ["h1"]

    lab.repository.publish("1.0", "demo=2.0")
    rollout = lab.belay.start(plan("demo=2.0", watch="10m"))
    lab.belay.wait_for_host(rollout, "h1", "probation")
    lab["h1"].run(
        "systemd-run", "--unit=looker", "-p", "StandardOutput=file:/root/seen", "-p", "StandardError=file:/root/said",
        "--setenv=HOME=/root", "/usr/bin/belay", "--desk", "shop", "watch", rollout,
    )  # fmt: skip
    wait_for("the desk to watch", lambda: "probation" in lab["h1"].read("/root/seen"))
    assert lab.belay.json("desk", "list")["desks"][0]["connections_count"] == 1
    lab.belay("desk", "revoke", "laptop")
    wait_for("it to be cut off", lambda: "does not admit this desk" in lab["h1"].read("/root/said"))
    assert desk("status", check=False).rc == Exit.ERROR
    again = lab.belay("desk", "admit", "laptop", key, check=False)
    assert again.rc == Exit.ERROR and "never comes back" in again.err
    assert lab.belay.status(rollout)["final"] is False

    # Another key than the pinned one, as after a theft of the controller's address.
    settings = "/root/.config/belay/desks/shop.yaml"
    lab["h1"].write(settings, lab["h1"].read(settings).replace(lab.belay.controller_key(), "ab" * 32), 0o600)
    other = desk("status", check=False)
    assert other.rc == Exit.ERROR and "does not have the controller's key" in other.err, other
    assert "belay enroll key" in other.err and "compare" in other.err


def test_a_flood_of_desks_does_not_stop_the_hosts(fleet: MakeFleet) -> None:
    """Connections that say nothing, more than are kept, come and come: hosts answer as ever, and so does the local socket."""
    lab = fleet(hosts=1)
    listen_for_desks(lab)
    open_ones: list[socket.socket] = []
    slowest_s = 0.0
    try:
        for _ in range(FLOOD_COUNT):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex((lab.ctl.address, ADMIN_PORT))
            open_ones.append(one)
            if len(open_ones) % 250 == 0:
                began = time.monotonic()
                assert lab.belay.json("ping", "--timeout", "60s")["hosts"][0]["answered"]
                slowest_s = max(slowest_s, time.monotonic() - began)
        assert slowest_s < 15, slowest_s  # the start of a program is in it, and other tests beside this one
        wait_for("who does not speak to be cut off", lambda: lab.ctl.descriptors(CONTROLLER_UNIT) < 700)
    finally:
        for one in open_ones:
            one.close()
    desk = Desk(lab, lab["h1"])
    lab.belay("desk", "admit", "laptop", desk.make(lab.belay.controller_key()))
    wait_for("a real desk to get in", lambda: desk("hosts", "list", check=False).rc == Exit.DONE)
