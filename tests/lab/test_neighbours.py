# SPDX-License-Identifier: Apache-2.0
"""Programs of others that work on the same host: unattended-upgrades, dnf-automatic, and docker and podman with real containers."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from belaycli import Exit, plan
from harness import extra
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host
from test_dnf import rpms
from txnjob import Job

MakeFleet = Callable[..., Fleet]


def needs(name: str) -> None:
    found = extra.find(name)
    if isinstance(found, str):
        pytest.skip(f"{name}: {found}")


def assert_holder_is_told(host: Host, name: str) -> None:
    """Before anybody signs; what it has half done is no damage."""
    query = Job(host).run("query", ["bulk1"])
    assert query.ok and [change[0] for change in query.changes] == ["bulk1"], query
    (note,) = [note for note in query.notes if "is held by process" in note]
    assert f"({name})" in note and not any("half done" in each for each in query.notes), query


def told_of_missed_runs(step: dict[str, object], timer: str) -> bool:
    """With the first one's time; unless a run was under way at the moment of the pause, when systemd knows of no next one."""
    return f"{timer} at 2" in str(step["reason"]) or f"runs were missed is unknown: {timer}" in str(step["reason"])


def assert_rests_in_mid_job(lab: Fleet, timer: str) -> None:
    """The timer's time comes every five seconds, and passes while demo is upgraded to 2.7."""
    host = lab["h1"]
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"], quiesce=None))
    wait_for("demo's script", lambda: host.path(DEMO_WAITS).exists())
    assert host.unit_state(timer) == "inactive"
    paused = time.time()
    wait_for("the time of a run that is missed", lambda: time.time() // 5 > paused // 5)
    host.path(DEMO_GO).write_text("")
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)["hosts"]
    assert host.unit_state(timer) == "active"
    (told,) = [step for step in lab.belay.report(rollout)["hosts"][0]["steps"] if step["name"] == "resume"]
    assert told_of_missed_runs(told, timer), told


# ---- unattended-upgrades ----

UPGRADES_DEMO_ONLY = """
Unattended-Upgrade::Origins-Pattern { "site=repository"; };
Unattended-Upgrade::Package-Blacklist { "app"; "lib"; "bulk"; };
"""
UPGRADES_NOTHING = """
APT::Periodic::Unattended-Upgrade "always";
Unattended-Upgrade::Origins-Pattern { "site=repository"; };
Unattended-Upgrade::Package-Blacklist { ".*"; };
"""
EVERY_FIVE_SECONDS = "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/5\nRandomizedDelaySec=0\nPersistent=no\n"


def with_unattended_upgrades(host: Host, configuration: str) -> None:
    extra.install(host, "unattended-upgrades")
    host.write("/etc/apt/apt.conf.d/60lab", configuration)


def upgrades_by_itself(lab: Fleet) -> None:
    """unattended-upgrades is in the middle of demo's script, and stays there."""
    host = lab["h1"]
    lab.repository.publish("1.0", "demo=2.7", "bulk1=2.0")
    host.run("apt-get", "-q", "update")
    host.run("systemd-run", "--quiet", "--unit=upgrades-itself", "unattended-upgrade")
    wait_for("the postinst", lambda: host.path(DEMO_WAITS).exists())


def test_a_job_waits_for_unattended_upgrades(fleet: MakeFleet) -> None:
    """F16, F17: it has its turn first; what it changed is not taken for half done."""
    needs("unattended-upgrades")
    lab = fleet(hosts=1)
    host = lab["h1"]
    with_unattended_upgrades(host, UPGRADES_DEMO_ONLY)
    upgrades_by_itself(lab)
    rollout = lab.belay.start(plan("bulk1=2.0", waves=["100%"]))
    lab.belay.wait_for_host(rollout, "h1", "stage")
    assert host.unit_state("upgrades-itself.service") == "active"
    host.path(DEMO_GO).write_text("")
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)["hosts"]
    assert (host.dpkg("demo"), host.dpkg("bulk1")) == ("ii 2.7", "ii 2.0")
    assert "All upgrades installed" in host.read("/var/log/unattended-upgrades/unattended-upgrades.log")


