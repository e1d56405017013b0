# SPDX-License-Identifier: Apache-2.0
"""The way back by a snapshot (`change.revert: filesystem`), on hosts whose file systems lie on LVM: / is an ext4, /var an
xfs. They are virtual machines, since the lab's own kernel may have no device mapper."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from belaycli import Exit, job_on
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS, Package, serve
from harness.fleet import Fleet
from harness.host import Host
from test_snapshot import BROKEN, DATA, MIGRATE, SPARED, by_snapshot, difference, make_data, publish

MakeFleet = Callable[..., Fleet]
SECONDS = 480
"""For a rollout: a virtual machine may be slow."""
TOPS = "/var /opt"
"""What may be a file system of its own."""
CHANGED = "/etc /var /opt /usr/lib"
"""Where packages and their scripts write in these tests: to read all of the disk takes a machine's emulator a minute."""
OWN = {"root", "var", "pool", "opt"}
"""Volumes that are there before belay takes any."""


def whole(host: Host, tops: str = f"/ {TOPS}") -> dict[str, str]:
    """All of the host's disk that goes back, or of these folders: kind, mode, owner, and content or target, by path."""
    spared = " -o ".join(f"-path /{name}" for name in [*SPARED, "srv/lab", "boot", "mnt", "etc/lvm/archive", "etc/lvm/backup"])
    find = f"find {tops} -xdev \\( {spared} \\) -prune -o"
    things = host.shell(f"{find} \\( -type f -o -type d -o -type l \\) -printf '%p\\t%y %m %U:%G %l\\n'").out
    sums = host.shell(f"{find} -type f -print0 | xargs -0 md5sum --zero", timeout=180).out
    found = dict(line.split("\t", 1) for line in things.splitlines() if "\t" in line)
    for line in sums.rstrip("\0").split("\0"):
        digest, name = line.split("  ", 1)
        found[name] = f"{found[name]} {digest}"
    return {name: told for name, told in found.items() if name not in tops.split()}


def snapshots(host: Host) -> list[str]:
    listed = host.run("lvs", "--noheadings", "--options=lv_name", "@belay-snapshot").out
    return sorted(listed.split())


def settled(state: dict[str, Any]) -> dict[str, Any]:
    """Without the daemon by which LVM itself watches snapshots: it starts with the first, and stays."""
    return {**state, "active units": [unit for unit in state["active units"] if unit != "dm-event.service"]}


def assert_no_trace(host: Host) -> None:
    """The snapshots go when their job is over, and nothing is left of the going back."""
    wait_for("the snapshots to be removed", lambda: not snapshots(host))
    assert not host.shell(f"find / {TOPS} -xdev -name '.belay-*' -not -path '/proc/*'").out.split()
    assert {"root", "var"} <= set(host.run("lvs", "--noheadings", "--options=lv_name").out.split()) <= OWN


@pytest.mark.deadline(900)
def test_all_of_a_bad_change_goes_back_and_a_full_group_blocks(lvm_fleet: MakeFleet) -> None:
    """F28: the data on both file systems was made into another format, and the former version is nowhere."""
    lab = lvm_fleet(hosts=1)
    host = lab["h1"]
    make_data(host)
    publish(lab, Package("demo", "3.0", BROKEN, postinst=MIGRATE, setting="default-3"))

    host.run("lvcreate", "--quiet", "--yes", "--name=filler", "--extents=95%FREE", "lab")
    code, report = lab.belay.roll_out(by_snapshot("demo=3.0"), timeout=SECONDS)
    (seen,) = report["hosts"]
    told = json.dumps(seen)
    assert seen["state"] == "blocked" and "snapshot_impossible" in told, seen
    assert "the volume group lab has" in told and "vgextend" in told, seen
    assert host.http() == (200, "1.0") and not snapshots(host)
    host.run("lvremove", "--quiet", "--yes", "lab/filler")

    before, state = whole(host), host.state()
    code, report = lab.belay.roll_out(by_snapshot("demo=3.0"), timeout=SECONDS)
    assert code == Exit.HOSTS_FAILED, report
    assert [each["state"] for each in report["hosts"]] == ["reverted"], json.dumps(report, indent=1)
    assert "format 1" in host.read(f"{DATA}/data")
    assert not difference(before, whole(host))
    assert not difference(settled(state), settled(host.state()))
    assert host.http() == (200, "1.0")
    assert_no_trace(host)


# ---- power cuts, and an end between the snapshots and the change ----

