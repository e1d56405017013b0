# SPDX-License-Identifier: Apache-2.0
"""What a change breaks beside its packages is found, each by itself, and graded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from belaycli import Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_PORT, DEMO_WAITS
from harness.fleet import Fleet
from harness.host import Host

MakeFleet = Callable[..., Fleet]

ROUTE = "10.99.0.0/16"
NAME = "db.example.test"
# Answers each question for an address with one, and every other one without any.
NAME_SERVER = r"""#!/usr/bin/perl
use strict; use warnings; use IO::Socket::INET;
my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 53, Proto => 'udp') or die "bind: $!";
while (defined $socket->recv(my $query, 512)) {
    my ($id, $rest) = unpack('n x10 a*', $query);
    my ($question) = $rest =~ /^((?:[^\0].*?)?\0.{4})/s or next;
    my $wants_address = substr($question, -4, 2) eq "\0\1";
    my $answer = $wants_address ? pack('n n n N n C4', 0xc00c, 1, 1, 60, 4, 192, 0, 2, 7) : '';
    $socket->send(pack('n6', $id, 0x8180, 1, $wants_address ? 1 : 0, 0, 0) . $question . $answer);
}
"""


def roll_out(lab: Fleet, *breakage: str, **verify: Any) -> tuple[int, dict[str, Any], dict[str, dict[str, Any]]]:
    """Upgrade, and break h1 while the postinst runs; the exit code, the host's story, and VERIFY's findings by code."""
    h1 = lab["h1"]
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"], verify={"settle": "1s", **verify}))
    wait_for("the postinst", lambda: h1.exists(DEMO_WAITS))
    for line in breakage:
        h1.shell(line)
    h1.write(DEMO_GO, "")
    code, report = lab.belay.wait(rollout), lab.belay.report(rollout)
    (told,) = report["hosts"]
    found = {each["code"]: each for each in told["findings"] if each["step"] == "verify" and each["grade"]}
    text_report = lab.belay("report", rollout).out
    assert all(each in text_report for each in found)
    return code, told, found


def set_up_network(host: Host) -> None:
    host.run("ip", "route", "add", ROUTE, "dev", "eth0")
    host.write("/root/name-server", NAME_SERVER, 0o755)
    host.run("systemd-run", "--unit=name-server.service", "--slice=system.slice", "/root/name-server")
    host.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    wait_for("the name server", lambda: NAME in host.run("getent", "hosts", NAME, check=False).out)


def test_what_a_change_breaks_is_found_thing_by_thing(fleet: MakeFleet) -> None:
    """F20: a route, a mount and the resolver are gone after the change; each is a finding of its own."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.7")
    set_up_network(h1)
    h1.shell("mkdir -p /srv/data && mount -t tmpfs lab /srv/data")

    code, told, found = roll_out(
        lab,
        f"ip route del {ROUTE}",
        "umount /srv/data",
        "echo 'nameserver 127.0.0.9' >/etc/resolv.conf",
        names=[NAME],
    )
    assert code == Exit.ROLLBACK_INCOMPLETE, told
    assert set(found) == {"route_gone", "mount_gone", "resolver_changed", "resolver_silent", "name_unresolved"}
    assert ROUTE in found["route_gone"]["reason"]
    assert "/srv/data" in found["mount_gone"]["reason"]
    assert found["resolver_changed"]["grade"] == "minor"
    assert found["name_unresolved"]["grade"] == "functional"
    # The packages are back, but no package run brings routes and mounts back: the host says so.
    assert h1.dpkg("demo") == "ii 1.0"
    assert told["state"] == "revert_failed"
    proven = {each["code"] for each in told["findings"] if each["step"] == "prove"}
    assert "mount_gone" in proven


def test_what_still_runs_on_replaced_files_is_a_list_of_restarts(fleet: MakeFleet) -> None:
    """F23, F42: minor findings are recorded and shown, and the change stays."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.7")
    h1.shell("mkdir -p /usr/lib/keeper && cp /usr/bin/sleep /usr/lib/keeper/keeper")
    for unit in ("keeper.service", "victim.service"):
        h1.run("systemd-run", f"--unit={unit}", "-p", "Restart=always", "/usr/lib/keeper/keeper", "infinity")

    code, told, found = roll_out(
        lab,
        "cp /usr/lib/keeper/keeper /usr/lib/keeper/new && mv -f /usr/lib/keeper/new /usr/lib/keeper/keeper",
        "systemctl kill -s KILL victim.service",
    )
    assert code == Exit.DONE, told
    assert (told["state"], told["grade"]) == ("committed", "minor")
    assert set(found) == {"restart_needed", "unit_crashed"}, found
    assert "keeper.service (/usr/lib/keeper/keeper)" in found["restart_needed"]["reason"]
    assert "victim.service" in found["unit_crashed"]["reason"]
    assert "restart_needed" in h1.run("belay-rescue", "log").out


def test_a_plan_grades_otherwise(fleet: MakeFleet) -> None:
    """R21: what the plan ignores turns nothing back, and is in the report all the same."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.7")
    h1.shell("mkdir -p /srv/data && mount -t tmpfs lab /srv/data")

    code, told, found = roll_out(lab, "umount /srv/data", grades={"mount_gone": "ignore"})
    assert code == Exit.DONE, told
    assert (told["state"], told["grade"], found) == ("committed", "", {})
    assert any(each["code"] == "mount_gone" and "ignored" in each["reason"] for each in told["findings"])


