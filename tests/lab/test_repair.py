# SPDX-License-Identifier: Apache-2.0
"""A package database that was half done before belay came: repaired only when people signed that, and told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]
GO = "/run/script-go"
WAITS = "/run/script-waits"
# Waits until it may go on, as a script does that asks a server which does not answer.
WAITING = f"#!/bin/sh\n[ -e {GO} ] || {{ touch {WAITS}; exec sleep 600; }}\n"
FAILING = "#!/bin/sh\necho 'never again' >&2; exit 1\n"


def make_deb(host: Host, name: str, **scripts: str) -> str:
    """A package of one file, with these maintainer scripts; it lies where apt keeps what it has downloaded."""
    tree = f"/root/{name}"
    control = f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Lab <lab@example.invalid>\nDescription: {name}\n"
    host.write(f"{tree}/DEBIAN/control", control)
    host.write(f"{tree}/usr/share/{name}/file", "content\n")
    for script, text in scripts.items():
        host.write(f"{tree}/DEBIAN/{script}", text, 0o755)
    deb = f"/var/cache/apt/archives/{name}_1.0_all.deb"
    host.run("dpkg-deb", "--root-owner-group", "--build", tree, deb)
    return deb


def kill_dpkg_in(host: Host, script: str, deb: str) -> None:
    """A person's dpkg dies by SIGKILL while its script waits, as in a power cut or by the OOM killer."""
    host.shell(f"rm -f {GO} {WAITS}; systemd-run --quiet --unit=by-hand dpkg -i {deb}")
    wait_for(f"the {script}", lambda: host.exists(WAITS))
    host.run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", "by-hand.service")
    wait_for("dpkg to be gone", lambda: not host.run("pgrep", "-x", "dpkg", check=False).out)
    host.run("systemctl", "reset-failed", "by-hand.service", check=False)


def break_in_three_ways(host: Host) -> None:
    kill_dpkg_in(host, "preinst", make_deb(host, "halfling", preinst=WAITING))
    kill_dpkg_in(host, "postinst", make_deb(host, "fumble", postinst=WAITING))
    host.run("dpkg", "--unpack", make_deb(host, "loose"))
    assert [host.dpkg(name) for name in ("fumble", "loose")] == ["iF 1.0", "iU 1.0"]
    assert host.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", "halfling").out == "iHR"


def found(report: dict[str, Any], step: str) -> list[tuple[str, str, str]]:
    (host,) = report["hosts"]
    return [(each["grade"], each["code"], each["reason"]) for each in host["findings"] if each["step"] == step]


def steps(report: dict[str, Any]) -> list[str]:
    (host,) = report["hosts"]
    return [each["name"] for each in host["steps"]]


def test_what_dpkg_left_half_done_is_repaired_when_people_signed_that(fleet: MakeFleet) -> None:
    """F1: unasked the host is blocked and left alone; with the plan's word the repair is a step of its own, with names."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "2.0")
    break_in_three_ways(h1)
    preview = lab.belay("preview", lab.belay.write_plan(plan(waves=["100%"]))).out
    assert "half done" in preview and "fumble half-configured 1.0" in preview and "change.repair: yes" in preview, preview

    code, report = lab.belay.roll_out(plan(waves=["100%"]))
    assert code == Exit.HOSTS_FAILED and report["hosts"][0]["end_state"] == "blocked", report
    assert report["hosts"][0]["cause"]["code"] == "package_database_broken"
    assert h1.dpkg("fumble") == "iF 1.0" and h1.dpkg("demo") == "ii 1.0"

    h1.write(GO, "")
    code, report = lab.belay.roll_out(plan(waves=["100%"], change={"packages": ["demo=2.0"], "repair": True}))
    assert code == Exit.DONE, report
    assert [h1.dpkg(name) for name in ("halfling", "fumble", "loose", "demo")] == ["ii 1.0"] * 3 + ["ii 2.0"]
    assert h1.run("dpkg", "--audit").out == ""
    assert steps(report)[0] == "repair"
    told = found(report, "repair")
    assert {each[:2] for each in told} == {("minor", "package_database_repaired")} and len(told) == 3, told
    for words in ("halfling half-installed", "fumble half-configured 1.0", "loose unpacked 1.0"):
        assert any(words in each[2] for each in told), told

    code, report = lab.belay.roll_out(plan(waves=["100%"], change={"packages": ["bulk1=2.0"], "repair": True}))
    assert code == Exit.DONE and found(report, "repair") == [], "where nothing is half done nothing is repaired"


def test_a_repair_that_does_not_help_blocks_and_says_what_was_tried(fleet: MakeFleet) -> None:
    """F1: the package's own script fails for ever."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "2.0")
    h1.run("dpkg", "-i", make_deb(h1, "fumble", postinst=FAILING), check=False)
    assert h1.dpkg("fumble") == "iF 1.0"
    code, report = lab.belay.roll_out(plan(waves=["100%"], change={"packages": ["demo=2.0"], "repair": True}))
    assert code == Exit.HOSTS_FAILED, report
    (host,) = report["hosts"]
    assert host["end_state"] == "blocked" and host["cause"]["code"] == "package_database_broken", host
    assert "still half done after a repair: fumble half-configured 1.0" in host["cause"]["reason"], host
    assert any("dpkg --configure -a" in each[2] for each in found(report, "repair")), found(report, "repair")
    assert h1.dpkg("demo") == "ii 1.0" and "stage" not in steps(report)