WATCHED = "/run/lab-watched"
PUT_BACK = f"{DATA}/many/.belay-back-*"
NAP = "read -t 0.05 -u 3"
"""In bash, with no process for it: a busy one would take the machine from those it looks at."""
WATCH_TAKEN = f"""until [ -e /dev/mapper/lab-belay--*-[1-9] ]; do {NAP}; done
while pgrep -x lvcreate; do {NAP}; done
pkill -KILL -x 'belay-txn|belay-agent'"""
"""Both snapshots are whole (that of / has the number 0, a copy of /boot the next), and apt-get reads its lists."""
WATCH_PUTTING_BACK = f"until compgen -G '{PUT_BACK}'; do {NAP}; done; pkill -STOP -x belay-txn"


def watch(host: Host, script: str) -> Callable[[], bool]:
    """Do something on the host at a moment that nobody outside of it would see; tells whether it was done. Not as a unit,
    since belay compares those."""
    host.run("rm", "-f", WATCHED)
    whole_script = f"exec 3<> <(:)\n{script}\ntouch {WATCHED}"
    host.shell(f"setsid bash -c {shlex.quote(whole_script)} >/dev/null 2>&1 </dev/null &")
    return lambda: host.exists(WATCHED)


def power_cut(host: Host) -> None:
    """The machine dies, with all that its kernel had not written yet."""
    host.power_off_hard()
    host.start()


def assert_went_back(lab: Fleet, rollout: str, before: dict[str, str]) -> None:
    host = lab["h1"]
    ends = ("reverted", "revert_failed")
    wait_for("the end of the way back", lambda: job_on(host)["state"] in ends, SECONDS, every=1)
    assert job_on(host)["state"] == "reverted", host.journal("belay-agent.service")[-3000:]
    assert not difference(before, whole(host, CHANGED))
    assert lab.belay.wait(rollout, SECONDS) == Exit.HOSTS_FAILED
    assert host.http() == (200, "1.0") and host.version("demo") == "1.0"
    assert_no_trace(host)


@pytest.mark.long
@pytest.mark.deadline(2400)
def test_whatever_dies_the_host_comes_back(lvm_fleet: MakeFleet) -> None:
    """F1, F10, F28: the machine dies in mid change and in mid way back, and boots while there are snapshots of / and /var;
    then the agent and its package run die before anything changed."""
    lab = lvm_fleet(hosts=1)
    host = lab["h1"]
    make_data(host)
    waits = f"{MIGRATE}\n    touch {DEMO_WAITS}; until [ -e {DEMO_GO} ]; do sleep 0.5; done"
    publish(lab, Package("demo", "3.0", BROKEN, postinst=waits))
    before = whole(host, CHANGED)
    text = by_snapshot("demo=3.0")

    rollout = lab.belay.start(text)
    wait_for("the script", lambda: host.exists(DEMO_WAITS), SECONDS, every=1)
    assert "format 2" in host.read(f"{DATA}/data") and len(snapshots(host)) == 2
    power_cut(host)
    assert_went_back(lab, rollout, before)

    rollout = lab.belay.start(text)
    wait_for("the script", lambda: host.exists(DEMO_WAITS), SECONDS, every=1)
    stopped = watch(host, WATCH_PUTTING_BACK)
    host.write(DEMO_GO, "")
    wait_for("files being put back", stopped, SECONDS, every=1)
    assert host.shell(f"ls {PUT_BACK}").out
    power_cut(host)
    assert_went_back(lab, rollout, before)

    killed = watch(host, WATCH_TAKEN)
    rollout = lab.belay.start(text)
    wait_for("the agent's end", killed, SECONDS, every=1)
    assert len(snapshots(host)) == 2
    assert_went_back(lab, rollout, before)
    assert not host.exists(DEMO_WAITS), "it died before its package was unpacked"


# ---- late ways back, thin volumes, and snapshots that run full ----

MAKE_THIN = """lvcreate --quiet --yes --type=thin-pool --name=pool --size=300M lab
lvcreate --quiet --yes --thin --name=opt --virtualsize=400M lab/pool
mkfs.ext4 -q /dev/lab/opt
mount /dev/lab/opt /opt
rmdir /opt/lost+found
echo old >/opt/shop"""
LEFT_MIB = 560
"""Two thick snapshots of 256 MiB, with little more to grow."""


