# SPDX-License-Identifier: Apache-2.0
"""belay-txn alone, as the unit it is, on booted hosts: whatever a change does, the way back undoes it exactly."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host
from txnjob import FOLDER, JOB, Job

MakeFleet = Callable[..., Fleet]
CONFFILE = "/etc/demo/demo.conf"


@pytest.fixture
def lab(installed_fleet: MakeFleet) -> Fleet:
    return installed_fleet(hosts=1)


def packages_of(host: Host) -> dict[str, object]:
    """All that belay-txn promises to bring back; services are the agent's part."""
    whole = host.state()
    files = host.shell("cd /etc && find demo app lib bulk* -type f -exec stat -c '%n %a %u %g' {} + | sort").out
    return {**{key: whole[key] for key in ("packages", "marks", "held", "conffiles")}, "files": files}


def assert_taken_back(job: Job, before: dict[str, object], **options: object) -> None:
    """Restore gives the former state, and once more changes nothing."""
    for _ in range(2):
        restored = job.run("restore", **options)
        assert restored.ok, (restored, job.log("restore"))
        assert restored.audit_clean
        assert packages_of(job.host) == before


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.3", "2.6", "2.9"])
def test_a_change_and_its_way_back(lab: Fleet, version: str) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.write(CONFFILE, "setting = mine\n", mode=0o640)
    before = packages_of(host)
    lab.repository.publish("1.0", f"demo={version}")
    pins = job.stage("demo")
    assert packages_of(host) == before
    upgrade = job.run("upgrade", pins=pins)
    assert upgrade.ok
    assert any(f"{CONFFILE}.dpkg-dist" in note for note in upgrade.notes) == (version == "2.3")
    assert host.dpkg("demo") == f"ii {version}"
    assert host.read(CONFFILE) == "setting = mine\n"
    assert_taken_back(job, before)