def test_a_repair_that_is_killed_is_done_again_and_told_whole(fleet: MakeFleet) -> None:
    """F1: belay-txn and dpkg die in the middle of the repair; what the first try found is told all the same."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "2.0")
    kill_dpkg_in(h1, "postinst", make_deb(h1, "fumble", postinst=WAITING))
    h1.run("dpkg", "--unpack", make_deb(h1, "loose"))
    h1.run("rm", WAITS)
    rollout = lab.belay.start(plan(waves=["100%"], change={"packages": ["demo=2.0"], "repair": True}))
    wait_for("the repair to wait in a script", lambda: h1.exists(WAITS))
    assert lab.belay.wait_for_host(rollout, "h1", "repair") == "repair"
    units = h1.run("systemctl", "list-units", "--plain", "--no-legend", "belay-txn@*").out.split()
    (unit,) = [word for word in units if word.endswith("-repair.service")]
    h1.write(GO, "")
    h1.run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", unit)
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)
    told = [each[2] for each in found(lab.belay.report(rollout), "repair")]
    assert any("fumble half-configured 1.0" in each for each in told), told
    assert any("loose unpacked 1.0" in each for each in told), told
    assert h1.dpkg("fumble") == "ii 1.0" and h1.dpkg("demo") == "ii 2.0"


@pytest.mark.deadline(360)
def test_what_rpm_has_twice_is_repaired_when_people_signed_that(dnf_fleet: MakeFleet) -> None:
    """F3: a person's dnf was killed in the script of a new package; the older one of each two goes, the newer stays."""
    lab = dnf_fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "2.0", "demo=2.7")
    h1.run("systemd-run", "--quiet", "--unit=by-hand", "dnf", "-y", "--setopt=metadata_expire=1", "upgrade", "demo", "bulk1")
    wait_for("the script", lambda: h1.exists(DEMO_WAITS))
    h1.run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", "by-hand.service")
    h1.run("systemctl", "reset-failed", "by-hand.service", check=False)

    def versions(name: str) -> list[str]:
        return sorted(h1.run("rpm", "-q", "--qf", "%{VERSION}\n", name, check=False).out.split())

    wait_for("rpm to be free", lambda: not h1.run("pgrep", "-x", "dnf|rpm", check=False).out)
    assert versions("demo") == ["1.0", "2.7"]
    code, report = lab.belay.roll_out(plan(waves=["100%"], change={"packages": ["bulk5=2.0"]}))
    assert code == Exit.HOSTS_FAILED and report["hosts"][0]["cause"]["code"] == "package_database_broken", report
    assert versions("demo") == ["1.0", "2.7"], "nothing is repaired unasked"

    h1.write(DEMO_GO, "")
    h1.run("systemctl", "restart", "demo.service")
    code, report = lab.belay.roll_out(plan(waves=["100%"], change={"packages": ["bulk5=2.0"], "repair": True}))
    assert code == Exit.DONE, report
    assert versions("demo") == ["2.7"] and versions("bulk5") == ["2.0"]
    told = found(report, "repair")
    assert any("demo twice: 1.0-1 and, later, 2.7-1" in each[2] for each in told), told
    assert h1.run("dnf", "-q", "--disablerepo=*", "check", "--duplicates", check=False).out.strip() == ""
    assert h1.run("rpm", "-V", "demo", check=False).out == ""