def test_unattended_upgrades_that_do_not_end_are_named(installed_fleet: MakeFleet) -> None:
    """F16: nobody ends them."""
    needs("unattended-upgrades")
    lab = installed_fleet(hosts=1)
    host = lab["h1"]
    with_unattended_upgrades(host, UPGRADES_DEMO_ONLY)
    upgrades_by_itself(lab)
    assert_holder_is_told(host, "unattended-upgr")
    staged = Job(host).run("stage", ["bulk1"], [("bulk1", "all", "2.0", 2)], lock_wait=1)
    assert staged.code == "lock_held" and "(unattended-upgr" in staged.reason, staged
    assert host.unit_state("upgrades-itself.service") == "active"
    host.path(DEMO_GO).write_text("")
    wait_for("their end", lambda: host.unit_state("upgrades-itself.service") != "active")
    assert host.dpkg("demo") == "ii 2.7"


def test_the_timer_of_unattended_upgrades_rests_in_mid_job(fleet: MakeFleet) -> None:
    """F16: it would want the lock every few seconds; it is paused, given back, and told of."""
    needs("unattended-upgrades")
    lab = fleet(hosts=1)
    host = lab["h1"]
    with_unattended_upgrades(host, UPGRADES_NOTHING)
    host.write("/etc/systemd/system/apt-daily-upgrade.timer.d/lab.conf", EVERY_FIVE_SECONDS)
    host.shell("rm -f /etc/systemd/system/apt-daily-upgrade.timer; systemctl daemon-reload")
    host.run("systemctl", "start", "apt-daily-upgrade.timer")
    log = "/var/log/unattended-upgrades/unattended-upgrades.log"
    wait_for("a run of theirs", lambda: host.exists(log) and "Starting unattended upgrades" in host.read(log))

    assert_rests_in_mid_job(lab, "apt-daily-upgrade.timer")
    assert host.dpkg("demo") == "ii 2.7"


# ---- dnf-automatic ----

# Debian's dnf has the program as a module only; command and units are what RPM distributions have for it.
AUTOMATIC = "#!/usr/bin/python3\nimport sys\nimport dnf.automatic.main\nsys.exit(dnf.automatic.main.main(sys.argv[1:]))\n"
AUTOMATIC_SERVICE = """[Unit]
Description=dnf automatic
After=network-online.target
[Service]
Type=oneshot
Nice=19
ExecStart=/usr/bin/dnf-automatic /etc/dnf/automatic.conf --timer
"""
AUTOMATIC_TIMER = """[Unit]
Description=dnf-automatic timer
[Timer]
OnCalendar=*-*-* 6:00
Persistent=true
[Install]
WantedBy=timers.target
"""
AUTOMATIC_CONFIG = """[commands]
upgrade_type = default
random_sleep = 0
download_updates = yes
apply_updates = yes
[emitters]
emit_via = stdio
[base]
excludepkgs = %s
"""


def with_dnf_automatic(host: Host, excluded: str) -> None:
    host.write("/usr/bin/dnf-automatic", AUTOMATIC, mode=0o755)
    host.write("/etc/dnf/automatic.conf", AUTOMATIC_CONFIG % excluded)
    host.write("/usr/lib/systemd/system/dnf-automatic.service", AUTOMATIC_SERVICE)
    host.write("/usr/lib/systemd/system/dnf-automatic.timer", AUTOMATIC_TIMER)
    host.shell("rm -f /etc/systemd/system/dnf-automatic.timer; systemctl daemon-reload")


def dnf_upgrades_by_itself(lab: Fleet) -> None:
    """dnf-automatic is in the middle of demo's script, and stays there."""
    host = lab["h1"]
    with_dnf_automatic(host, "app lib bulk*")
    lab.repository.publish("1.0", "demo=2.7", "bulk1=2.0")
    host.run("systemctl", "start", "--no-block", "dnf-automatic.service")
    wait_for("the scriptlet", lambda: host.path(DEMO_WAITS).exists())


def test_a_job_waits_for_dnf_automatic(dnf_fleet: MakeFleet) -> None:
    """F16, F17: it has its turn first; what it changed is not taken for half done."""
    lab = dnf_fleet(hosts=1)
    host = lab["h1"]
    dnf_upgrades_by_itself(lab)
    rollout = lab.belay.start(plan("bulk1=2.0", waves=["100%"]))
    lab.belay.wait_for_host(rollout, "h1", "stage")
    assert host.unit_state("dnf-automatic.service") == "activating"
    host.path(DEMO_GO).write_text("")
    assert lab.belay.wait(rollout) == Exit.DONE, lab.belay.report(rollout)["hosts"]
    assert (rpms(host, "demo"), rpms(host, "bulk1")) == (["2.7"], ["2.0"])
    assert host.run("systemctl", "show", "dnf-automatic.service", "--property=Result", "--value").out == "success\n"