def test_pages_and_addresses_of_the_plan(fleet: MakeFleet) -> None:
    """R19, R21: a page that answers wrongly turns the change back, though unit and port look right."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.0", "demo=2.9")
    page = f"http://127.0.0.1:{DEMO_PORT}/"
    verify = {"http": [{"url": page, "contains": "2.0"}], "tcp": [f"127.0.0.1:{DEMO_PORT}"], "settle": "1s"}
    code, good = lab.belay.roll_out(plan("demo=2.0", waves=["100%"], verify=verify))
    assert code == Exit.DONE, good
    answers = {each["code"]: each["reason"] for each in good["hosts"][0]["findings"]}
    assert answers == {"http_wrong": f"{page}: answers 200", "tcp_closed": f"127.0.0.1:{DEMO_PORT}: takes connections"}

    pages = [{"url": page, "within": "2s"}, {"url": f"http://{lab.ctl.address}/", "within": "1s"}]
    code, bad = lab.belay.roll_out(plan("demo=2.9", waves=["100%"], verify={"http": pages, "settle": "1s"}))
    assert code == Exit.HOSTS_FAILED, bad
    (told,) = bad["hosts"]
    assert (told["state"], told["cause"]["code"]) == ("reverted", "http_wrong")
    found = [each["reason"] for each in told["findings"] if each["code"] == "http_wrong"]
    assert found == [f"{page}: answers 500 instead of 200", f"http://{lab.ctl.address}/: is not this host"]
    assert h1.dpkg("demo") == "ii 2.0"


HOOK_DIR = "/etc/belay/hooks.d"
# Good in each second of its calls, and each call leaves a line.
FLAPS = "#!/bin/sh\necho x >>/run/flaps\n[ $(($(wc -l </run/flaps) % 2)) = 0 ] && echo fine || { echo 'the queue is full'; exit 1; }\n"
WAITS = "#!/bin/sh\n[ -e /run/asked ] && { echo ready; exit 0; }\ntouch /run/asked\necho 'the cache is cold'\nexit 21\n"


def findings_of(told: dict[str, Any]) -> dict[str, str]:
    return {each["code"]: each["reason"] for each in told["findings"] if each["step"] == "verify"}


def test_hooks_of_the_administrator_judge_the_new_state(fleet: MakeFleet) -> None:
    """R19: good, not yet, bad and broken are four things, and only the first lets the change stay."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.0", "demo=2.3")
    h1.write(f"{HOOK_DIR}/waits", WAITS, 0o755)
    h1.write(f"{HOOK_DIR}/says-no", "#!/bin/sh\necho looking\necho 'orders do not arrive'\nexit 1\n", 0o755)
    h1.write(f"{HOOK_DIR}/breaks", "#!/bin/sh\nno-such-command\n", 0o755)

    code, good = lab.belay.roll_out(plan("demo=2.0", waves=["100%"], verify={"hooks": ["waits"], "settle": "1s"}))
    assert code == Exit.DONE, good
    assert findings_of(good["hosts"][0]) == {"hook_says_bad": "hook waits: good: ready"}
    assert h1.exists("/run/asked")

    verify = {"hooks": ["waits", "says-no", "breaks"], "settle": "1s"}
    code, bad = lab.belay.roll_out(plan("demo=2.3", waves=["100%"], verify=verify))
    assert code == Exit.HOSTS_FAILED, bad
    (told,) = bad["hosts"]
    assert (told["state"], told["cause"]["code"]) == ("reverted", "hook_says_bad")
    found = findings_of(told)
    graded = [each["reason"] for each in told["findings"] if each["step"] == "verify" and each["grade"]]
    assert graded[0] == "hook says-no: orders do not arrive"
    assert found["hook_broken"].startswith("hook breaks is broken and tells nothing: exit status 127")
    assert h1.dpkg("demo") == "ii 2.0"


