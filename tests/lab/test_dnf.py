# SPDX-License-Identifier: Apache-2.0
"""belay on hosts with dnf and rpm: whatever a change does, the way back undoes it exactly. As test_packages.py for apt."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host
from txnjob import Job

MakeFleet = Callable[..., Fleet]
CONFIG = "/etc/demo/demo.conf"


@pytest.fixture
def lab(installed_dnf_fleet: MakeFleet) -> Fleet:
    return installed_dnf_fleet(hosts=1)


def rpms(host: Host, name: str) -> list[str]:
    """All versions of a package that are in rpm's database."""
    return host.run("rpm", "-q", "--qf", "%{VERSION}\\n", name, check=False).out.split()


def packages_of(host: Host) -> dict[str, object]:
    """All that belay-txn promises to bring back; services are the agent's part."""
    files = "cd / && find etc/demo etc/app etc/lib etc/bulk* usr/lib/demo usr/lib/app usr/lib/lib usr/lib/bulk*"
    return {
        "packages": sorted(host.run("rpm", "-qa", "--qf", "%{NAME} %{EVR} %{ARCH}\\n").out.splitlines()),
        "files": host.shell(f"{files} -type f -exec stat -c '%n %a %u %g' {{}} + -exec sha256sum {{}} + | sort").out,
        "verified": host.shell("rpm -V --nodeps demo app lib bulk1 bulk2 bulk3 bulk4 bulk5", check=False).out,
    }


def reason_of(host: Host, name: str) -> str:
    """Why dnf believes the package to be installed: user, dependency, ..."""
    query = ["dnf", "-q", "--noplugins", "--disablerepo=*", "repoquery", "--installed", "--qf", "%{reason}\n"]
    return host.run(*query, name).out.strip()


def assert_taken_back(job: Job, before: dict[str, object], **options: object) -> None:
    """Restore gives the former state; asked for once more, it changes nothing."""
    restored = job.run("restore", **options)
    assert restored.ok, (restored, job.log("restore"))
    assert restored.audit_clean
    assert packages_of(job.host) == before


def test_a_change_and_its_way_back(lab: Fleet) -> None:
    """The configuration file is edited on the host and new in the package; the repository is gone meanwhile."""
    host, job = lab["h1"], Job(lab["h1"])
    host.write(CONFIG, "setting = mine\n", mode=0o640)
    before = packages_of(host)
    lab.repository.publish("1.0", "demo=2.3")
    assert not job.run("query", ["demo"]).notes
    pins = job.stage("demo")
    assert pins == [("demo", "noarch", "2.3-1", 2)]
    assert packages_of(host) == before
    lab.repository.publish("bulk1=1.0")
    lab.repository.is_down = True
    upgrade = job.run("upgrade", pins=pins)
    assert upgrade.ok, (upgrade, job.log("upgrade"))
    assert rpms(host, "demo") == ["2.3"]
    assert host.read(CONFIG) == "setting = mine\n"
    assert host.exists(f"{CONFIG}.rpmnew")
    assert any(f"{CONFIG}.rpmnew" in note for note in upgrade.notes)
    assert_taken_back(job, before)
    assert_taken_back(job, before)
    assert not host.exists(f"{CONFIG}.rpmnew")


def test_a_failing_script_is_named_and_taken_back(lab: Fleet) -> None:
    """dnf itself ends with 0: to rpm a %post that failed is a warning."""
    host, job = lab["h1"], Job(lab["h1"])
    before = packages_of(host)
    lab.repository.publish("1.0", "demo=2.2")
    upgrade = job.run("upgrade", pins=job.stage("demo"))
    assert not upgrade.ok
    assert upgrade.code == "postinst_failed" and "demo" in upgrade.reason
    assert rpms(host, "demo") == ["2.2"]
    assert_taken_back(job, before)