def snapshot_of(host: Host, volume: str) -> dict[str, str]:
    """Name, size in MiB, how full, and the state letter of belay's only snapshot of this volume."""
    asked = "lv_name,lv_size,data_percent,lv_attr"
    select = f"--select=origin={volume} && lv_tags=belay-snapshot"
    (line,) = host.run("lvs", "--noheadings", "--nosuffix", "--units=m", f"--options={asked}", select).out.splitlines()
    return dict(zip(("name", "mib", "percent", "attributes"), line.split(), strict=False))


def agent_said(host: Host, words: str) -> bool:
    return words in host.journal("belay-agent.service")


@pytest.mark.long
@pytest.mark.deadline(2400)
def test_late_and_when_snapshots_run_full(lvm_fleet: MakeFleet) -> None:
    """F28: a thick snapshot that fills up is extended, and the late way back is whole, that of a thin volume, too. One
    that can't be extended is told of before it is lost; then the way back says so and touches nothing."""
    lab = lvm_fleet(hosts=1)
    host = lab["h1"]
    make_data(host)
    host.shell(MAKE_THIN)
    script = f"{MIGRATE}\n    echo new >/opt/shop; echo more >/opt/more"
    publish(lab, Package("demo", "3.1", serve("3.1"), postinst=script, setting="default-3"))
    free_mib = float(host.run("vgs", "--noheadings", "--nosuffix", "--units=m", "--options=vg_free", "lab").out)
    filler = f"lvcreate --quiet --yes --name=filler --size={int(free_mib) - LEFT_MIB}M lab"
    host.shell(filler)
    before = whole(host, CHANGED)
    code, report = lab.belay.roll_out(by_snapshot("demo=3.1"), timeout=SECONDS)
    assert code == Exit.DONE, json.dumps(report, indent=1)
    assert host.http() == (200, "3.1") and host.read("/opt/shop") == "new\n" and len(snapshots(host)) == 3
    assert snapshot_of(host, "opt")["attributes"].startswith("V")

    first = snapshot_of(host, "var")
    host.run("lvremove", "--quiet", "--yes", "lab/filler")
    host.shell("dd if=/dev/urandom of=/var/tmp/much bs=1M count=200 conv=fsync status=none", timeout=120)
    wait_for("more room", lambda: agent_said(host, "% full and got"), every=2)
    assert float(snapshot_of(host, "var")["mib"]) > float(first["mib"])
    host.write("/etc/demo/demo.conf", "setting = of a person\n")
    host.write("/opt/of-a-person", "new\n")
    lab.belay("rollback", report["rollout"])
    assert lab.belay.wait(report["rollout"], SECONDS) == Exit.ROLLED_BACK, lab.belay.report(report["rollout"])
    theirs = {"/etc/demo/demo.conf", "/opt/of-a-person"}
    assert set(difference(before, whole(host, CHANGED))) == theirs
    assert host.http() == (200, "1.0") and host.version("demo") == "1.0"
    assert_no_trace(host)

    host.shell(f"rm /var/tmp/much; {filler}")
    code, report = lab.belay.roll_out(by_snapshot("demo=3.1"), timeout=SECONDS)
    assert code == Exit.DONE, json.dumps(report, indent=1)
    host.run("lvcreate", "--quiet", "--yes", "--name=filler2", "--extents=100%FREE", "lab")
    host.shell("dd if=/dev/urandom of=/var/tmp/much bs=1M count=200 conv=fsync status=none", timeout=120)
    wait_for("the warning", lambda: agent_said(host, "snapshot_nearly_full"), every=2)
    assert not agent_said(host, "snapshot_lost")
    host.shell("dd if=/dev/urandom of=/var/tmp/more bs=1M count=100 conv=fsync status=none", timeout=120)
    wait_for("the news", lambda: agent_said(host, "snapshot_lost"), every=2)

    def way_backs() -> list[tuple[str, str]]:
        return [(each["rollout"], each["state"]) for each in lab.belay.json("hosts", "show", "h1")["host"]["way_backs"]]

    wait_for("the controller to know", lambda: way_backs() == [(report["rollout"], "lost")])
    assert "way back LOST: the snapshot of /var is lost" in lab.belay("status", report["rollout"]).out
    changed = whole(host, CHANGED)
    lab.belay("rollback", report["rollout"])
    assert lab.belay.wait(report["rollout"], SECONDS) == Exit.ROLLBACK_INCOMPLETE
    (told,) = lab.belay.report(report["rollout"])["hosts"]
    assert told["state"] == "revert_failed" and "the snapshot of /var ran full" in json.dumps(told), told
    assert not difference(changed, whole(host, CHANGED))
    assert host.http() == (200, "3.1") and host.version("demo") == "3.1"
