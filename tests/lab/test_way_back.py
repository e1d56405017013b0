# SPDX-License-Identifier: Apache-2.0
"""What is to be as before besides the packages: the plan's paths, and the settings that packages' scripts change. A change
that waits in its script (demo 2.7) stands for every script that does such things; each case on apt and on dnf."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from belaycli import Exit, job_on, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host
from txnjob import FOLDER, Job

MakeFleet = Callable[..., Fleet]
TREE = "/srv/shop"
SCRIPT = "/usr/local/bin/nightly"
ABSENT = "/usr/local/bin/not-there"
KEEP = (TREE, SCRIPT, ABSENT)
ACCESS = bytes.fromhex("02000000" "01000700ffffffff" "02000500d2040000" "04000500ffffffff" "10000500ffffffff" "20000000ffffffff")
"""An ACL by which user 1234 may read and enter, as Linux keeps it."""


@pytest.fixture(params=["apt", "dnf"])
def lab(request: pytest.FixtureRequest, installed_fleet: MakeFleet, installed_dnf_fleet: MakeFleet) -> Fleet:
    return (installed_fleet if request.param == "apt" else installed_dnf_fleet)(hosts=1)


def make_own_files(host: Host) -> None:
    """Scripts and configuration as people have them: owners, modes, attributes, an ACL, links."""
    host.write(SCRIPT, "#!/bin/sh\nexec /srv/shop/bin/report\n", mode=0o755)
    host.write(f"{TREE}/bin/report", "#!/bin/sh\necho report\n", mode=0o750)
    host.write(f"{TREE}/etc/shop.conf", "password = sesame\n", mode=0o640)
    host.write(f"{TREE}/etc/other.conf", "a = 1\n")
    host.shell(f"ln -s etc/shop.conf {TREE}/current; ln -s /etc/passwd {TREE}/people; mkdir -m 2770 {TREE}/drop")
    host.shell(f"chown -R 1234:1235 {TREE}/etc; chown -h 1234:1235 {TREE}/current; chmod 4750 {TREE}/bin/report")
    os.setxattr(host.path(f"{TREE}/etc/other.conf"), "user.shop", b"till\x00")
    os.setxattr(host.path(f"{TREE}/bin/report"), "system.posix_acl_access", ACCESS)


def spoil_own_files(host: Host) -> None:
    """All that can become of them, a link into the system in place of a directory among it."""
    host.shell(
        f"rm {SCRIPT}; echo new >{ABSENT}; echo 'password = open' >{TREE}/etc/shop.conf; chmod 777 {TREE}/drop\n"
        f"chown root {TREE}/etc/other.conf; setfacl -b {TREE}/bin/report 2>/dev/null; rm {TREE}/current\n"
        f"mkdir -p {TREE}/current/deep/er; echo x >{TREE}/current/deep/er/file; ln -sfn /etc/shadow {TREE}/people\n"
        f"mv {TREE}/bin {TREE}/bin.new; ln -s /etc {TREE}/bin; touch {TREE}/drop/late\n",
        check=False,
    )


def tree_of(host: Host) -> list[str]:
    listed = host.shell(f"find {TREE} {SCRIPT} {ABSENT} -printf '%p %y %m %U %G %l\\n' 2>/dev/null | sort", check=False).out
    sums = host.shell(f"find {TREE} {SCRIPT} {ABSENT} -type f -exec sha256sum {{}} + 2>/dev/null | sort", check=False).out
    attributes = [
        f"{name} {key} {os.getxattr(host.path(name), key).hex()}"
        for name in (f"{TREE}/etc/other.conf", f"{TREE}/bin/report")
        if Path(host.path(name)).exists()
        for key in sorted(os.listxattr(host.path(name)))
    ]
    return [*listed.splitlines(), *sums.splitlines(), *attributes]


def make_settings(host: Host) -> None:
    host.write("/etc/systemd/system/cleanup.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n")
    pick = "update-alternatives --quiet --install /usr/bin/lab-pick lab-pick"
    host.shell(f"{pick} /usr/lib/app/version 10; {pick} /usr/lib/lib/version 5; systemctl enable -q cleanup.service")


def spoil_settings(host: Host) -> None:
    """What postinst and %post do: switch units on, off and dead, choose and register alternatives. F30: dnf's module
    streams and versionlock, which `dnf history undo` does not bring back."""
    host.shell(
        "systemctl disable -q demo.service cleanup.service; systemctl mask -q app.service\n"
        "update-alternatives --quiet --set lab-pick /usr/lib/lib/version\n"
        "update-alternatives --quiet --install /usr/bin/lab-new lab-new /usr/lib/lib/version 1\n"
        "[ -d /etc/dnf ] || exit 0; mkdir -p /etc/dnf/modules.d; echo 'lib-0:1.0-1.*' >>/etc/dnf/plugins/versionlock.list\n"
        "printf '[shop]\\nname=shop\\nstate=disabled\\n' >/etc/dnf/modules.d/shop.module\n"
    )


def settings_of(host: Host) -> dict[str, str]:
    units = "systemctl is-enabled demo.service app.service cleanup.service"
    return {
        "units": host.shell(units, check=False).out,
        "choices": host.shell("update-alternatives --get-selections").out,
        "links": host.shell("readlink /usr/bin/lab-pick /usr/bin/lab-new /etc/alternatives/lab-*", check=False).out,
        "dnf": host.shell("cat /etc/dnf/modules.d/* /etc/dnf/plugins/versionlock.list", check=False).out,
        "loaded": host.run("systemctl", "show", "--value", "--property=UnitFileState", "demo", "app", "cleanup").out,
    }


def change_in_its_script(job: Job, lab: Fleet, keep: tuple[str, ...] = KEEP) -> None:
    """Stage, begin the change, and stand in the middle of its script."""
    lab.repository.publish("1.0", "demo=2.7")
    pins = job.stage("demo", keep=keep)
    job.start("upgrade", pins=pins)
    wait_for("the script", lambda: job.host.path(DEMO_WAITS).exists())


def end_change(job: Job) -> None:
    job.host.path(DEMO_GO).write_text("")
    ended = job.wait("upgrade")
    assert ended is not None and ended.ok, job.log("upgrade")


def assert_proven(job: Job) -> None:
    looked = job.run("inspect", pins=[("demo", "all", "1.0", 2)])
    assert looked.ok, looked
    assert not [finding for finding in looked.findings if finding[0] in ("path_differs", "setting_differs")], looked


def test_own_files_and_settings_come_back(lab: Fleet) -> None:
    """R25: users' own scripts and configuration, put back byte for byte. F10: what is on the host decides, not the notes."""
    host, job = lab["h1"], Job(lab["h1"])
    make_own_files(host)
    make_settings(host)
    before = tree_of(host), settings_of(host)
    change_in_its_script(job, lab)
    spoil_own_files(host)
    spoil_settings(host)
    end_change(job)
    spoiled = tree_of(host), settings_of(host)
    assert spoiled[0] != before[0] and spoiled[1] != before[1]
    shadow, passwd = host.read("/etc/shadow"), host.read("/etc/passwd")

    looked = job.run("inspect", pins=[("demo", "all", "1.0", 2)])
    assert not looked.ok, "nothing began to go back"
    for _ in range(2):
        restored = job.run("restore")
        assert restored.ok, (restored, job.log("restore"))
        assert (tree_of(host), settings_of(host)) == before
    assert (host.read("/etc/shadow"), host.read("/etc/passwd")) == (shadow, passwd)
    assert not host.exists(f"{TREE}/.belay-unfinished")
    assert_proven(job)

    host.shell(f"echo more >>{TREE}/etc/shop.conf; systemctl disable -q demo.service")
    looked = job.run("inspect", pins=[("demo", "all", "1.0", 2)])
    said = {(code, reason.split(" ")[0]) for code, reason, _ in looked.findings}
    assert ("path_differs", f"{TREE}/etc/shop.conf") in said, looked
    assert ("setting_differs", "/etc/systemd/system/multi-user.target.wants/demo.service") in said, looked


