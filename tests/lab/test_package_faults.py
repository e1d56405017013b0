# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around packages: repositories, prompts, scripts and databases that are not as they should be."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from time import time

import pytest

from belaycli import Exit, plan
from harness.command import wait_for
from harness.fleet import Fleet
from txnjob import Job

MakeFleet = Callable[..., Fleet]
CONFIG = "/etc/demo/demo.conf"
DAY = 24 * 3600


@pytest.fixture
def apt(installed_fleet: MakeFleet) -> Fleet:
    return installed_fleet(hosts=1)


@pytest.fixture
def dnf(installed_dnf_fleet: MakeFleet) -> Fleet:
    return installed_dnf_fleet(hosts=1)


@pytest.fixture(params=["apt", "dnf"])
def lab(request: pytest.FixtureRequest) -> Fleet:
    lab: Fleet = request.getfixturevalue(request.param)
    return lab


# ---- repositories ----


def test_metadata_out_of_their_time_are_refused(apt: Fleet) -> None:
    """F24: whatever the host's own apt is told to overlook; and each case is named, with what helps."""
    host, job = apt["h1"], Job(apt["h1"])
    host.write("/etc/apt/apt.conf.d/99lax", 'Acquire::Check-Valid-Until "false";\nAcquire::Check-Date "false";\n')
    cases = {
        "metadata_expired": {"Date": formatdate(time() - 9 * DAY, usegmt=True),
                             "Valid-Until": formatdate(time() - 2 * DAY, usegmt=True)},
        "metadata_not_yet_valid": {"Date": formatdate(time() + 2 * DAY, usegmt=True)},
    }  # fmt: skip
    for code, fields in cases.items():
        apt.repository.release_fields = fields
        apt.repository.publish("1.0", "2.0")
        refused = job.run("query", ["demo"])
        assert not refused.ok and refused.code == code, refused
        assert refused.findings[0][2], "what helps is said"
    apt.repository.release_fields = {"Valid-Until": formatdate(time() + 2 * DAY, usegmt=True)}
    apt.repository.publish("1.0", "2.0")
    assert job.run("query", ["demo"]).ok


def test_repositories_may_be_too_old(lab: Fleet, request: pytest.FixtureRequest) -> None:
    """F24: by what they say of themselves, when the plan sets a limit."""
    job = Job(lab["h1"])
    is_apt = request.node.callspec.params["lab"] == "apt"
    lab.repository.release_fields = {"Date": formatdate(time() - 3 * 3600, usegmt=True)}
    lab.repository.publish("1.0", "2.0")
    query = job.run("query", ["demo"])
    assert query.ok
    # That of dnf is of the moment it was made.
    staged = job.run("stage", ["demo"], query.pins, metadata_max_age=2 * 3600 if is_apt else 0.5)
    assert not staged.ok and staged.code == "metadata_too_old", staged
    staged = job.run("stage", ["demo"], query.pins, metadata_max_age=4 * 3600)
    assert staged.ok, staged


def test_an_unknown_key_is_refused(apt: Fleet) -> None:
    """F24: and said to be unknown, not only that something is not signed."""
    host, job = apt["h1"], Job(apt["h1"])
    apt.repository.publish("1.0", "2.0")
    host.shell("cp /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/lab.gpg")
    refused = job.run("query", ["demo"])
    assert not refused.ok and refused.code == "key_unknown", refused


def test_an_expired_key_is_refused(apt: Fleet) -> None:
    """F24: the host's own apt would go on with the index that it has; what was signed in time is refused, too."""
    host, job = apt["h1"], Job(apt["h1"])
    apt.repository.publish("1.0", "2.0")
    query = job.run("query", ["demo"])
    assert query.ok, query
    apt.repository.expire_key()
    host.path("/usr/share/keyrings/lab.gpg").write_bytes(apt.repository.public_key())
    host.run("rm", "/var/cache/belay/apt/lists/belay-stamp")  # the index is no longer young
    refused = job.run("stage", ["demo"], query.pins)
    assert not refused.ok and refused.code == "key_expired", refused
    assert refused.findings[0][2] == "install the repository's new key"


