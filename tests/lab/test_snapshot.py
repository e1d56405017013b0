# SPDX-License-Identifier: Apache-2.0
"""The way back by a snapshot (`change.revert: filesystem`), on hosts whose disk is a btrfs: what the packages' own scripts
made of a host's data goes back too, and nothing has to be found again for it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from belaycli import Exit, job_on, plan
from harness import debs, rpm_images, rpms
from harness.command import run, wait_for
from harness.debs import DEMO_GO, DEMO_WAITS, Package, serve
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]
MANAGERS = ["apt", "dnf"]
DATA = "/var/lib/demo"
SPARED = (
    "var/lib/belay etc/belay var/cache/belay home root srv var/log var/spool var/tmp tmp run proc sys dev var/lib/systemd"
    " var/lib/private var/cache/apt var/cache/dnf .belay-snapshots var/.belay-snapshots"
).split()
"""What never goes back, as ARCHITECTURE.md lists it, as far as these hosts have it."""

MIGRATE = f"""cd {DATA}
    sed -i 's/^format 1/format 2/' data; rm old; mkdir -p new/deep; echo index >new/deep/index; ln -sfn new current
    chmod 600 table; chown 1234 table; echo host-2 >/etc/demo-made; rm -f /etc/demo-known; systemctl mask -q app.service
    dd if=/dev/zero of=big bs=1M count=8 status=none; for i in $(seq 400); do echo $i >new/$i; echo 2 >many/$i; done"""
"""A postinst that makes another format of the data, in all the ways there are; without a way back of its own."""
BROKEN = "#!/bin/sh\nexit 3\n"


def make_data(host: Host) -> None:
    host.shell(
        f"mkdir -p {DATA}/many; cd {DATA}; printf 'format 1\\nrow\\n' >data; echo gone >old; echo t >table; chmod 640 table\n"
        "for i in $(seq 400); do echo 1 >many/$i; done; mkdir first; ln -s first current; echo known >/etc/demo-known\n"
        "systemctl restart demo.service"
    )


def whole(host: Host) -> dict[str, str]:
    """All of the host's disk that goes back: kind, mode, owner, and content or target, by path."""
    found: dict[str, str] = {}
    for folder, names, files in os.walk(host.root):
        inside = Path(folder).relative_to(host.root)
        names[:] = sorted(name for name in names if str(inside / name) not in SPARED)
        for name in [*names, *files]:
            path, shown = Path(folder) / name, str(inside / name)
            # SQLite's index of its log is made anew by whoever reads.
            if shown in SPARED or name.endswith("-shm") or not (path.is_symlink() or path.is_file() or path.is_dir()):
                continue
            status = path.lstat()
            what = os.readlink(path) if path.is_symlink() else ""
            if path.is_file() and not path.is_symlink():
                what = hashlib.sha256(path.read_bytes()).hexdigest()
            mode = 0 if path.is_symlink() else status.st_mode
            found[shown] = f"{mode:o} {status.st_uid}:{status.st_gid} {what}"
    return found