def test_dnf_automatic_that_does_not_end_is_named(installed_dnf_fleet: MakeFleet) -> None:
    """F16: nobody ends it."""
    lab = installed_dnf_fleet(hosts=1)
    host = lab["h1"]
    dnf_upgrades_by_itself(lab)
    assert_holder_is_told(host, "dnf-automatic")
    staged = Job(host).run("stage", ["bulk1"], [("bulk1", "noarch", "2.0-1", 2)], lock_wait=1)
    assert staged.code == "lock_held" and "(dnf-automatic)" in staged.reason, staged
    assert host.unit_state("dnf-automatic.service") == "activating"
    host.path(DEMO_GO).write_text("")
    wait_for("its end", lambda: host.unit_state("dnf-automatic.service") != "activating")
    assert rpms(host, "demo") == ["2.7"]


def test_the_timer_of_dnf_automatic_rests_in_mid_job(dnf_fleet: MakeFleet) -> None:
    """F16: it would want the lock every few seconds; it is paused, given back, and told of."""
    lab = dnf_fleet(hosts=1)
    host = lab["h1"]
    with_dnf_automatic(host, "*")
    host.write("/etc/systemd/system/dnf-automatic.timer.d/lab.conf", EVERY_FIVE_SECONDS)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", "dnf-automatic.timer")
    wait_for("a run of it", lambda: "Finished" in host.journal("dnf-automatic.service"))

    assert_rests_in_mid_job(lab, "dnf-automatic.timer")
    assert rpms(host, "demo") == ["2.7"]


# ---- podman ----

STORAGE = '[storage]\\ndriver = "vfs"\\nrunroot = "/run/containers/storage"\\ngraphroot = "/var/lib/containers/storage"\\n'
# No keyrings, cgroups and overlays: hosts of the lab are containers themselves.
RUN_CONTAINER = f"""
set -e
printf '{STORAGE}' >/etc/containers/storage.conf
printf '[containers]\\nkeyring = false\\n' >/etc/containers/containers.conf
mkdir -p /srv/root/bin
cp /bin/busybox /srv/root/bin/
ln -s busybox /srv/root/bin/sleep
ln -s busybox /srv/root/bin/false
podman --cgroup-manager=cgroupfs run --detach --name shop --network=host --cgroups=disabled --log-driver=none \\
    {{options}} --rootfs /srv/root sleep 100000
"""


def with_container(host: Host, options: str = "") -> None:
    extra.install(host, "podman")
    host.shell(RUN_CONTAINER.format(options=options))
    assert container_runs(host)


def container_runs(host: Host) -> bool:
    return host.run("podman", "inspect", "shop", "--format", "{{.State.Status}}", check=False).out.strip() == "running"


CONTAINER = {"precheck": {"containers": ["shop"]}, "waves": ["100%"]}


# podman.service is enabled, and ends by itself when nobody asks it: here, when the test says so.
STAYS = "[Service]\nExecStart=\nExecStart=/usr/bin/podman system service --time=0\n"


def test_a_container_that_a_change_ends_turns_it_back(fleet: MakeFleet) -> None:
    """It is started again on the way back, as a service is: the host is as before. That a service ends that its
    socket starts again is no fault."""
    needs("podman")
    lab = fleet(hosts=1)
    host = lab["h1"]
    with_container(host)
    host.write("/etc/systemd/system/podman.service.d/lab.conf", STAYS)
    host.shell("systemctl daemon-reload; systemctl restart podman.service")
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", **CONTAINER))
    wait_for("the postinst", lambda: host.path(DEMO_WAITS).exists(), 90)
    host.run("podman", "kill", "shop")
    host.run("systemctl", "kill", "podman.service")
    wait_for("the end of podman's service", lambda: host.unit_state("podman.service") == "inactive")
    host.path(DEMO_GO).write_text("")
    assert lab.belay.wait(rollout) == Exit.HOSTS_FAILED
    (told,) = lab.belay.report(rollout)["hosts"]
    assert (told["state"], told["cause"]["code"]) == ("reverted", "container_gone"), told
    assert "podman.service was active and is not" in str(told), told
    assert host.dpkg("demo") == "ii 1.0" and container_runs(host)