def test_a_mirror_that_is_being_updated_is_tried_again(lab: Fleet, request: pytest.FixtureRequest) -> None:
    """F25: index and packages; with everything that belongs together, and only so often. dnf tries by itself before."""
    is_apt = request.node.callspec.params["lab"] == "apt"
    job = Job(lab["h1"])
    lab.repository.publish("1.0", "2.0")
    index = "Packages.gz" if is_apt else "repodata/primary.xml.gz"
    package = "demo_2.0_all.deb" if is_apt else "demo-2.0-1.noarch.rpm"
    lab.repository.spoil(index, 1)
    query = job.run("query", ["demo"])
    assert query.ok, query
    assert "once more in" in job.log("query") or not is_apt
    lab.repository.spoil(package, 1)
    staged = job.run("stage", ["demo"], query.pins)
    assert staged.ok, staged
    assert "once more in" in job.log("stage") or not is_apt


def test_a_mirror_that_stays_damaged_ends_the_attempts(apt: Fleet) -> None:
    """F25: bounded, and nothing of it is used."""
    job = Job(apt["h1"])
    apt.repository.publish("1.0", "2.0")
    query = job.run("query", ["demo"])
    apt.repository.spoil("demo_2.0_all.deb", 1000)
    staged = job.run("stage", ["demo"], query.pins)
    assert not staged.ok and staged.code == "mirror_mismatch", staged
    assert len([name for _, name in apt.repository.requests if name == "demo_2.0_all.deb"]) == 4
    assert apt["h1"].dpkg("demo") == "ii 1.0"


def test_a_change_of_repository_keys_is_told_before_it_is_signed(fleet: MakeFleet) -> None:
    """F32: in what people see before they sign."""
    lab = fleet(hosts=1)
    lab["h1"].write("/usr/share/keyrings/bulk1.gpg", "")
    lab["h1"].shell("echo /usr/share/keyrings/bulk1.gpg >>/var/lib/dpkg/info/bulk1.list")
    lab.repository.publish("1.0", "2.0")
    shown = lab.belay("preview", lab.belay.write_plan(plan("bulk1", "bulk2"))).out
    assert "REPOSITORY KEYS: bulk1" in shown
    assert "REPOSITORY KEYS: bulk2" not in shown


# ---- prompts ----


def test_nothing_can_ask_anybody(fleet: MakeFleet) -> None:
    """F11, F12, F13: edited configuration stays, whatever the host's dpkg is told; hooks that ask do not run;
    needrestart is told to do nothing; and what was left beside the file is in the report, by its path."""
    lab = fleet(hosts=1)
    host = lab["h1"]
    host.write(CONFIG, "setting = mine\n", mode=0o640)
    host.write("/etc/dpkg/dpkg.cfg.d/lab", "force-confnew\n")
    host.write(
        "/etc/apt/apt.conf.d/99lab",
        'DPkg::Pre-Install-Pkgs { "touch /run/pre-install; exit 1"; };\n'
        'DPkg::Post-Invoke { "echo ${NEEDRESTART_SUSPEND:-runs} >/run/needrestart"; };\n'
        'DPkg::Options { "--force-confnew"; };\n',
    )
    lab.repository.publish("1.0", "demo=2.3")
    code, report = lab.belay.roll_out(plan("demo=2.3"))
    assert code == Exit.DONE, report
    assert host.path(CONFIG).read_text() == "setting = mine\n"
    assert not host.path("/run/pre-install").exists()
    assert host.path("/run/needrestart").read_text() == "1\n"
    told = [finding["reason"] for finding in report["hosts"][0]["findings"]]
    assert any(f"{CONFIG}.dpkg-dist" in reason for reason in told), told