def test_what_people_set_later_stays(lab: Fleet) -> None:
    """A late way back takes along what the change did, not what somebody chose since."""
    host, job = lab["h1"], Job(lab["h1"])
    make_settings(host)
    before = settings_of(host)
    change_in_its_script(job, lab, keep=())
    host.run("systemctl", "mask", "-q", "app.service")
    end_change(job)
    host.run("systemctl", "disable", "-q", "cleanup.service")
    restored = job.run("restore")
    assert restored.ok, (restored, job.log("restore"))
    after = settings_of(host)
    assert after["units"].split() == ["enabled", "enabled", "disabled"], after
    assert after["choices"] == before["choices"]
    assert_proven(job)


def test_what_changed_since_staging_is_kept_anew(lab: Fleet) -> None:
    """Hosts stage long before their wave, and people go on working."""
    host, job = lab["h1"], Job(lab["h1"])
    make_own_files(host)
    lab.repository.publish("1.0", "2.0")
    pins = job.stage("demo", keep=KEEP)
    host.write(SCRIPT, "#!/bin/sh\n# of this morning\n", mode=0o700)
    host.write("/etc/demo/demo.conf", "setting = of this morning\n", mode=0o600)
    before = tree_of(host)
    upgrade = job.run("upgrade", pins=pins)
    assert upgrade.ok and any("changed since staging" in note for note in upgrade.notes), upgrade
    spoil_own_files(host)
    host.write("/etc/demo/demo.conf", "setting = spoiled\n")
    assert job.run("restore").ok
    assert tree_of(host) == before
    assert host.read("/etc/demo/demo.conf") == "setting = of this morning\n"
    host.write("/etc/demo/demo.conf", "setting = spoiled\n", mode=0o600)
    looked = job.run("inspect", pins=[("demo", "all", "1.0", 2)])
    assert ["conffile_differs", "/etc/demo/demo.conf is not as it was", ""] in looked.findings, looked