def test_a_script_that_says_no_stops_its_package_only(lab: Fleet) -> None:
    """rpm installs the others of the transaction all the same."""
    host, job = lab["h1"], Job(lab["h1"])
    before = packages_of(host)
    lab.repository.publish("1.0", "bulk1=2.0", "demo=2.6")
    upgrade = job.run("upgrade", pins=job.stage("demo", "bulk1"))
    assert not upgrade.ok and upgrade.code == "postinst_failed" and "demo" in upgrade.reason
    assert rpms(host, "demo") == ["1.0"] and rpms(host, "bulk1") == ["2.0"]
    assert_taken_back(job, before)


def test_a_hanging_script_ends_at_the_deadline(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    before = packages_of(host)
    lab.repository.publish("1.0", "demo=2.4")
    upgrade = job.run("upgrade", pins=job.stage("demo"), deadline=8)
    assert upgrade.code == "change_timed_out" and "demo" in upgrade.reason
    # Its end is told while dnf still takes its leave.
    wait_for("dnf to end by itself", lambda: host.run("pgrep", "-x", "dnf-3", check=False).rc == 1)
    assert_taken_back(job, before)


def test_packages_that_only_fit_together(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.run("dnf", "-q", "-y", "--noplugins", "--disablerepo=*", "mark", "remove", "lib")
    before = packages_of(host)
    assert reason_of(host, "lib") == "dependency"
    lab.repository.publish("1.0", "2.0")
    pins = job.stage("app")
    assert [pin[0] for pin in pins] == ["app", "lib"]
    assert job.run("upgrade", pins=pins).ok
    assert reason_of(host, "lib") == "dependency" and reason_of(host, "app") == "user"
    assert_taken_back(job, before)
    assert reason_of(host, "lib") == "dependency" and reason_of(host, "app") == "user"


def test_a_package_that_was_not_there_goes_again(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.run("rpm", "-e", "app", "lib")
    before = packages_of(host)
    lab.repository.publish("1.0", "2.0")
    pins = job.stage("app")
    assert [(pin[0], pin[3]) for pin in pins] == [("app", 1), ("lib", 1)]
    assert job.run("upgrade", pins=pins).ok
    assert reason_of(host, "lib") == "dependency" and reason_of(host, "app") == "user"
    assert_taken_back(job, before)


def test_a_downgrade_is_only_done_when_allowed(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    lab.repository.publish("1.0", "2.0")
    assert job.run("upgrade", pins=job.stage("demo")).ok
    before = packages_of(host)
    assert job.run("query", ["demo=1.0"]).code == "downgrade_not_allowed"
    again = Job(host)
    host.shell("rm -rf /var/lib/belay/jobs/*/*.started /var/lib/belay/jobs/*/way-back* /var/lib/belay/jobs/*/packages")
    pins = again.stage("demo=1.0", downgrade=True)
    assert again.run("upgrade", pins=pins, downgrade=True).ok
    assert rpms(host, "demo") == ["1.0"]
    assert_taken_back(again, before)


def test_without_a_way_back_nothing_is_changed(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    before = packages_of(host)
    lab.repository.publish("2.0")
    query = job.run("query", ["demo"])
    assert any("no way back: demo 1.0-1" in note and "/var/cache/dnf" in note for note in query.notes), query
    staged = job.run("stage", ["demo"], query.pins)
    assert not staged.ok and staged.code == "no_way_back" and "demo" in staged.reason
    assert not job.run("upgrade", pins=query.pins).ok
    assert packages_of(host) == before


def test_a_former_version_out_of_dnfs_cache(lab: Fleet) -> None:
    """The repository has forgotten version 1.0, the host has kept it."""
    host, job = lab["h1"], Job(lab["h1"])
    kept = "/var/cache/dnf/lab-0123456789abcdef/packages"
    host.run("mkdir", "-p", kept)
    host.path(f"{kept}/demo-1.0-1.noarch.rpm").write_bytes(lab.repository.get("demo-1.0-1.noarch.rpm") or b"")
    before = packages_of(host)
    lab.repository.publish("2.0")
    assert not job.run("query", ["demo"]).notes
    assert job.run("upgrade", pins=job.stage("demo")).ok
    assert_taken_back(job, before)


def test_a_locked_package_stays(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.run("dnf", "-q", "-y", "versionlock", "add", "demo")
    lab.repository.publish("1.0", "2.0")
    query = job.run("query", ["demo", "app"])
    assert query.ok and [pin[0] for pin in query.pins] == ["app", "lib"]
    assert any("demo" in note for note in query.notes)
    assert job.run("stage", ["demo"], [("demo", "noarch", "2.0-1", 2)]).code == "pinned_set_differs"


def names(query: object) -> list[str]:
    """What would be changed."""
    assert query.ok, query
    return [pin[0] for pin in query.pins]


def test_security_updates_are_those_with_an_advisory(lab: Fleet) -> None:
    """F26, F29: and the whole way, since what is picked is pinned exactly."""
    host, job = lab["h1"], Job(lab["h1"])
    lab.repository.publish("1.0", "2.0")
    assert job.run("query", ["security"]).code == "no_security_source"
    lab.repository.publish("1.0", "2.0", security=("demo=2.0", "lib=2.0", "app=2.0"))
    host.run("rm", "-rf", "/var/cache/belay/dnf/cache")
    before = packages_of(host)
    assert names(job.run("query", ["security"])) == ["app", "demo", "lib"]
    assert names(job.run("query", ["security"], exclude=("d*",))) == ["app", "lib"]
    assert not job.run("query", ["security"], exclude=("lib",)).ok
    pins = job.stage("security")
    assert job.run("upgrade", pins=pins).ok
    assert rpms(host, "demo") == ["2.0"] and rpms(host, "bulk1") == ["1.0"]
    assert_taken_back(job, before)


def test_all_that_can_be_upgraded(lab: Fleet) -> None:
    """F26: locks and excludes are respected and shown, those of a repository's own file, too."""
    host, job = lab["h1"], Job(lab["h1"])
    lab.repository.publish("1.0", "2.0")
    assert len(names(job.run("query", ["all"]))) == 8
    assert names(job.run("query", ["all"], exclude=("bulk*", "demo"))) == ["app", "lib"]
    host.run("dnf", "-q", "-y", "versionlock", "add", "bulk1")
    host.write("/etc/yum.repos.d/lab.repo", host.read("/etc/yum.repos.d/lab.repo") + "excludepkgs=bulk2\n")
    query = job.run("query", ["all"])
    assert names(query) == ["app", "bulk3", "bulk4", "bulk5", "demo", "lib"]
    assert any("held by versionlock: bulk1" in note for note in query.notes), query.notes
    assert any("excluded by /etc/yum.repos.d/lab.repo: bulk2" in note for note in query.notes), query.notes


def test_patterns_mean_installed_packages(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.run("rpm", "-e", "bulk5")
    lab.repository.publish("1.0", "2.0", "demo=2.3")
    assert names(job.run("query", ["bulk*"])) == ["bulk1", "bulk2", "bulk3", "bulk4"]
    query = job.run("query", ["demo=2.*", "nothing*"])
    assert [pin[:3] for pin in query.pins] == [("demo", "noarch", "2.3-1")]
    assert any("no installed package matches 'nothing*'" in note for note in query.notes)
    assert job.run("query", ["demo=7.*"]).code == "version_not_found"


def test_a_new_dependency_needs_leave(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.run("rpm", "-e", "--nodeps", "lib")
    lab.repository.publish("1.0", "2.0")
    assert names(job.run("query", ["app"])) == ["app", "lib"]
    for asked in (["app"], ["all"]):
        refused = job.run("query", asked, new=False)
        assert refused.code == "new_not_allowed" and "lib" in refused.reason, refused


def test_what_is_installed_beside_itself_is_refused(lab: Fleet) -> None:
    """F29: the way back of such a change is another one than that of an upgrade."""
    host, job = lab["h1"], Job(lab["h1"])
    host.write("/etc/dnf/dnf.conf", host.read("/etc/dnf/dnf.conf") + "installonlypkgs=bulk1\n")
    lab.repository.publish("1.0", "2.0")
    refused = job.run("query", ["bulk1"])
    assert refused.code == "installonly_package" and "bulk1" in refused.reason, refused
    assert names(job.run("query", ["all"], exclude=("bulk*",))) == ["app", "demo", "lib"]


def test_an_excluded_version_is_named(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.write("/etc/dnf/dnf.conf", host.read("/etc/dnf/dnf.conf") + "excludepkgs=demo-2*\n")
    lab.repository.publish("1.0", "2.0")
    query = job.run("query", ["demo=2.0"])
    assert query.code == "package_held" and "demo-2.0" in query.reason
    assert any("demo-2*" in note for note in query.notes)
    assert job.run("query", ["nonesuch"]).code == "package_not_found"
    assert job.run("query", ["bulk1=7"]).code == "version_not_found"


def test_looking_changes_nothing_of_the_hosts_dnf(lab: Fleet) -> None:
    host, job = lab["h1"], Job(lab["h1"])
    host.run("rpm", "-q", "demo")
    look = "find /var/lib/dnf /var/cache/dnf /var/log/dnf* /var/lib/rpm -type f ! -name '*-shm' -printf '%p %s %T@\\n'"
    before = host.shell(f"{look} | sort").out
    assert "/var/lib/rpm/rpmdb.sqlite " in before
    lab.repository.publish("1.0", "2.0")
    assert job.run("query", ["demo"]).ok
    job.stage("demo")
    assert host.shell(f"{look} | sort").out == before


def test_tampered_metadata_are_refused(lab: Fleet) -> None:
    job = Job(lab["h1"])
    lab.repository.publish("1.0", "2.0")
    lab.repository.add("repodata/repomd.xml", lab.repository.get("repodata/repomd.xml") + b"<!-- -->\n")
    refused = job.run("query", ["demo"])
    assert not refused.ok and refused.code == "signature_bad"


def test_a_tampered_package_is_refused(lab: Fleet) -> None:
    job = Job(lab["h1"])
    lab.repository.publish("1.0", "2.0")
    query = job.run("query", ["demo"])
    package = lab.repository.get("demo-2.0-1.noarch.rpm")
    lab.repository.add("demo-2.0-1.noarch.rpm", package[:-1] + bytes([package[-1] ^ 1]))
    staged = job.run("stage", ["demo"], query.pins)
    assert not staged.ok and staged.code == "mirror_mismatch", staged


@pytest.mark.parametrize("stop", ["kill", "power_cut"])
def test_whatever_dies_in_mid_change_the_way_back_heals(lab: Fleet, stop: str) -> None:
    """Packages are in rpm's database twice then, and the script that was waited for must not run again."""
    host, job = lab["h1"], Job(lab["h1"])
    before = packages_of(host)
    lab.repository.publish("1.0", "2.0", "demo=2.7")
    pins = job.stage("demo=2.7", "app", *(f"bulk{number}" for number in range(1, 6)))
    job.start("upgrade", pins=pins)
    wait_for("the %post", lambda: host.path(DEMO_WAITS).exists())
    if stop == "kill":
        host.run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", job.unit("upgrade"))
        assert job.wait("upgrade") is None
    else:
        host.power_cut()
    assert len(rpms(host, "demo")) == 2
    assert not host.path(DEMO_GO).exists()
    assert_taken_back(job, before)
    assert_taken_back(job, before)


def test_files_that_were_half_unpacked_are_put_back(lab: Fleet) -> None:
    """Killed while it unpacks, rpm knows only the old version, and the disk has some of the new one."""
    host, job = lab["h1"], Job(lab["h1"])
    before = packages_of(host)
    lab.repository.publish("1.0", "2.0")
    job.stage("demo", "bulk1")
    host.write("/usr/lib/bulk1/version", "2.0\n")
    host.write("/usr/lib/demo/demo", "half\n", mode=0o755)
    host.write("/usr/lib/demo/version;5f3759df", "2.0\n")
    host.write("/usr/lib/demo/mine;5f3759df", "of somebody else\n")
    restored = job.run("restore")
    assert restored.ok, (restored, job.log("restore"))
    host.path("/usr/lib/demo/mine;5f3759df").unlink()
    assert packages_of(host) == before


def test_a_change_that_was_left_alone_is_ended_by_the_way_back(lab: Fleet) -> None:
    """belay-txn is killed, dnf lives on and hangs in a script."""
    host, job = lab["h1"], Job(lab["h1"])
    before = packages_of(host)
    lab.repository.publish("1.0", "demo=2.4")
    job.start("upgrade", pins=job.stage("demo"))
    wait_for("the %post", lambda: len(rpms(host, "demo")) == 2)
    host.kill9(job.unit("upgrade"))
    assert job.wait("upgrade") is None
    assert host.run("pgrep", "-x", "dnf-3").out
    assert_taken_back(job, before, lock_wait=4)


def test_who_holds_the_lock_is_named(lab: Fleet) -> None:
    """F16"""
    host, job = lab["h1"], Job(lab["h1"])
    lab.repository.publish("1.0", "2.0", "demo=2.4")
    host.run("systemd-run", "--quiet", "dnf", "-y", "--noplugins", "install", "demo-2.4")
    wait_for("the %post", lambda: len(rpms(host, "demo")) == 2)
    staged = job.run("stage", ["bulk1"], [("bulk1", "noarch", "2.0-1", 2)], lock_wait=1)
    assert staged.code == "lock_held" and "(dnf" in staged.reason and " since 20" in staged.reason


def test_rollouts_to_hosts_with_dnf(dnf_fleet: MakeFleet) -> None:
    """The main job, whole: a version whose service does not start goes back; a good one stays, and goes back late."""
    lab = dnf_fleet(hosts=1)
    host = lab["h1"]
    host.write(CONFIG, "setting = as the admin likes it\n")
    before = packages_of(host)
    lab.repository.publish("1.0", "demo=2.0", "demo=2.1")
    code, report = lab.belay.roll_out(plan("demo=2.1", waves=["100%"]))
    assert code == Exit.HOSTS_FAILED, report
    (bad,) = report["hosts"]
    assert bad["state"] == "reverted" and "unit" in bad["cause"]["code"], bad
    assert packages_of(host) == before
    assert host.unit_state("demo.service") == "active" and host.http() == (200, "1.0")

    code, report = lab.belay.roll_out(plan("demo=2.0", waves=["100%"]))
    assert code == Exit.DONE, report
    assert rpms(host, "demo") == ["2.0"] and host.http() == (200, "2.0")
    for expression, is_meant in (("package:demo>=2.0~rc1", True), ("package:demo<2.0", False), ("package:kernel", False)):
        path = lab.belay.write_plan(plan("demo=2.0", hosts={"match": f"role=web, {expression}"}, waves=["100%"]))
        shown = lab.belay("preview", path, check=False)
        wanted = "1 current" if is_meant else "name no enrolled host"
        assert wanted in shown.out + shown.err, (expression, shown)
    lab.repository.publish("bulk1=1.0")
    lab.belay("rollback", report["rollout"])
    assert lab.belay.wait(report["rollout"]) == Exit.ROLLED_BACK
    assert packages_of(host) == before
    assert host.unit_state("demo.service") == "active" and host.http() == (200, "1.0")
