# SPDX-License-Identifier: Apache-2.0
"""The controller's own store: backed up while it works, taken back, damaged, in use, and without room."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import Any

from belaycli import CONTROLLER_UNIT, Exit, job_on, plan
from harness import images
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet

MakeFleet = Callable[..., Fleet]

STATE = "/var/lib/belay/controller"
CHECK = "/usr/sbin/belayd"
BACKUP = "/root/belay.backup"
LOCK = "/root/store_lock"


def start_and_hold(lab: Fleet, **times: Any) -> str:
    """A rollout whose host is in the middle of its package run, and stays there."""
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"], **times))
    wait_for("the postinst", lambda: lab["h1"].path(DEMO_WAITS).exists(), 90)
    return rollout


def test_a_lost_controller_comes_back_from_its_backup(fleet: MakeFleet) -> None:
    """The backup is made in mid-rollout, and the machine is lost right after; hosts go on with the new one as with the
    old, and nothing is asked of them."""
    lab = fleet(hosts=1)
    ctl, host = lab.ctl, lab["h1"]
    rollout = start_and_hold(lab)
    told = lab.belay.json("backup", BACKUP)
    assert (told["hosts"], told["rollouts"], told["open_rollouts"]) == (1, 1, 1)
    assert ctl.run("stat", "--format=%a", BACKUP).out.strip() == "600"
    ctl.run("systemctl", "kill", "--signal=KILL", CONTROLLER_UNIT)
    ctl.run("systemctl", "stop", CONTROLLER_UNIT)
    ctl.shell(f"rm -rf {STATE} /etc/belay/controller.yaml")

    restored = lab.belay.json("restore", BACKUP)
    assert restored["config_written"] and restored["former_state"] == "" and restored["open_rollouts"] == 1
    ctl.run(CHECK, "--check")
    ctl.run("runuser", "-u", "belay", "--", "test", "-w", f"{STATE}/store.db")
    ctl.run("systemctl", "start", CONTROLLER_UNIT)
    lab.belay.wait_connected([host])
    assert lab.belay.status(rollout)["paused"], "a person decides what goes on"
    assert "restore" in lab.belay("audit", "log").out
    lab.belay("resume", rollout)
    host.path(DEMO_GO).write_text("")
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)["hosts"]
    assert host.dpkg("demo") == "ii 2.7"
    ctl.run("systemctl", "stop", CONTROLLER_UNIT)
    assert "all is whole" in ctl.run(CHECK, "--check").out


def test_what_happened_after_the_backup_is_never_shown_as_good(fleet: MakeFleet) -> None:
    """Reports that the lost controller acknowledged are gone with it: the restored one must find out, not guess."""
    lab = fleet(hosts=1)
    ctl, host = lab.ctl, lab["h1"]
    rollout = start_and_hold(lab)
    lab.belay("backup", BACKUP)
    host.path(DEMO_GO).write_text("")
    assert lab.belay.wait(rollout) == Exit.DONE
    ctl.run("systemctl", "stop", CONTROLLER_UNIT)

    refused = lab.belay("restore", BACKUP, check=False)
    assert refused.rc == Exit.ERROR and "--replace" in refused.err, refused
    former = lab.belay.json("restore", BACKUP, "--replace")["former_state"]
    assert ctl.exists(f"{former}/store.db")
    ctl.run("systemctl", "start", CONTROLLER_UNIT)
    lab.belay.wait_connected([host])
    status = lab.belay.status(rollout)
    assert (status["final"], status["hosts"][0]["state"]) == (False, "running"), status
    # A person who looks at the host and finds it good may close the rollout by taking it back, or let it end as lost.
    lab.belay("rollback", rollout)
    assert lab.belay.wait(rollout) == Exit.ROLLED_BACK, lab.belay.report(rollout)["hosts"]
    assert host.dpkg("demo") == "ii 1.0"


def test_a_rollout_that_the_backup_does_not_know_is_told(fleet: MakeFleet) -> None:
    """Nobody confirms what its host does: it goes back by itself, is shown all the while, and then takes new work."""
    lab = fleet(hosts=1)
    ctl, host = lab.ctl, lab["h1"]
    lab.belay("backup", BACKUP)
    rollout = start_and_hold(lab, confirm_within="10s")
    ctl.run("systemctl", "stop", CONTROLLER_UNIT)
    lab.belay("restore", BACKUP, "--replace")
    ctl.run("systemctl", "start", CONTROLLER_UNIT)
    lab.belay.wait_connected([host])

    def why() -> dict[str, Any]:
        told: dict[str, Any] = lab.belay.json("why", "h1")
        return told

    assert lab.belay.json("status")["rollouts"] == []
    assert "foreign job" in lab.belay("hosts", "list").out
    assert rollout in lab.belay("hosts", "show", "h1").out
    told = why()
    assert (told["code"], "goes back by itself" in told["reason"]) == ("foreign_job", True), told
    host.path(DEMO_GO).write_text("")
    wait_for("the host to go back", lambda: "is reverted, of rollout" in why()["reason"], 120)
    assert host.dpkg("demo") == "ii 1.0"
    assert lab.belay.roll_out(plan("demo=2.7", waves=["100%"]))[0] == Exit.DONE
    assert why()["code"] != "foreign_job"
    assert host.dpkg("demo") == "ii 2.7"


def test_a_damaged_store_is_refused_with_its_remedy(fleet: MakeFleet) -> None:
    lab = fleet(hosts=0)
    ctl = lab.ctl
    lab.belay("backup", BACKUP)
    busy = lab.belay("restore", BACKUP, "--replace", check=False)
    assert busy.rc == Exit.ERROR and "systemctl stop belayd" in busy.err, busy
    second = ctl.run(CHECK, "--check", check=False)
    assert second.rc == Exit.ERROR and "another belayd is running" in second.err, second

    ctl.run("systemctl", "stop", CONTROLLER_UNIT)
    ctl.shell(f"dd if=/dev/urandom of={STATE}/store.db bs=4096 seek=1 count=4 conv=notrunc status=none")
    before = ctl.run("sha256sum", f"{STATE}/store.db").out
    ctl.run("systemctl", "start", CONTROLLER_UNIT, check=False)
    wait_for("the end of its tries", lambda: ctl.unit_state(CONTROLLER_UNIT) == "failed")
    said = ctl.journal(CONTROLLER_UNIT)
    assert "store.db" in said and "belay restore FILE --replace" in said, said
    assert ctl.run("sha256sum", f"{STATE}/store.db").out == before
    assert ctl.run(CHECK, "--check", check=False).rc == Exit.ERROR

    lab.belay("restore", BACKUP, "--replace")
    ctl.run("systemctl", "start", CONTROLLER_UNIT)
    assert lab.belay.hosts() == []


def test_a_store_that_another_program_has_locked(fleet: MakeFleet) -> None:
    """What cannot be stored is not believed: belayd ends, names who has the lock, and goes on when it is free."""
    lab = fleet(hosts=1)
    ctl, host = lab.ctl, lab["h1"]
    rollout = start_and_hold(lab)
    shutil.copy(images.TOP / "build/tests/lab/store_lock", ctl.path(LOCK))
    ctl.run("systemd-run", "--quiet", "--unit=locker.service", LOCK, f"{STATE}/store.db")
    wait_for("the lock", lambda: "the lock is mine" in ctl.journal("locker.service"))
    locker = ctl.run("systemctl", "show", "--value", "--property=MainPID", "locker.service").out.strip()
    host.path(DEMO_GO).write_text("")
    named = f"process {locker} has it locked: 'ps -fp {locker}' tells what that is"
    wait_for("the daemon to give up", lambda: re.search(f"giving up: .*{named}", ctl.journal(CONTROLLER_UNIT)))
    wait_for("the next one to refuse", lambda: re.search(f"store.db': .*{named}", ctl.journal(CONTROLLER_UNIT)))
    assert job_on(host)["state"] != "committed", "nobody told it that it may stay"
    ctl.run("systemctl", "stop", "locker.service")
    wait_for("belayd", lambda: lab.belay("status", rollout, check=False).ok)
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)["hosts"]
    assert host.dpkg("demo") == "ii 2.7"


def test_a_controller_without_room_stops_and_goes_on(installed_fleet: MakeFleet) -> None:
    """Nothing is sent that was not recorded: the daemon ends, and the next one reads what is really on disk."""
    lab = installed_fleet(hosts=1)
    ctl, host = lab.ctl, lab["h1"]
    ctl.run("install", "-d", "-o", "belay", "-g", "belay", "-m", "700", STATE)
    ctl.run("mount", "-t", "tmpfs", "-o", "size=4m,mode=700,uid=belay,gid=belay", "state", STATE)
    lab.belay.set_up_controller()
    lab.belay.join(lab.hosts, {"role": "web"})
    rollout = start_and_hold(lab)
    ctl.shell(f"dd if=/dev/zero of={STATE}/filler bs=1k status=none 2>/dev/null", check=False)
    host.path(DEMO_GO).write_text("")
    wait_for("the daemon to say why", lambda: "giving up" in ctl.journal(CONTROLLER_UNIT))
    assert "disk is full" in ctl.journal(CONTROLLER_UNIT)
    ctl.shell(f"rm {STATE}/filler")
    wait_for("the daemon", lambda: ctl.unit_state(CONTROLLER_UNIT) == "active")
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)["hosts"]
    ctl.run("systemctl", "stop", CONTROLLER_UNIT)
    assert "all is whole" in ctl.run(CHECK, "--check").out