def test_edited_files_may_be_replaced(fleet: MakeFleet) -> None:
    """F11: when the plan says so, and the way back brings the edit again."""
    lab = fleet(hosts=1)
    host = lab["h1"]
    host.write(CONFIG, "setting = mine\n")
    lab.repository.publish("1.0", "demo=2.3")
    rollout = lab.belay.start(plan(change={"packages": ["demo=2.3"], "conffiles": "replace", "metadata_max_age": "1h"}))
    assert lab.belay.wait(rollout) == Exit.DONE
    assert host.path(CONFIG).read_text() == "setting = default-2\n"
    lab.belay("rollback", rollout)
    assert lab.belay.wait(rollout) == Exit.ROLLED_BACK
    assert host.path(CONFIG).read_text() == "setting = mine\n"


def test_rpm_does_not_replace_edited_files(dnf: Fleet) -> None:
    """F11: its packages decide that themselves, so who asks for it is told."""
    job = Job(dnf["h1"])
    dnf.repository.publish("1.0", "demo=2.3")
    query = job.run("query", ["demo"])
    staged = job.run("stage", ["demo"], query.pins, replace_conffiles=True)
    assert not staged.ok and staged.code == "conffiles_not_replaceable", staged


def test_rpm_leaves_what_is_reported(dnf: Fleet) -> None:
    """F11: by its path."""
    host, job = dnf["h1"], Job(dnf["h1"])
    host.write(CONFIG, "setting = mine\n")
    dnf.repository.publish("1.0", "demo=2.3")
    upgrade = job.run("upgrade", pins=job.stage("demo"))
    assert upgrade.ok and any(f"{CONFIG}.rpmnew" in note for note in upgrade.notes), upgrade
    assert host.path(CONFIG).read_text() == "setting = mine\n"


# ---- scripts ----


def test_a_script_that_hangs_is_named_and_ended(lab: Fleet) -> None:
    """F14: told while it runs, then ended; the package manager itself is never killed."""
    host, job = lab["h1"], Job(lab["h1"])
    lab.repository.publish("1.0", "demo=2.4")
    upgrade = job.run("upgrade", pins=job.stage("demo"), deadline=12)
    assert upgrade.code == "change_timed_out", upgrade
    assert any("demo" in note and "has run for more than 3 s" in note for note in upgrade.notes), upgrade
    # Its end is told while the package manager still takes its leave.
    wait_for("it to end by itself", lambda: host.run("pgrep", "-x", "dpkg|dnf-3|rpm", check=False).rc == 1)
    restored = job.run("restore")
    assert restored.ok and restored.audit_clean, (restored, job.log("restore"))


SLOW_START = """[Service]
ExecStartPre=/bin/sh -c 'grep -q "^1.0" /usr/lib/demo/version || sleep infinity'
TimeoutStartSec=infinity
"""


def test_a_service_whose_start_never_ends_holds_up_its_script(lab: Fleet) -> None:
    """F15: the new version's service waits for something that never comes, and the script for the service."""
    host, job = lab["h1"], Job(lab["h1"])
    host.write("/etc/systemd/system/demo.service.d/slow.conf", SLOW_START)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "demo.service")
    lab.repository.publish("1.0", "2.0")
    upgrade = job.run("upgrade", pins=job.stage("demo"), deadline=12)
    assert upgrade.code == "change_timed_out", upgrade
    assert any("demo" in note and "has run for more than 3 s" in note for note in upgrade.notes), upgrade
    restored = job.run("restore", deadline=60)
    assert restored.ok and restored.audit_clean, (restored, job.log("restore"))
    wait_for("the former version to serve", lambda: host.http() == (200, "1.0"))


def test_a_script_may_leave_a_process_behind(lab: Fleet) -> None:
    """F14: one that keeps its output open holds up nobody."""
    host, job = lab["h1"], Job(lab["h1"])
    lab.repository.publish("1.0", "demo=2.11")
    upgrade = job.run("upgrade", pins=job.stage("demo"), deadline=60)
    assert upgrade.ok and upgrade.notes == [], upgrade
    restored = job.run("restore")
    assert restored.ok and restored.audit_clean, (restored, job.log("restore"))


