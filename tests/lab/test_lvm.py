# SPDX-License-Identifier: Apache-2.0
"""The way back by a snapshot (`change.revert: filesystem`), on hosts whose file systems lie on LVM: / is an ext4, /var an
xfs. They are virtual machines, since the lab's own kernel may have no device mapper."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from belaycli import Exit
from harness.command import wait_for
from harness.debs import Package
from harness.fleet import Fleet
from harness.host import Host
from test_snapshot import BROKEN, DATA, MIGRATE, SPARED, by_snapshot, difference, make_data, publish

MakeFleet = Callable[..., Fleet]
SECONDS = 240
"""For a rollout: a virtual machine may be slow."""


def whole(host: Host) -> dict[str, str]:
    """All of the host's disk that goes back: kind, mode, owner, and content or target, by path."""
    spared = " -o ".join(f"-path /{name}" for name in [*SPARED, "srv/lab", "boot", "mnt", "etc/lvm/archive", "etc/lvm/backup"])
    find = f"find / /var -xdev \\( {spared} \\) -prune -o"
    things = host.shell(f"{find} \\( -type f -o -type d -o -type l \\) -printf '%p\\t%y %m %U:%G %l\\n'").out
    sums = host.shell(f"{find} -type f -print0 | xargs -0 md5sum --zero", timeout=180).out
    found = dict(line.split("\t", 1) for line in things.splitlines() if "\t" in line)
    for line in sums.rstrip("\0").split("\0"):
        digest, name = line.split("  ", 1)
        found[name] = f"{found[name]} {digest}"
    return {name: told for name, told in found.items() if name not in ("/", "/var")}


def snapshots(host: Host) -> list[str]:
    listed = host.run("lvs", "--noheadings", "--options=lv_name", "@belay-snapshot").out
    return sorted(listed.split())


def settled(state: dict[str, Any]) -> dict[str, Any]:
    """Without the daemon by which LVM itself watches snapshots: it starts with the first, and stays."""
    return {**state, "active units": [unit for unit in state["active units"] if unit != "dm-event.service"]}


def assert_no_trace(host: Host) -> None:
    """The snapshots go when their job is over, and nothing is left of the going back."""
    wait_for("the snapshots to be removed", lambda: not snapshots(host))
    assert not host.shell("find / /var -xdev -name '.belay-*' -not -path '/proc/*'").out.split()
    assert host.run("lvs", "--noheadings", "--options=lv_name").out.split() == ["root", "var"]


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