def test_so_many_of_so_many_samples_must_be_good(fleet: MakeFleet) -> None:
    """R19: what is right every second time passes as 2 of 5 and not as 4 of 5, and no sample is made in vain."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.0", "demo=2.9")
    h1.write(f"{HOOK_DIR}/flaps", FLAPS, 0o755)
    page = f"http://127.0.0.1:{DEMO_PORT}/"
    verify: dict[str, Any] = {"hooks": ["flaps"], "settle": "1s", "every": "1s", "units": ["demo.service"]}
    verify |= {"ports": [f"tcp/{DEMO_PORT}"], "http": [{"url": page, "within": "1s"}]}

    code, good = lab.belay.roll_out(plan("demo=2.0", waves=["100%"], verify=verify | {"samples": "2 of 5"}))
    assert code == Exit.DONE, good
    assert findings_of(good["hosts"][0]) == {
        "hook_says_bad": "hook flaps: the queue is full (2 of 4 good, 2 of 5 needed)",
        "http_wrong": f"{page}: answers 200 (2 of 2 good, 2 of 5 needed)",
    }
    # Four times after the change, and four times before the commit.
    assert len(h1.read("/run/flaps").splitlines()) == 8

    h1.write("/run/flaps", "")
    code, bad = lab.belay.roll_out(plan("demo=2.9", waves=["100%"], verify=verify | {"samples": "4 of 5"}))
    assert code == Exit.HOSTS_FAILED, bad
    (told,) = bad["hosts"]
    assert (told["state"], told["cause"]["code"]) == ("reverted", "http_wrong")
    found = findings_of(told)
    assert found["http_wrong"] == f"{page}: answers 500 instead of 200 (0 of 2 good, 4 of 5 needed)"
    assert found["hook_says_bad"] == "hook flaps: the queue is full (1 of 3 good, 4 of 5 needed)"
    assert "port_closed" not in found and "unit_not_up" not in found
    assert len(h1.read("/run/flaps").splitlines()) == 3


def test_what_units_and_files_log_since_the_change(fleet: MakeFleet) -> None:
    """R19: a line that must not come, one that must, and a file that is rotated between; what was there before is nothing."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    lab.repository.publish("1.0", "demo=2.0", "demo=2.7")
    log, unit = "/var/log/shop.log", {"unit": "demo.service", "good": "^Started "}
    h1.write(log, "deadlock of yesterday\nready\n", 0o600)

    quiet = [unit, {"file": log, "bad": "deadlock"}]
    code, good = lab.belay.roll_out(plan("demo=2.0", waves=["100%"], verify={"logs": quiet, "settle": "1s"}))
    assert code == Exit.DONE, good
    assert findings_of(good["hosts"][0]) == {"log_good_missing": "demo.service logged a line with '^Started '"}

    code, told, found = roll_out(
        lab,
        f"echo 'order 7: deadlock \x1b[31m' >>{log}; mv {log} {log}.1; echo 'order 8: fine' >{log}",
        "ln -s /etc/shadow /var/log/way",
        logs=[
            {"file": log, "bad": "deadlock", "good": "^ready", "within": "1s"},
            {"unit": "demo.service", "bad": "no such words"},
            {"file": "/var/log/way", "bad": "root"},
            {"file": "/var/log/none.log", "bad": "x"},
        ],
    )
    assert code == Exit.HOSTS_FAILED, told
    assert (told["state"], told["cause"]["code"]) == ("reverted", "log_bad")
    bad = found["log_bad"]["reason"]
    assert bad.startswith(f"{log} logged 1 line(s) with 'deadlock': order 7: deadlock "), bad
    assert "\x1b" not in bad and "x1b[31m" in bad
    assert found["log_good_missing"]["reason"] == f"{log} logged no line with '^ready' within 1 s"
    unreadable = [each["reason"] for each in told["findings"] if each["code"] == "log_unreadable"]
    assert len(unreadable) == 2 and "way" in unreadable[0], unreadable
    assert unreadable[1] == "/var/log/none.log: there is no such file"


def test_kernel_messages_that_the_plan_ignores(fleet: MakeFleet) -> None:
    """R20: one noisy driver is recorded and turns nothing back; all others still do."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    h1.open_kernel_log()
    lab.repository.publish("1.0", "demo=2.0", "demo=2.10")
    known = {"kernel_ignore": ["^BUG: unable to handle page fault for address: [0-9a-f]+$"], "settle": "1s"}
    code, good = lab.belay.roll_out(plan("demo=2.10", waves=["100%"], verify=known))
    assert code == Exit.DONE, good
    told = findings_of(good["hosts"][0])
    assert told["kernel_error"].startswith("1 kernel message(s) that the plan ignores, the first: BUG: unable"), told
    assert not [each for each in good["hosts"][0]["findings"] if each["grade"]]