def test_a_container_that_is_not_well_blocks(fleet: MakeFleet) -> None:
    """By its own health check; and when its engine can't tell."""
    needs("podman")
    lab = fleet(hosts=1)
    host = lab["h1"]
    with_container(host, "--health-cmd=false --health-interval=1s --health-retries=1")
    host.run("podman", "healthcheck", "run", "shop", check=False)
    lab.repository.publish("1.0", "demo=2.0")
    code, report = lab.belay.roll_out(plan("demo=2.0", **CONTAINER))
    assert code == Exit.HOSTS_FAILED and "container_not_healthy" in str(report["hosts"][0]), report["hosts"][0]

    host.write("/etc/containers/storage.conf", "[storage]\ndriver = 1\n")
    code, report = lab.belay.roll_out(plan("demo=2.0", **CONTAINER))
    assert code == Exit.HOSTS_FAILED and "containers_unknown" in str(report["hosts"][0]), report["hosts"][0]
    assert host.dpkg("demo") == "ii 1.0"


# ---- docker ----

DOCKER = """{"bridge": "none", "iptables": false, "ip6tables": false, "ip-forward": false, "ip-masq": false, "storage-driver": "vfs",
"userland-proxy": false, "runtimes": {"lab": {"path": "/usr/local/bin/crun-lab"}}, "default-runtime": "lab"}"""
CRUN = r"""#!/bin/bash
# As above: a host of the lab can give its containers no cgroups, limits, keyrings and networks of their own.
for word; do
    words+=("$word")
    [ "$word" != create ] || words+=(--no-new-keyring)
done
if [ -e config.json ]; then
    perl -0pi -e 's/"(?:resources|hooks)":(\{(?:[^{}]|(?1))*\}),?//g; s/"rlimits":\[[^]]*\],?//; s/"sysctl":\{[^}]*\},?//;
        s/\{"type":"network"[^}]*\},?//' config.json
fi
exec crun --cgroup-manager=disabled "${words[@]}"
"""
RUN_IN_DOCKER = """
set -e
chmod 755 /usr/local/bin/crun-lab
systemctl restart docker.service
mkdir -p /srv/root/bin
cp /bin/busybox /srv/root/bin/
ln -s busybox /srv/root/bin/sleep
tar -C /srv/root -c . | docker import - shop
docker run --detach --name shop --network=none --log-driver=none shop /bin/sleep 100000
"""


def runs_in_docker(host: Host) -> bool:
    return host.run("docker", "inspect", "shop", "--format", "{{.State.Running}}", check=False).out.strip() == "true"


def test_docker_itself_is_asked(fleet: MakeFleet) -> None:
    """As podman is, by its own daemon: a container that ended is started again on the way back, and a daemon that
    does not answer blocks."""
    needs("docker")
    lab = fleet(hosts=1)
    host = lab["h1"]
    extra.install(host, "docker")
    host.write("/usr/local/bin/crun-lab", CRUN)
    host.write("/etc/docker/daemon.json", DOCKER)
    host.shell(RUN_IN_DOCKER)
    assert runs_in_docker(host)
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", **CONTAINER))
    wait_for("the postinst", lambda: host.path(DEMO_WAITS).exists())
    host.run("docker", "kill", "shop")
    wait_for("the container's end", lambda: not runs_in_docker(host))
    host.path(DEMO_GO).write_text("")
    assert lab.belay.wait(rollout) == Exit.HOSTS_FAILED
    (told,) = lab.belay.report(rollout)["hosts"]
    assert (told["state"], told["cause"]["code"]) == ("reverted", "container_gone"), told
    assert host.dpkg("demo") == "ii 1.0" and runs_in_docker(host)

    host.shell("systemctl stop docker.socket docker.service")
    code, report = lab.belay.roll_out(plan("demo=2.7", **CONTAINER))
    assert code == Exit.HOSTS_FAILED and "containers_unknown" in str(report["hosts"][0]), report["hosts"][0]
