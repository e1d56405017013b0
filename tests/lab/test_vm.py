# SPDX-License-Identifier: Apache-2.0
"""Hosts that are virtual machines: what the scenarios with LVM rely on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.fleet import Fleet

MakeFleet = Callable[..., Fleet]


@pytest.mark.deadline(900)
def test_a_machine_boots_from_lvm_and_comes_back(bare_lvm_fleet: MakeFleet) -> None:
    lab = bare_lvm_fleet(hosts=1)
    host = lab["h1"]
    assert host.run("hostname").out == "h1\n"
    assert host.run("systemctl", "is-system-running").out == "running\n"
    mounts = host.run("findmnt", "--list", "--noheadings", "--output=TARGET,SOURCE,FSTYPE").out.splitlines()
    found = {words[0]: tuple(words[1:]) for words in map(str.split, mounts) if words[0] in ("/", "/var", "/boot")}
    assert found["/"] == ("/dev/mapper/lab-root", "ext4") and found["/var"] == ("/dev/mapper/lab-var", "xfs"), found
    assert found["/boot"][1] == "ext4"
    assert host.http() == (200, "1.0") and host.can_log_in() and host.version("demo") == "1.0"
    assert lab.ctl.run("timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/h1/22", check=False).ok
    host.write("/root/a file", "kept\n")
    host.run("sync")
    boots = [host.boot_id()]
    for again in (host.reboot, host.power_cut):
        again()
        boots.append(host.boot_id())
        assert host.read("/root/a file") == "kept\n" and host.exists("/root/a file") and not host.exists("/root/no file")
    assert len(set(boots)) == len(boots)
    failed = host.run("sh", "-c", "cat; echo oops >&2; exit 3", stdin="in", check=False)
    assert (failed.rc, failed.out, failed.err) == (3, "in", "oops\n")