def test_a_failing_postinst_is_named_and_taken_back(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    before = packages_of(host)
    lab.repository.publish("1.0", "demo=2.2")
    upgrade = job.run("upgrade", pins=job.stage("demo"))
    assert not upgrade.ok
    assert upgrade.code == "postinst_failed" and "demo" in upgrade.reason
    assert host.dpkg("demo") == "iF 2.2"
    assert_taken_back(job, before)


def test_a_hanging_postinst_ends_at_the_deadline(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    before = packages_of(host)
    lab.repository.publish("1.0", "demo=2.4")
    upgrade = job.run("upgrade", pins=job.stage("demo"), deadline=8)
    assert upgrade.code == "change_timed_out" and "demo" in upgrade.reason
    # Its end is told while dpkg still takes its leave.
    wait_for("dpkg to end by itself", lambda: host.run("pgrep", "-x", "dpkg", check=False).rc == 1)
    assert_taken_back(job, before)


def test_packages_that_only_fit_together(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.run("apt-mark", "auto", "lib")
    before = packages_of(host)
    lab.repository.publish("1.0", "2.0")
    pins = job.stage("app")
    assert [pin[0] for pin in pins] == ["app", "lib"]
    assert job.run("upgrade", pins=pins).ok
    assert host.run("apt-mark", "showauto", "lib").out.split() == ["lib"]
    assert_taken_back(job, before)


def test_without_a_way_back_nothing_is_changed(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.shell("rm -f /usr/bin/dpkg-repack /var/cache/apt/archives/*.deb")
    before = packages_of(host)
    lab.repository.publish("2.0")
    query = job.run("query", ["demo"])
    staged = job.run("stage", ["demo"], query.pins)
    assert not staged.ok and staged.code == "no_way_back" and "demo" in staged.reason
    assert not job.run("upgrade", pins=query.pins).ok
    assert packages_of(host) == before


def test_a_rebuilt_package_keeps_a_persons_edit(lab: Fleet) -> None:
    """The repository has forgotten version 1.0, and an upgrade by hand comes later."""
    host, job = lab["h1"], Job(lab["h1"])
    host.shell("rm -f /var/cache/apt/archives/*.deb")
    host.write(CONFFILE, "setting = mine\n")
    before = packages_of(host)
    lab.repository.publish("2.0")
    assert job.run("upgrade", pins=job.stage("demo")).ok
    assert_taken_back(job, before)
    lab.repository.publish("demo=2.3")
    keep = ["-oDpkg::Options::=--force-confdef", "-oDpkg::Options::=--force-confold"]
    host.run("apt-get", "-q", "update")
    host.run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", *keep, "install", "demo=2.3")
    assert host.read(CONFFILE) == "setting = mine\n"


def test_a_held_package_stays(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.run("apt-mark", "hold", "demo")
    lab.repository.publish("1.0", "2.0")
    query = job.run("query", ["demo", "app"])
    assert query.ok and [pin[0] for pin in query.pins] == ["app", "lib"]
    assert any("demo" in note for note in query.notes)
    assert job.run("stage", ["demo"], [("demo", "all", "2.0", 2)]).code == "pinned_set_differs"


SECURITY_SOURCE = "deb [signed-by=/usr/share/keyrings/lab.gpg] http://repository/security ./\n"


def names(query: object) -> list[str]:
    """What would be changed."""
    assert query.ok, query
    return [pin[0] for pin in query.pins]


def test_security_updates_are_those_of_the_security_archive(lab: Fleet) -> None:
    """F26: and the whole way, since what is picked is pinned exactly."""
    host, job = lab["h1"], Job(lab["h1"])
    lab.repository.publish("1.0", "2.0", security=("demo=2.0", "lib=2.0", "app=2.0"))
    assert job.run("query", ["security"]).code == "no_security_source"
    host.write("/etc/apt/sources.list.d/security.list", SECURITY_SOURCE)
    host.run("rm", "-rf", "/var/cache/belay/apt/lists")
    before = packages_of(host)
    query = job.run("query", ["security"])
    assert names(query) == ["app", "demo", "lib"]
    assert any("5 other packages" in note for note in query.notes), query.notes
    assert names(job.run("query", ["security"], exclude=("d*",))) == ["app", "lib"]
    assert job.run("query", ["security"], exclude=("lib",)).code in ("package_excluded", "resolve_failed")
    pins = job.stage("security")
    assert job.run("upgrade", pins=pins).ok
    assert host.dpkg("demo") == "ii 2.0" and host.dpkg("bulk1") == "ii 1.0"
    assert_taken_back(job, before)


def test_a_rollout_of_security_updates(fleet: MakeFleet) -> None:
    """The set as people ask for it: preview says what it is here and what stays, the host does exactly that."""
    lab = fleet(hosts=1)
    host = lab["h1"]
    host.write("/etc/apt/sources.list.d/security.list", SECURITY_SOURCE)
    host.run("apt-mark", "hold", "app")
    lab.repository.publish("1.0", "2.0", security=("demo=2.0", "bulk1=2.0", "bulk2=2.0", "app=2.0", "lib=2.0"))
    change = {"packages": "security", "exclude": ["bulk2*"], "allow": {"new": False}}
    text = plan(change=change, waves=["100%"])
    preview = lab.belay("preview", lab.belay.write_plan(text)).out
    assert "~ bulk1:all  1.0 → 2.0" in preview and "bulk2" not in preview, preview
    assert "note: h1: held by apt-mark: app" in preview, preview
    code, report = lab.belay.roll_out(text)
    assert code == Exit.DONE, report
    versions = [host.dpkg(name) for name in ("demo", "bulk1", "bulk2", "bulk3", "app", "lib")]
    assert versions == ["ii 2.0", "ii 2.0", "ii 1.0", "ii 1.0", "hi 1.0", "ii 1.0"]


def test_all_that_can_be_upgraded(lab: Fleet) -> None:
    """F26: holds, pins and exclusions are respected and shown."""
    host, job = lab["h1"], Job(lab["h1"])
    lab.repository.publish("1.0", "2.0")
    assert len(names(job.run("query", ["all"]))) == 8
    assert names(job.run("query", ["all"], exclude=("bulk*", "demo"))) == ["app", "lib"]
    host.run("apt-mark", "hold", "bulk1")
    host.write("/etc/apt/preferences.d/lab", "Package: bulk2\nPin: version 1.0\nPin-Priority: 1001\n")
    query = job.run("query", ["all"])
    assert names(query) == ["app", "bulk3", "bulk4", "bulk5", "demo", "lib"]
    assert any("held by apt-mark: bulk1" in note for note in query.notes), query.notes
    assert any("bulk2 -> 1.0 with priority 1001" in note for note in query.notes), query.notes


def test_patterns_mean_installed_packages(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.run("dpkg", "-P", "bulk5")
    lab.repository.publish("1.0", "2.0", "demo=2.3")
    assert names(job.run("query", ["bulk*"])) == ["bulk1", "bulk2", "bulk3", "bulk4"]
    query = job.run("query", ["demo=2.*", "nothing*"])
    assert [pin[:3] for pin in query.pins] == [("demo", "all", "2.3")]
    assert any("no installed package matches 'nothing*'" in note for note in query.notes)
    assert [pin[2] for pin in job.run("query", ["demo=2.0*"]).pins] == ["2.0"]
    assert job.run("query", ["demo=7.*"]).code == "version_not_found"


def test_a_new_dependency_needs_leave(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.run("dpkg", "-P", "bulk5")
    lab.repository.fields["demo=2.0"] = {"Depends": "bulk5"}
    lab.repository.publish("1.0", "2.0")
    assert names(job.run("query", ["demo"])) == ["bulk5", "demo"]
    for asked in (["demo"], ["all"]):
        refused = job.run("query", asked, new=False)
        assert refused.code == "new_not_allowed" and "bulk5" in refused.reason, refused


def test_phased_updates_wait_for_their_turn(lab: Fleet) -> None:
    """F27: no machine's turn has come at 0 percent."""
    job = Job(lab["h1"])
    lab.repository.fields["demo=2.0"] = {"Phased-Update-Percentage": "0"}
    lab.repository.publish("1.0", "demo=2.0", "bulk1=2.0")
    for asked in (["all"], ["demo", "bulk1"]):
        query = job.run("query", asked)
        assert names(query) == ["bulk1"], query
        assert any("demo" in note and "phased" in note for note in query.notes), query.notes
        assert names(job.run("query", asked, ignore_phasing=True)) == ["bulk1", "demo"]
    assert names(job.run("query", ["demo=2.0"])) == ["demo"], "who names the version wants it"


def test_who_holds_the_lock_is_named(lab: Fleet) -> None:
    """F16: the report has the program, its process and since when."""
    host, job = lab["h1"], Job(lab["h1"])
    lab.repository.publish("1.0", "2.0", "demo=2.7")
    host.run("apt-get", "-q", "update")
    host.run("systemd-run", "--quiet", "apt-get", "-q", "-y", "install", "demo=2.7")
    wait_for("the postinst", lambda: host.path(DEMO_WAITS).exists())
    staged = job.run("stage", ["bulk1"], [("bulk1", "all", "2.0", 2)], lock_wait=1)
    assert staged.code == "lock_held" and "(apt-get) since 20" in staged.reason, staged


def test_looking_changes_nothing_of_the_hosts_apt(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    look = "find /var/lib/apt /var/cache/apt /var/lib/dpkg -type f -printf '%p %s %T@\\n' | sort"
    before = host.shell(look).out
    lab.repository.publish("1.0", "2.0")
    assert job.run("query", ["demo"]).ok
    job.stage("demo")
    assert host.shell(look).out == before


def test_a_tampered_index_is_refused(lab: Fleet) -> None:
    job = Job(lab["h1"])
    lab.repository.publish("1.0", "2.0")
    lab.repository.add("Packages.gz", b"")
    lab.repository.add("Packages", b"Package: demo\nVersion: 9\n")
    refused = job.run("query", ["demo"])
    assert not refused.ok and refused.code == "mirror_mismatch"


@pytest.mark.parametrize("stop", ["kill", "power_cut"])
def test_whatever_dies_in_mid_change_the_way_back_heals(lab: Fleet, stop: str) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    before = packages_of(host)
    lab.repository.publish("1.0", "2.0", "demo=2.7")
    pins = job.stage("demo=2.7", "app", *(f"bulk{number}" for number in range(1, 6)))
    job.start("upgrade", pins=pins)
    wait_for("the postinst", lambda: host.path(DEMO_WAITS).exists())
    if stop == "kill":
        host.run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", job.unit("upgrade"))
        assert job.wait("upgrade") is None
    else:
        host.power_cut()
    assert host.dpkg("demo") != "ii 1.0"
    assert_taken_back(job, before)


def test_a_change_that_was_left_alone_is_ended_by_the_way_back(lab: Fleet) -> None:
    """belay-txn is killed, apt and dpkg live on and hang in a script."""
    host, job = lab["h1"], Job(lab["h1"])
    before = packages_of(host)
    lab.repository.publish("1.0", "demo=2.4")
    job.start("upgrade", pins=job.stage("demo"))
    wait_for("the postinst", lambda: "Setting up demo (2.4)" in job.log("upgrade"))
    host.kill9(job.unit("upgrade"))
    assert job.wait("upgrade") is None
    assert host.run("pgrep", "-x", "dpkg").out
    assert_taken_back(job, before, lock_wait=4)


def test_an_interrupted_change_is_never_begun_again(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    lab.repository.publish("1.0", "2.0")
    job.stage("demo")
    host.path(f"{FOLDER}/upgrade.started").write_text("1\n")
    start_without_clearing(job)
    upgrade = job.wait("upgrade")
    assert upgrade is not None and upgrade.code == "dpkg_interrupted"
    assert host.dpkg("demo") == "ii 1.0"


def start_without_clearing(job: Job) -> None:
    """As start(), but PHASE.started stays: what systemd would do after a crash."""
    stage_task = job.host.path(f"{FOLDER}/stage.task").read_bytes()
    # The same task but for its phase, the second number of the record.
    job.host.path(f"{FOLDER}/upgrade.task").write_bytes(stage_task[:2] + b"\x03" + stage_task[3:])
    job.host.run("systemctl", "start", "--no-block", f"belay-txn@{JOB}-upgrade.service")