def difference(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    return {name: (before.get(name), after.get(name)) for name in {*before, *after} if before.get(name) != after.get(name)}


def publish(lab: Fleet, *packages: Package) -> None:
    """Show these, and no older version of anything."""
    pool, work = lab.folder / "pool", lab.folder / "work"
    pool.mkdir(exist_ok=True)
    lab.repository.publish("demo=2.5")
    if not lab["h1"].has_dnf:
        lab.repository.publish_more([debs.build(package, pool, work) for package in packages])
        return
    gnupg = lab.folder / "gnupg-of-rpms"
    if not gnupg.exists():
        shutil.copytree(rpm_images.store() / "gnupg", gnupg)
    lab.repository.publish_more([rpms.build(package, pool, work, gnupg) for package in packages])
    run(["gpgconf", "--homedir", str(gnupg), "--kill", "all"])


def fleet_of(request: pytest.FixtureRequest, manager: str) -> Fleet:
    """One host whose disk is a btrfs; with dnf, /var is another one."""
    make: MakeFleet = request.getfixturevalue("btrfs_fleet" if manager == "apt" else "btrfs_dnf_fleet")
    lab = make(hosts=1)
    if manager == "dnf":
        host = lab["h1"]
        host.stop()
        mount_own(lab, "var", "btrfs", 2048)
        host.start()
        lab.belay.wait_connected([host])
    return lab


def mount_own(lab: Fleet, folder: str, kind: str, size_mib: int) -> None:
    """Give the host, which is off, a file system of its own at this place, with what lies there now."""
    image, top, new = lab.folder / folder.replace("/", "-"), lab["h1"].root / folder, lab.folder / "new"
    new.mkdir(exist_ok=True)
    top.mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(size_mib << 20)
    run([f"mkfs.{kind}", "-q", str(image)])
    run(["mount", "-o", "loop", str(image), str(new)])
    run(["cp", "--archive", "--no-target-directory", str(top), str(new)])
    run(["mount", "--bind", str(new), str(top)])
    run(["umount", str(new)])


def by_snapshot(*packages: str, **changes: object) -> str:
    return plan(change={"packages": list(packages), "revert": "filesystem"}, waves=["100%"], **changes)


def snapshots(host: Host) -> list[str]:
    folders = [host.root / top / ".belay-snapshots" for top in (".", "var")]
    return sorted(name for folder in folders if folder.exists() for name in os.listdir(folder))


def assert_no_trace(host: Host) -> None:
    """The snapshot goes when its job is over, and nothing is left of the going back."""
    wait_for("the snapshot to be removed", lambda: not snapshots(host))
    left = run(["find", str(host.root), str(host.root / "var"), "-xdev", "-name", ".belay-*"]).out.split()
    assert not left


@pytest.mark.parametrize("manager", MANAGERS)
def test_what_scripts_made_of_the_data_goes_back(request: pytest.FixtureRequest, manager: str) -> None:
    """F28: the former version is nowhere, and its data was made into another format: the host is as before, all of it."""
    lab = fleet_of(request, manager)
    host = lab["h1"]
    make_data(host)
    publish(lab, Package("demo", "3.0", BROKEN, postinst=MIGRATE, setting="default-3"))
    before, state = whole(host), host.state()
    code, report = lab.belay.roll_out(by_snapshot("demo=3.0"))
    assert code == Exit.HOSTS_FAILED, report
    assert [each["state"] for each in report["hosts"]] == ["reverted"], json.dumps(report, indent=1)
    assert "format 1" in host.read(f"{DATA}/data")
    assert not difference(before, whole(host))
    assert not difference(state, host.state())
    assert host.http() == (200, "1.0")
    assert not [file for kind in ("deb", "rpm") for file in host.path("/var/lib/belay/jobs").glob(f"*/way-back/*.{kind}")]
    assert_no_trace(host)


def test_a_host_without_snapshots_is_blocked(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    lab.repository.publish("1.0", "demo=2.0")
    code, report = lab.belay.roll_out(by_snapshot("demo=2.0"))
    (seen,) = report["hosts"]
    assert seen["state"] == "blocked" and code != Exit.DONE, report
    assert "snapshot_impossible" in json.dumps(seen) and "overlay" in json.dumps(seen), seen
    assert "revert: packages" in json.dumps(seen), seen
    assert lab["h1"].http() == (200, "1.0")


@pytest.mark.parametrize("manager", MANAGERS)
@pytest.mark.parametrize("when", ["in the change", "on the way back"])
def test_a_power_cut_loses_nothing(request: pytest.FixtureRequest, when: str, manager: str) -> None:
    """F1, F3: cut in the middle of either, the host comes to the same end."""
    lab = fleet_of(request, manager)
    host = lab["h1"]
    make_data(host)
    waits = f"{MIGRATE}\n    touch {DEMO_WAITS}; until [ -e {DEMO_GO} ]; do sleep 0.05; done"
    publish(lab, Package("demo", "3.0", BROKEN, postinst=waits))
    before = whole(host)
    rollout = lab.belay.start(by_snapshot("demo=3.0"))
    wait_for("the script", lambda: host.path(DEMO_WAITS).exists())
    if when == "in the change":
        host.power_cut()
    else:
        job = next(path.parent for path in (host.root / "var/lib/belay/jobs").glob("*/snapshot.record"))
        host.path(DEMO_GO).write_text("")
        wait_for("files being put back", lambda: next(host.root.glob("var/lib/demo/many/.belay-back-*"), None))
        host.power_off_hard()
        assert not (job / "restore.result").exists()
        assert difference(before, whole(host))
        host.start()
    wait_for("the end of the way back", lambda: job_on(host)["state"] == "reverted", 90)
    assert not difference(before, whole(host))
    assert lab.belay.wait(rollout) == Exit.HOSTS_FAILED
    assert host.http() == (200, "1.0")
    assert_no_trace(host)


@pytest.mark.parametrize("manager", MANAGERS)
def test_late_what_people_changed_since_stays(request: pytest.FixtureRequest, manager: str) -> None:
    """`belay-rescue revert` after the commit, with repository and controller gone: what the job changed goes back, and
    nothing that somebody did after it."""
    lab = fleet_of(request, manager)
    host = lab["h1"]
    make_data(host)
    before = whole(host)
    publish(lab, Package("demo", "3.1", serve("3.1"), postinst=MIGRATE, setting="default-3"))
    code, report = lab.belay.roll_out(by_snapshot("demo=3.1"))
    assert code == Exit.DONE, report
    assert host.http() == (200, "3.1") and "format 2" in host.read(f"{DATA}/data")
    assert len(snapshots(host)) == (1 if manager == "apt" else 2)
    host.write("/etc/demo/demo.conf", "setting = of a person\n")
    host.write("/etc/of-a-person", "new\n")
    host.write(f"{DATA}/new/deep/of-a-person", "new\n")
    lab.ctl.run("systemctl", "stop", "belayd.service")
    lab.repository.is_down = True
    host.run("belay-rescue", "revert")
    wait_for("the end of the way back", lambda: job_on(host)["state"] in ("reverted", "revert_failed"), 90)
    assert job_on(host)["state"] == "reverted", host.journal("belay-agent.service")[-3000:]
    changed = difference(before, whole(host))
    theirs = {"etc/demo/demo.conf", "etc/of-a-person", f"{DATA}/new/deep/of-a-person".lstrip("/")}
    folders = {f"{DATA}/new".lstrip("/"), f"{DATA}/new/deep".lstrip("/")}
    assert set(changed) == theirs | folders, changed
    assert host.read("/etc/demo/demo.conf") == "setting = of a person\n"
    assert "/etc/demo/demo.conf was changed after the job" in host.journal("belay-agent.service")
    assert host.http() == (200, "1.0") and host.version("demo") == ("1.0" if manager == "apt" else "1.0-1")
    assert_no_trace(host)


def test_other_packages_installed_since_are_not_forgotten(btrfs_fleet: MakeFleet) -> None:
    """A database that somebody went on with cannot go back: told, and nothing is touched."""
    lab = btrfs_fleet(hosts=1)
    host = lab["h1"]
    make_data(host)
    publish(lab, Package("demo", "3.1", serve("3.1"), postinst=MIGRATE))
    assert lab.belay.roll_out(by_snapshot("demo=3.1"))[0] == Exit.DONE
    host.run("dpkg", "--remove", "bulk1")
    before = whole(host)
    host.run("belay-rescue", "revert")
    wait_for("the end of the way back", lambda: job_on(host)["state"] == "revert_failed", 90)
    assert "package_database_changed" in host.journal("belay-agent.service")
    assert not difference(before, whole(host))


def test_one_way_packages_go_back(btrfs_fleet: MakeFleet) -> None:
    """F28: what no distribution takes back to a former version needs no more than `revert: filesystem`."""
    lab = btrfs_fleet(hosts=1)
    host = lab["h1"]
    pool = lab.folder / "pool"
    pool.mkdir()
    former = debs.build(Package("libc6-lab", "1.0"), pool, lab.folder / "work")
    host.write("/root/former.deb", "")
    host.path("/root/former.deb").write_bytes(former.read_bytes())
    host.run("dpkg", "--install", "/root/former.deb")
    publish(lab, Package("libc6-lab", "2.0", postinst="exit 1"))
    before = whole(host)
    refused = lab.belay("preview", lab.belay.write_plan(plan("libc6-lab")), check=False)
    assert "revert: filesystem" in refused.out + refused.err
    code, report = lab.belay.roll_out(by_snapshot("libc6-lab"))
    assert [each["state"] for each in report["hosts"]] == ["reverted"], report
    assert host.version("libc6-lab") == "1.0" and not difference(before, whole(host))
    assert_no_trace(host)


def test_a_snapshot_goes_when_its_time_is_over(btrfs_fleet: MakeFleet) -> None:
    lab = btrfs_fleet(hosts=1)
    host = lab["h1"]
    publish(lab, Package("demo", "3.1", serve("3.1")))
    assert lab.belay.roll_out(by_snapshot("demo=3.1", keep_way_back="5s"))[0] == Exit.DONE
    assert_no_trace(host)
    host.run("belay-rescue", "revert", check=False)
    assert host.http() == (200, "3.1") and job_on(host)["state"] == "committed"


def test_a_boot_of_its_own_is_copied(btrfs_fleet: MakeFleet) -> None:
    """As many hosts have it, on an ext4, with another file system mounted in it."""
    lab = btrfs_fleet(hosts=1)
    host = lab["h1"]
    host.stop()
    for folder in ("boot", "boot/efi"):
        mount_own(lab, folder, "ext4", 64)
    host.start()
    host.shell("echo kernel >/boot/vmlinuz; chmod 600 /boot/vmlinuz; mkdir /boot/grub; echo a >/boot/grub/grub.cfg; echo efi >/boot/efi/x")
    before = whole(host)
    script = "echo other >/boot/vmlinuz; rm -r /boot/grub; echo new >/boot/new; echo stays >/boot/efi/x"
    publish(lab, Package("demo", "3.0", BROKEN, postinst=script))
    lab.belay.wait_connected([host])
    code, report = lab.belay.roll_out(by_snapshot("demo=3.0"))
    assert [each["state"] for each in report["hosts"]] == ["reverted"], json.dumps(report, indent=1)
    assert set(difference(before, whole(host))) == {"boot/efi/x"}
    assert host.http() == (200, "1.0")