def test_paths_that_cannot_be_kept_stop_the_staging(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.shell(f"mkdir -p {TREE}/mounted /srv/real; ln -s /srv/real /srv/link; mkdir /srv/real/in")
    lab.repository.publish("1.0", "2.0")
    query = job.run("query", ["demo"])

    def refusal(path: str, said: str) -> list[str]:
        staged = job.run("stage", ["demo"], query.pins, keep=[path])
        assert not staged.ok and staged.code == "no_way_back" and said in staged.reason, staged
        assert not host.exists(f"{FOLDER}/way-back.record")
        return staged.findings[0]

    host.shell(f"mount -t tmpfs tmpfs {TREE}/mounted")
    assert "each file system" in refusal(TREE, f"'{TREE}/mounted' is another file system")[2]
    host.shell(f"umount {TREE}/mounted")
    assert "link leads to" in refusal("/srv/link/in", "'/srv/link' is a link")[2]
    host.shell(f"for i in $(seq 4100); do : >{TREE}/$i; done")
    staged = job.run("stage", ["demo"], query.pins, keep=[TREE])
    assert not staged.ok and "more than 4096 files" in staged.reason, staged
    assert host.http() == (200, "1.0")


@pytest.mark.parametrize("name", ["status", "updates/0000"])
def test_a_damaged_database_is_named_and_left_alone(name: str, installed_fleet: MakeFleet) -> None:
    """F2: zeros in place of what was not written yet when the power failed."""
    lab = installed_fleet(hosts=1)
    host, job = lab["h1"], Job(lab["h1"])
    lab.repository.publish("1.0", "2.0")
    query = job.run("query", ["demo"])
    damaged = host.path(f"/var/lib/dpkg/{name}")
    with damaged.open("ab") as file:
        file.write(bytes(512))
    before = damaged.read_bytes()
    staged = job.run("stage", ["demo"], query.pins)
    assert staged.code == "package_database_broken", staged
    ((_, reason, remedy),) = staged.findings
    assert f"/var/lib/dpkg/{name}" in reason and "/var/backups" in remedy, staged
    assert damaged.read_bytes() == before


@pytest.mark.parametrize("kind", ["apt", "dnf"])
def test_a_plan_names_what_goes_back_too(kind: str, fleet: MakeFleet, dnf_fleet: MakeFleet) -> None:
    """The whole way of `change.revert_paths`: a version that does not start goes back, and so do a person's scripts.
    Late, with repository and controller gone, `belay-rescue revert` still has them. F28: what is needed lies on the host."""
    lab = (fleet if kind == "apt" else dnf_fleet)(hosts=1)
    host = lab["h1"]
    make_own_files(host)
    make_settings(host)
    before = tree_of(host), settings_of(host)
    lab.repository.publish("1.0", "demo=2.1", "demo=2.7")
    change = {"packages": ["demo=2.1"], "revert_paths": list(KEEP)}
    code, report = lab.belay.roll_out(plan(change=change, waves=["100%"]))
    assert code == Exit.HOSTS_FAILED, report
    assert [each["state"] for each in report["hosts"]] == ["reverted"], report
    assert (tree_of(host), settings_of(host)) == before

    rollout = lab.belay.start(plan(change={**change, "packages": ["demo=2.7"]}, waves=["100%"]))
    wait_for("the script", lambda: host.path(DEMO_WAITS).exists())
    spoil_own_files(host)
    spoil_settings(host)
    host.path(DEMO_GO).write_text("")
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)
    assert host.http() == (200, "2.7")
    lab.ctl.run("systemctl", "stop", "belayd.service")
    lab.repository.is_down = True
    host.run("belay-rescue", "revert")
    wait_for("the end of the way back", lambda: job_on(host)["state"] == "reverted", 90)
    assert (tree_of(host), settings_of(host)) == before
    assert host.http() == (200, "1.0")