# ---- rpm's mixed results and its database ----


def rpms(lab: Fleet, name: str) -> list[str]:
    return sorted(lab["h1"].run("rpm", "-q", "--qf", "%{VERSION}\n", name, check=False).out.split())


@pytest.mark.parametrize(
    "first, then, left",
    [("1.0", "2.6", ["1.0"]), ("1.0", "2.2", ["2.2"]), ("2.12", "2.0", ["2.0", "2.12"])],
    ids=["pre", "post", "preun"],
)
def test_a_scriptlet_that_fails_is_no_success(dnf: Fleet, first: str, then: str, left: list[str]) -> None:
    """F4: %pre keeps the old package, %post the new one, %preun both; belay calls none of them good, and all go back."""
    job = Job(dnf["h1"])
    dnf.repository.publish("1.0", "demo=2.12")
    if first != "1.0":
        dnf["h1"].run("dnf", "-y", "install", f"demo-{first}")
    dnf.repository.publish("1.0", f"demo={first}", f"demo={then}", "bulk1=2.0")
    upgrade = job.run("upgrade", pins=job.stage(f"demo={then}", "bulk1", downgrade=True), downgrade=True)
    assert not upgrade.ok and upgrade.code == "postinst_failed", upgrade
    assert rpms(dnf, "demo") == left
    assert rpms(dnf, "bulk1") == ["2.0"]
    restored = job.run("restore")
    assert restored.ok and restored.audit_clean, (restored, job.log("restore"))
    assert rpms(dnf, "demo") == [first] and rpms(dnf, "bulk1") == ["1.0"]
    assert dnf["h1"].run("dnf", "-q", "--disablerepo=*", "check", "--duplicates", check=False).out.strip() == ""


def test_packages_that_are_there_twice_block(dnf: Fleet) -> None:
    """F3: what a killed dnf left behind before belay came is for a person; it is named, with what helps."""
    host, job = dnf["h1"], Job(dnf["h1"])
    dnf.repository.publish("1.0", "2.0")
    query = job.run("query", ["bulk1"])
    package = dnf.repository.get("demo-2.0-1.noarch.rpm")
    assert package is not None
    host.path("/root/demo.rpm").write_bytes(package)
    host.run("rpm", "-i", "--justdb", "--nodeps", "--noscripts", "--force", "/root/demo.rpm", check=False)
    assert rpms(dnf, "demo") == ["1.0", "2.0"]
    staged = job.run("stage", ["bulk1"], query.pins)
    assert not staged.ok and staged.code == "package_database_broken", staged
    assert "dnf remove --duplicates" in staged.findings[0][2]
    assert rpms(dnf, "demo") == ["1.0", "2.0"], "nothing is repaired in passing"


def test_a_damaged_database_blocks(dnf: Fleet) -> None:
    """F5: it is seen before anything begins, named with what helps, and never repaired in passing."""
    host, job = dnf["h1"], Job(dnf["h1"])
    dnf.repository.publish("1.0", "2.0")
    query = job.run("query", ["demo"])
    assert query.ok
    host.shell("sync; rpm -qa >/dev/null")
    database = host.path("/var/lib/rpm/rpmdb.sqlite")
    content = bytearray(database.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    # A page in the middle that is a B-tree's leaf: its cell pointers point nowhere now.
    pages = [at for at in range(size, len(content), size) if content[at] in (2, 10, 13)]
    at = pages[len(pages) // 2]
    content[at + 8 : at + size] = b"\xff" * (size - 8)
    host.shell("rm -f /var/lib/rpm/rpmdb.sqlite-wal /var/lib/rpm/rpmdb.sqlite-shm")
    database.write_bytes(content)
    staged = job.run("stage", ["demo"], query.pins)
    assert not staged.ok and staged.code == "package_database_damaged", (staged, job.log("stage"))
    assert "rebuilddb" in staged.findings[0][2]
    assert database.read_bytes() == content
