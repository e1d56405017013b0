#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""belay as a person and as a script meet it: what it prints where, and how it ends. BELAY names the program."""

import base64
import datetime
import fcntl
import hashlib
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from fake_belayd import HANG_UP, FakeBelayd  # noqa: E402

BELAY = os.environ["BELAY"]
ROLLOUT = "0123456789abcdef"
PLAN = """plan: demo
risk: low
hosts: { match: { role: web } }
change: { packages: [ demo=2.0 ] }
waves: [ 1, rest ]
failures_allowed: 10%
"""


def host_id(letter):
    return f"{ord(letter):02x}" * 32


def good(**fields):
    return {"ok": True, **fields}


def host(name, **fields):
    return {"id": host_id(name[-1]), "name": name, "state": "enrolled", "labels": {"role": "web"}, "connected": True,
            "held": None, "os_id": "debian", "os_version": "12", "agent_version": "0.1.0", **fields}


def change(name, before, after, action="upgrade"):
    return {"name": name, "arch": "amd64", "from": before, "to": after, "action": action}


def upgrade(name, before="1.0"):
    return {"id": host_id(name[-1]), "name": name, "result": "ok", "code": "", "reason": "",
            "changes": [change("demo", before, "2.0")], "notes": []}


def status(state="running", hosts=(), **fields):
    document = good(rollout=ROLLOUT, plan="demo", risk="low", state=state, final=False, paused=False, holds=[], code="c",
                    reason="because", next="", exit_code=None, created="2026-11-21T06:40:00.000Z", ended=None, wave=1,
                    soak_end=None, counts={}, hosts_count=2, failed_count=0, failures_allowed=0,
                    waves=[{"wave": 1, "hosts_count": 2, "failures_allowed": 0, "failed_count": 0, "state": "running"}],
                    hosts=list(hosts))
    document.update(fields)
    return document


def in_rollout(name, state, **fields):
    return {"id": host_id(name[-1]), "name": name, "wave": 1, "state": state, "job_state": "", "step": "", "grade": "",
            "code": "", "reason": "", "failed": False, "connected": True, "deadline": None, "changed_at": None, **fields}


def ended(state, exit_code):
    return status(state, final=True, exit_code=exit_code, end=True, ended="2026-11-21T06:41:30.500Z")


class Desk(unittest.TestCase):
    """A fresh home, a fresh controller."""

    def setUp(self):
        self._directory = tempfile.TemporaryDirectory(prefix="belay-cli-")
        self.addCleanup(self._directory.cleanup)
        self.home = pathlib.Path(self._directory.name)
        self.daemon = FakeBelayd(str(self.home / "sock"))
        self.addCleanup(self.daemon.close)
        self.env = {**{key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")},
                    "BELAY_HOME": str(self.home / "desk"), "BELAY_PASSPHRASE": "secret",
                    "BELAY_SOCKET": self.daemon.path, "PATH": "/usr/bin:/bin", "TERM": "xterm"}

    def run_belay(self, *arguments, **options):
        return subprocess.run([BELAY, *arguments], env={**self.env, **options.pop("env", {})}, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False, **options)

    def expect(self, code, *arguments, **options):
        done = self.run_belay(*arguments, **options)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
        return done

    def write_plan(self, text=PLAN):
        path = self.home / "plan.yaml"
        path.write_text(text)
        return str(path)

    def set_up_trust(self):
        self.daemon.answer("trust.set", good(version=1, anchor=""))
        self.expect(0, "keys", "new", "alice", "--role", "operator", "--kdf", "interactive")
        return self.expect(0, "keys", "trust", "--kdf", "interactive")

    def set_up_fleet(self, *answers, **fields):
        self.daemon.answer("hosts.list", good(hosts=[host(answer["name"], **fields) for answer in answers]))
        self.daemon.answer("query", *[good(host=answer) for answer in answers], good(end=True))
        self.daemon.answer("deny.list", good(denied=[]))
        self.daemon.answer("durations", good(steps={}, stage=None, change=None))
        self.daemon.answer("info", good(freeze=None))


class Usage(Desk):
    def test_names_what_was_meant(self):
        self.assertIn("did you mean 'status'?", self.expect(2, "statsu").stderr)
        self.assertIn("did you mean '--watch'?", self.expect(2, "run", "--wacth", "x").stderr)
        self.assertIn("belay hosts label", self.expect(2, "hosts").stderr)
        self.assertIn("an argument is missing", self.expect(2, "check").stderr)
        self.assertIn("one argument too many", self.expect(2, "check", "a", "b").stderr)
        self.assertIn("needs a value", self.expect(2, "keys", "new", "x", "--role").stderr)
        self.assertIn("exclude each other", self.expect(2, "rollback", "--host", "a", "--wave", "1").stderr)

    def test_helps_on_every_command(self):
        overview = self.expect(0, "--help").stdout
        names = [line[2:17].strip() for line in overview.splitlines() if line.startswith("  ")]
        self.assertGreater(len(names), 25)
        for name in names:
            self.assertIn(f"usage: belay {name}", self.expect(0, *name.split(), "--help").stdout)

    def test_helps_on_a_group(self):
        self.assertIn("belay hosts label", self.expect(0, "hosts", "--help").stdout)

    def test_tells_what_an_ambiguous_name_may_mean(self):
        self.daemon.answer("hosts.show", {"ok": False, "code": "ambiguous", "error": "'web' may mean several: name one",
                                          "next": "", "candidates": ["web-a (6161)", "web-b (6262)"]})
        self.assertEqual(self.expect(1, "hosts", "show", "web").stderr,
                         "belay: 'web' may mean several: name one\nnext: one of: web-a (6161), web-b (6262)\n")

    def test_escapes_a_refusal_once(self):
        self.daemon.answer("pause", {"ok": False, "code": "x", "error": "a\x1b[2J", "next": "b\x07"})
        self.assertEqual(self.expect(1, "pause").stderr, "belay: a\\x1b[2J\nnext: b\\x07\n")

    def test_names_no_other_controller_than_the_one_that_was_meant(self):
        missing = str(self.home / "typo.yaml")
        del self.env["BELAY_SOCKET"]
        self.assertIn(f"no configuration '{missing}'", self.expect(1, "rollback", "--config", missing).stderr)
        self.daemon.answer("enroll.key", good(key="ab"))
        self.expect(0, "enroll", "key", "--config", missing, "--socket", self.daemon.path)

    def test_says_who_may_use_the_socket(self):
        if os.getuid() != 0:
            self.skipTest("only root can become somebody else")
        os.chmod(self.daemon.path, 0o600)
        os.chmod(self.home, 0o711)
        done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", BELAY, "hosts", "list"],
                              env=self.env, text=True, timeout=60, capture_output=True, check=False)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn("the group 'belay'", done.stderr)

    def test_tells_an_unreachable_controller_apart(self):
        done = self.expect(7, "hosts", "list", "--socket", str(self.home / "nowhere"))
        self.assertIn("cannot reach the controller", done.stderr)

    def test_shows_a_refusal_and_what_to_do(self):
        self.daemon.answer("pause", {"ok": False, "code": "final", "error": "it is over", "next": "belay report"})
        done = self.expect(1, "pause")
        self.assertEqual(done.stderr, "belay: it is over\nnext: belay report\n")

    def test_finds_the_socket_in_the_configuration(self):
        config = self.home / "c.yaml"
        config.write_text(f"listen: 'tcp://127.0.0.1:7399'\ncontrol_socket: '{self.daemon.path}'\n")
        self.daemon.answer("enroll.key", good(key="ab"))
        del self.env["BELAY_SOCKET"]
        self.assertEqual(self.expect(0, "enroll", "key", "--config", str(config)).stdout, "ab\n")


    def test_names_the_option_whose_value_is_wrong(self):
        for arguments, option in ((["ping", "--timeout", "0s"], "timeout"), (["ping", "--timeout", "2h"], "timeout"),
                                  (["ping", "--timeout", "5"], "timeout"), (["rollouts", "--limit", "x"], "limit"),
                                  (["audit", "log", "--limit", "0"], "limit"), (["rollback", "--wave", "0"], "wave"),
                                  (["enroll", "token", "--uses", "0"], "uses"),
                                  (["enroll", "token", "--expires", "100d"], "expires")):
            self.assertIn(f"--{option}", self.expect(2, *arguments).stderr)
        self.assertEqual(self.daemon.requests, [])


class Check(Desk):
    def test_names_every_mistake_with_its_line(self):
        path = self.write_plan(PLAN + "wavs: 1\nsoak: 3\n")
        done = self.expect(1, "check", path)
        self.assertIn(f"{path}:7: field 'wavs': there is no such field; did you mean 'waves'?\n", done.stderr)
        self.assertIn(f"{path}:8: field 'soak': '3' has no unit: write 3s, 3m or 3h\n", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_tells_the_same_as_json(self):
        problems = json.loads(self.expect(1, "check", self.write_plan(PLAN + "wavs: 1\n"), "--json").stdout)["problems"]
        self.assertEqual(problems, [{"line": 7, "field": "wavs", "problem": "there is no such field",
                                     "suggestion": "waves"}])

    def test_shows_what_nobody_wrote_and_what_rounds_to_none(self):
        done = self.expect(0, "check", self.write_plan())
        self.assertRegex(done.stdout, r"soak +5m +\(from risk low\)")
        self.assertIn("failures_allowed rounds to 0 in wave 1 of 1 host", done.stdout)

    def test_says_which_findings_are_taken_lightly(self):
        plan = self.write_plan(PLAN + "verify: { grades: { kernel_broken: ignore, unit_idle: severe } }\n")
        done = self.expect(0, "check", plan)
        self.assertIn("verify.grades: kernel_broken: ignore instead of severe", done.stdout)
        self.assertNotIn("unit_idle", done.stdout)
        told = json.loads(self.expect(0, "check", plan, "--json").stdout)
        self.assertEqual(told["taken_lightly"], [{"code": "kernel_broken", "grade": "ignore", "default": "severe"}])

    def test_tells_what_is_weaker_than_the_grade_with_line_and_remedy(self):
        plan = self.write_plan(PLAN.replace("risk: low", "risk: high") + "soak: 10m\n")
        done = self.expect(0, "check", plan)
        self.assertIn(f"{plan}:7: soak: 10m; risk high has at least 1h\n", done.stdout)
        self.assertIn("'belay run PLAN --request FILE'", done.stdout)
        weaker = json.loads(self.expect(0, "check", plan, "--json").stdout)["weaker"]
        self.assertIn({"line": 7, "field": "soak", "value": "10m", "grade": "at least 1h", "from_hosts": 1}, weaker)

    def test_needs_no_controller(self):
        self.expect(0, "check", self.write_plan(), "--socket", "/nonexistent")
        self.expect(1, "check", "/nonexistent")


    def test_notes_an_excluded_host_that_no_list_names(self):
        plan = PLAN.replace("match: { role: web }", "list: [ web-a, web-b ], exclude: [ web-b, wbe-a ]")
        done = self.expect(0, "check", self.write_plan(plan))
        self.assertIn("'wbe-a' of hosts.exclude is not in hosts.list", done.stdout)
        self.assertNotIn("'web-b'", done.stdout)


class Keys(Desk):
    def test_trust_goes_to_the_controller_and_rises_only_with_changes(self):
        self.set_up_trust()
        again = self.expect(0, "keys", "trust")
        self.assertIn("version 1,", again.stdout)
        self.expect(0, "keys", "new", "carol", "--role", "commander", "--kdf", "interactive")
        self.assertIn("version 2,", self.expect(0, "keys", "trust").stdout)
        sent = [base64.b64decode(request["trust"]) for request in self.daemon.seen("trust.set")]
        self.assertEqual(sent[0], sent[1])
        self.assertEqual(sent[2], (self.home / "desk/trust").read_bytes())

    def test_says_so_when_the_controller_is_away(self):
        self.expect(0, "keys", "new", "alice", "--role", "operator", "--kdf", "interactive")
        done = self.expect(7, "keys", "trust", "--kdf", "interactive", "--socket", "/nonexistent")
        self.assertIn("'belay keys trust' again hands it over", done.stderr)

    def test_takes_the_passphrase_from_a_file_first(self):
        secret = self.home / "passphrase"
        secret.write_text("from the file\nnot this line\n")
        secret.chmod(0o600)
        self.expect(0, "keys", "new", "alice", "--role", "operator", "--kdf", "interactive", "--passphrase-file",
                    str(secret))
        self.set_up_fleet(upgrade("web-a"))
        self.daemon.answer("submit", good(rollout=ROLLOUT))
        path = self.write_plan()
        self.assertIn("the passphrase is wrong", self.expect(1, "run", path, "--yes").stderr)
        self.expect(0, "run", path, "--yes", env={"BELAY_PASSPHRASE": "from the file"})

    def test_imports_a_colleague_and_never_replaces_him(self):
        self.expect(0, "keys", "new", "bob", "--role", "operator", "--kdf", "interactive")
        public = self.home / "bob.pub"
        (self.home / "desk/keys/bob.pub").rename(public)
        (self.home / "desk/keys/bob.key").unlink()
        imported = json.loads(self.expect(0, "keys", "import", str(public), "--json").stdout)
        self.assertEqual((imported["name"], imported["role"]), ("bob", "operator"))
        self.assertIn("already", self.expect(1, "keys", "new", "bob", "--role", "commander", "--kdf",
                                             "interactive").stderr)
        self.assertEqual(json.loads((self.home / "desk/keys/bob.pub").read_text())["public"], imported["public"])

    def test_asks_on_the_terminal_without_echo(self):
        output = self.type_at_terminal(["keys", "new", "alice", "--role", "operator", "--kdf", "interactive"],
                                       ["hush hush\n", "hush hush\n"], 0)
        self.assertNotIn("hush", output)
        self.assertIn("alice.key", output)

    def test_wants_the_same_passphrase_twice(self):
        output = self.type_at_terminal(["keys", "new", "alice", "--role", "operator"], ["one\n", "two\n"], 1)
        self.assertIn("the two passphrases differ", output)

    def test_gives_the_echo_back_when_interrupted(self):
        environment = {key: value for key, value in self.env.items() if key != "BELAY_PASSPHRASE"}
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(BELAY, [BELAY, "keys", "new", "alice", "--role", "operator"], environment)
        output = ""
        while not output.endswith(": ") and select.select([fd], [], [], 60)[0]:
            output += os.read(fd, 4096).decode()
        self.assertEqual(termios.tcgetattr(fd)[3] & termios.ECHO, 0)
        os.write(fd, b"half\x03")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), -signal.SIGINT)
        self.assertNotEqual(termios.tcgetattr(fd)[3] & termios.ECHO, 0)
        os.close(fd)

    def type_at_terminal(self, arguments, lines, code):
        """Answers each prompt (it ends in ': ') with the next line."""
        environment = {key: value for key, value in self.env.items() if key != "BELAY_PASSPHRASE"}
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(BELAY, [BELAY, *arguments], environment)
        output = ""
        while select.select([fd], [], [], 60)[0]:
            try:
                piece = os.read(fd, 4096).decode()
            except OSError:
                break
            output += piece
            if output.endswith(": ") and lines:
                os.write(fd, lines.pop(0).encode())
        os.close(fd)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), code, output)
        return output


class Enrol(Desk):
    def test_prints_the_token_alone(self):
        anchor = self.set_up_trust().stdout.split("anchor ")[1].split()[0]
        secret = "00112233445566778899aabbccddeeff"
        self.daemon.answer("enroll.token", good(secret=secret, expires="x", uses=3, anchor=anchor))
        done = self.expect(0, "enroll", "token", "--uses", "3", "--expires", "30m", "--label", "role=web")
        token = done.stdout.strip()
        self.assertTrue(token.startswith("belay1."))
        whole = base64.urlsafe_b64decode(token[len("belay1."):] + "=")
        self.assertEqual(whole.hex(), secret + anchor[:32])
        self.assertEqual(self.daemon.seen("enroll.token"), [{"verb": "enroll.token", "labels": {"role": "web"},
                                                             "uses": 3, "expires_ms": 1800000}])

    def test_refuses_without_a_trust_file(self):
        self.assertIn("belay keys trust", self.expect(1, "enroll", "token").stderr)
        self.assertEqual(self.daemon.requests, [])

    def test_refuses_when_the_controller_has_another_trust_file(self):
        self.set_up_trust()
        self.daemon.answer("enroll.token", good(secret="00" * 16, expires="x", uses=1, anchor="00" * 32))
        done = self.expect(1, "enroll", "token")
        self.assertEqual(done.stdout, "")
        self.assertIn("another trust file", done.stderr)


class Elsewhere(Desk):
    """A controller on another machine: what its administrator types, and what the desk keeps."""

    KEY = "ab" * 32

    def desk(self, **fields):
        return {"name": "laptop", "key": self.KEY, "state": "admitted", "admitted": "2026-11-21T06:40:00.000Z", "uid": 0,
                "revoked": None, "last_seen": None, "connections_count": 0, **fields}

    def test_a_new_desk_has_a_key_that_only_its_owner_reads(self):
        made = self.expect(0, "desk", "new", "shop", "--address", "tcp://ctl:7314", "--controller-key", self.KEY, "--json")
        place = json.loads(made.stdout)
        self.assertIn(f"belay desk admit YOURNAME {place['key']}", made.stderr)
        key_file = pathlib.Path(place["file"]).with_suffix(".key")
        self.assertEqual(key_file.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(key_file.read_text().strip(), made.stdout + made.stderr)
        self.assertEqual(json.loads(self.expect(0, "desk", "show", "--json").stdout), {"controllers": [place]})
        again = self.expect(1, "desk", "new", "shop", "--address", "tcp://other:7314", "--controller-key", self.KEY)
        self.assertIn("is there already", again.stderr)
        key_file.chmod(0o640)
        self.assertIn("may be read by others", self.expect(1, "--desk", "shop", "status").stderr)

    def test_what_is_no_address_or_key_is_refused(self):
        for address, key in (("ctl:7314", self.KEY), ("tcp://ctl", self.KEY), ("tcp://ctl:0", self.KEY), ("tcp://c:1", "ab")):
            self.expect(2, "desk", "new", "shop", "--address", address, "--controller-key", key)
        self.assertIn("knows no controller 'shop'", self.expect(1, "--desk", "shop", "status").stderr)

    def test_a_controller_elsewhere_that_is_away_ends_with_7(self):
        self.expect(0, "desk", "new", "shop", "--address", "tcp://127.0.0.1:9", "--controller-key", self.KEY)
        away = self.expect(7, "--desk", "shop", "status")
        self.assertIn("cannot reach the controller at 'tcp://127.0.0.1:9'", away.stderr)
        self.assertIn("admin.listen", away.stderr)

    def test_some_commands_work_on_the_controller_only(self):
        for words in (["backup", "all"], ["restore", "all"], ["init", "--listen", "tcp://*:7311"]):
            self.assertIn("works on the controller itself", self.expect(2, "--desk", "shop", *words).stderr)
        self.assertIn("--socket for one here", self.expect(2, "--desk", "a", "--socket", "/b", "status").stderr)

    def test_admits_and_revokes(self):
        self.daemon.answer("desk.admit", good(desk=self.desk(), listen=None))
        admitted = self.expect(0, "desk", "admit", "laptop", self.KEY)
        self.assertRegex(admitted.stdout, r"desk +laptop\nstate +admitted")
        self.assertIn("admin: {listen:", admitted.stderr)
        self.daemon.answer("desk.revoke", good(desk=self.desk(state="revoked"), listen="tcp://*:7314"))
        self.assertRegex(self.expect(0, "desk", "revoke", "laptop").stdout, "state +revoked")
        self.assertEqual([(request["verb"], request.get("name"), request.get("desk")) for request in self.daemon.requests],
                         [("desk.admit", "laptop", None), ("desk.revoke", None, "laptop")])
        self.daemon.answer("desk.list", good(desks=[self.desk(connections_count=2)], listen="tcp://*:7314"))
        self.assertRegex(self.expect(0, "desk", "list").stdout, rf"laptop +admitted +2 +- +{self.KEY}")


class Hosts(Desk):
    def test_lists(self):
        self.daemon.answer("hosts.list", good(hosts=[host("web-a"), host("web-b", connected=False),
                                                     host("web-c", held="clone")]))
        lines = self.expect(0, "hosts", "list", "--match", "role=web").stdout.splitlines()
        self.assertRegex(lines[1], r"^web-a +6161\w+ +connected +debian 12 +0.1.0 +role=web$")
        self.assertRegex(lines[2], r" absent ")
        self.assertRegex(lines[3], r" clone ")
        self.assertEqual(self.daemon.requests[0]["match"], "role=web")
        self.expect(0, "hosts", "list", "--match", "role=web or role=db", "--match", "os_version<12")
        self.assertEqual(self.daemon.requests[1]["match"], "(role=web or role=db), (os_version<12)")
        self.assertIn("--match: column 10: expected ',' or 'or'",
                      self.expect(2, "hosts", "list", "--match", "role=web env=prod").stderr)
        listed = json.loads(self.expect(0, "hosts", "list", "--json").stdout)
        self.assertEqual([h["name"] for h in listed["hosts"]], ["web-a", "web-b", "web-c"])
        self.assertNotIn("ok", listed)

    def test_no_foreign_byte_reaches_the_terminal(self):
        evil = "web\x1b[2J\x07\u202edlrow\nfake line"
        self.daemon.answer("hosts.list", good(hosts=[{**host("web-a"), "name": evil, "os_id": evil}]))
        self.daemon.answer("hosts.show", good(host={**host("web-a"), "name": evil, "kernel": evil}))
        self.daemon.answer("status", status(hosts=[in_rollout("web-a", "running", reason=evil)], reason=evil))
        self.daemon.answer("why", good(kind="host", name=evil, state=evil, code=evil, reason=evil, next=evil,
                                       rule=evil, moves=evil, deadline=evil, facts=[[evil, evil]],
                                       findings=[{"step": evil, "grade": evil, "code": evil, "reason": evil}]))
        self.daemon.answer("overview", good(rollouts=[{"rollout": evil, "plan": evil, "state": evil, "risk": evil,
                                                       "waits": True, "reason": evil, "next": evil}]))
        self.daemon.answer("pause", {"ok": False, "code": "x", "error": evil, "next": evil})
        for arguments in (["hosts", "list"], ["hosts", "show", "x"], ["status"], ["status", "x"], ["why"],
                          ["pause"], ["hosts", "list", "--json"], ["status", "--json"], ["why", "--json"]):
            done = self.run_belay(*arguments)
            shown = done.stdout + done.stderr
            self.assertIn("web", shown)
            for byte in ("\x1b", "\x07", "\u202e", "\nfake"):
                self.assertNotIn(byte, shown, arguments)

    def test_labels(self):
        self.daemon.answer("hosts.label", good(host=host("web-a")))
        self.expect(0, "hosts", "label", "web-a", "role=db", "zone-")
        self.assertEqual(self.daemon.requests, [{"verb": "hosts.label", "host": "web-a", "set": {"role": "db"},
                                                 "unset": ["zone"]}])
        self.expect(2, "hosts", "label", "web-a", "role")

    def test_ping_of_nobody_is_no_success(self):
        self.daemon.answer("ping", good(end=True, hosts_count=0, answered_count=0, elapsed_ms=0))
        self.assertIn("no enrolled host was meant", self.expect(1, "ping", "--match", "role=wbe").stderr)

    def test_ping_ends_badly_when_one_is_silent(self):
        answered = {"name": "web-a", "answered": True, "rtt_ms": 1.25, "clock_offset_ms": -3, "agent_version": "0.1.0"}
        silent = {"name": "web-b", "answered": False, "code": "absent", "reason": "not connected"}
        self.daemon.answer("ping", good(host=answered), good(host=silent),
                           good(end=True, hosts_count=2, answered_count=1, elapsed_ms=7))
        lines = self.expect(3, "ping").stdout.splitlines()
        self.assertRegex(lines[1], r"^web-b .*not connected$")
        self.assertRegex(lines[2], r"^web-a +1.2 ms +-3 ms +0.1.0$")
        self.assertEqual(lines[3], "1 of 2 hosts answered within 7 ms")
        self.assertEqual(len(json.loads(self.expect(3, "ping", "--json").stdout)["hosts"]), 2)


class Run(Desk):
    def test_previews_by_transaction_and_wave(self):
        current = {**upgrade("web-d"), "changes": []}
        self.set_up_fleet(upgrade("web-a"), upgrade("web-b"), upgrade("web-c", "0.9"), current)
        text = self.expect(0, "preview", self.write_plan()).stdout
        self.assertIn("3 hosts to change, 1 current, 0 in the way", text)
        self.assertRegex(text, r"\n  ~ demo:amd64  1.0 → 2.0\n")
        self.assertRegex(text, r"\n  ~ demo:amd64  0.9 → 2.0\n")
        self.assertIn("\ntotal: 3 hosts in 2 waves: 1 package upgraded; 1 current, 0 in the way\n", text)
        self.assertRegex(text, r"wave 1: 1 host, 0 may fail \(the share rounds to none\): web-[abc]\n")
        self.assertRegex(text, r"wave 2: 2 hosts, 0 may fail")
        self.assertIn("\n          going on touches 2 hosts, 50 % of role=web; at worst 0 failures allowed\n", text)
        waves = json.loads(self.expect(0, "preview", self.write_plan(), "--json").stdout)["waves"]
        self.assertEqual([wave["blast"]["hosts_count"] for wave in waves], [1, 2])
        self.assertIn("left out: web-d", text)
        query = self.daemon.seen("query")[0]
        self.assertEqual(query["packages"], [{"name": "demo", "version": "2.0"}])
        self.assertEqual(sorted(query["hosts"]), [host_id(letter) for letter in "abcd"])
        self.assertEqual((query["package_set"], query["excludes"], query["deny_new"]), ("named", [], False))

    def test_shows_changes_like_a_diff(self):
        changes = [change("lib", "1.0", "2.0"), change("new", "", "1.5", "install"),
                   change("old", "3.0", "", "remove"), change("safe", "2.0", "1.9", "downgrade")]
        self.set_up_fleet({**upgrade("web-a"), "changes": changes})
        text = self.expect(0, "preview", self.write_plan()).stdout
        self.assertIn("\n  ~ lib:amd64   1.0 → 2.0\n  + new:amd64   1.5\n  - old:amd64   3.0\n"
                      "  ~ safe:amd64  2.0 → 1.9  downgrade\n", text)
        self.assertIn("1 package upgraded, 1 new, 1 removed, 1 downgraded; ", text)
        self.assertNotIn("\033", text)

    def test_says_when_there_is_nothing_to_do(self):
        self.set_up_fleet({**upgrade("web-a"), "changes": []})
        self.assertIn("nothing to do", self.expect(0, "preview", self.write_plan()).stderr)

    def test_a_denied_version_stands_in_the_way(self):
        self.set_up_trust()
        self.set_up_fleet(upgrade("web-a"))
        row = {"package": "demo", "version": "2.0", "rollout": ROLLOUT, "cause": "web-9 went back: down", "since": "x", "uid": -1}
        self.daemon._answers["deny.list"] = [[good(denied=[row])]]
        for command in (["preview"], ["run", "--yes"]):
            done = self.expect(1, *command, self.write_plan())
            self.assertRegex(done.stdout + done.stderr, rf"web-a +denied +demo=2.0 is denied since rollout {ROLLOUT}: "
                             "web-9 went back: down: 'belay deny lift demo=2.0' lets it be installed again")
        self.assertEqual(self.daemon.seen("submit"), [])
        self.daemon._answers["deny.list"] = [[good(denied=[{**row, "version": "2.1"}])]]
        self.expect(0, "preview", self.write_plan())

    def test_runs_no_more_than_was_previewed(self):
        self.set_up_trust()
        self.daemon.answer("submit", good(rollout=ROLLOUT))
        saved = str(self.home / "digest")
        plan = self.write_plan()

        def fleet(*answers):
            self.daemon._answers.clear()
            self.daemon.answer("submit", good(rollout=ROLLOUT))
            self.set_up_fleet(*answers)

        def refused(*expected):
            done = self.expect(1, "run", plan, "--yes", "--as-previewed", saved)
            for line in expected:
                self.assertIn(f"beyond the preview: {line}\n", done.stderr)
            self.assertEqual(done.stderr.count("beyond the preview"), len(expected))
            self.assertEqual(self.daemon.seen("submit"), before)

        before = []
        fleet(upgrade("web-a"), upgrade("web-b"))
        self.assertIn("--as-previewed", self.expect(0, "preview", plan, "--save", saved).stderr)
        fleet(upgrade("web-a"), upgrade("web-b"), upgrade("web-c"))
        refused("a host that was not previewed: web-c")
        newer = {**upgrade("web-b"), "changes": [change("demo", "1.0", "2.1"), change("extra", "1", "2")]}
        fleet(upgrade("web-a"), newer)
        refused("demo:amd64 2.1 (upgrade), previewed was 2.0 (upgrade): web-b",
                "extra:amd64 2 was not previewed: web-b")
        fleet(upgrade("web-a"))
        with open(plan, "a", encoding="utf-8") as file:
            file.write("# another\n")
        refused("the plan is another text than the one previewed")
        plan = self.write_plan()
        done = self.expect(0, "run", plan, "--yes", "--as-previewed", saved)  # fewer hosts are fine
        self.assertEqual(len(self.daemon.seen("submit")), 1)
        self.assertEqual(done.stdout.strip(), json.loads(pathlib.Path(saved).read_text())["rollout"])
        self.assertIn("is no file of", self.expect(1, "run", plan, "--yes", "--as-previewed", plan).stderr)

    def test_runs_hosts_in_the_waves_that_were_previewed(self):
        self.set_up_trust()
        saved = self.home / "digest"
        plan = self.write_plan()
        self.set_up_fleet(*(upgrade(f"web-{letter}") for letter in "abcdef"))
        self.daemon.answer("submit", good(rollout=ROLLOUT))
        self.expect(0, "preview", plan, "--save", str(saved))
        digest = json.loads(saved.read_text())
        waves = {host["id"]: host["wave"] for host in digest["hosts"]}
        self.assertEqual(sorted(set(waves.values())), [1, 2])
        later = json.loads(json.dumps(digest))
        first = next(host for host in later["hosts"] if host["wave"] == 1)
        first["wave"] = 2
        saved.write_text(json.dumps(later))
        refused = self.expect(1, "run", plan, "--yes", "--as-previewed", str(saved)).stderr
        self.assertIn(f"beyond the preview: wave 1, previewed was wave 2: {first['name']}\n", refused)
        self.assertEqual(self.daemon.seen("submit"), [])
        saved.write_text(json.dumps(digest))
        self.expect(0, "run", plan, "--yes", "--as-previewed", str(saved))
        self.assertEqual({host["id"]: host["wave"] for host in self.daemon.seen("submit")[0]["hosts"]}, waves)

    def signed_request(self, *answers, plan=PLAN, **fields):
        """What a person has signed at this desk, and its rollout."""
        self.set_up_fleet(*answers, **fields)
        path = self.home / "signed-before"
        self.expect(0, "run", self.write_plan(plan), "--yes", "--key", "alice", "--request", str(path))
        rollout = json.loads(self.expect(0, "--json", "sign", str(path), "--yes", "--key", "bob").stdout)["rollout"]
        for verb in ("hosts.list", "query", "deny.list", "durations", "info"):
            self.daemon._answers.pop(verb)
        return rollout, json.loads(path.read_text())["request"]

    def test_retries_only_the_hosts_that_failed(self):
        self.set_up_trust()
        self.expect(0, "keys", "new", "bob", "--role", "commander", "--kdf", "interactive")
        rollout, request = self.signed_request(upgrade("web-a"), upgrade("web-b"))
        states = {"a": "committed", "b": "blocked", "c": "cancelled", "d": "lost"}
        hosts = [{"id": host_id(letter), "name": f"web-{letter}", "state": state, "reason": f"because {state}"}
                 for letter, state in states.items()]
        self.daemon.answer("status", status("running", hosts, rollout=rollout))
        self.daemon.answer("status", status("complete", hosts[:1], final=True, rollout=rollout))
        self.daemon.answer("status", status("halted", hosts, final=True, rollout=rollout))
        self.daemon.answer("plan", good(rollout=rollout, plan="demo", plan_text=PLAN))
        self.daemon.answer("manifest", good(rollout=rollout, **{k: request[k] for k in ("manifest", "policy", "signatures")}))
        self.set_up_fleet(upgrade("web-b"), upgrade("web-d"))
        self.daemon.answer("submit", good(rollout=ROLLOUT, hosts_count=2))
        self.assertIn("is running", self.expect(1, "retry", rollout, "--yes").stderr)
        done = self.expect(0, "retry", rollout, "--yes")
        self.assertEqual((done.stdout, self.daemon.seen("submit")), ("", []))
        done = self.expect(0, "retry", "--yes", "--key", "alice")
        self.assertRegex(done.stderr, r"web-b +blocked +because blocked\n +web-d +lost +because lost\n")
        self.assertNotIn("web-c", done.stderr)
        self.assertEqual(self.daemon.seen("status")[-1]["rollout"], "latest")
        self.assertEqual(self.daemon.seen("hosts.list")[-2:-1],
                         [{"verb": "hosts.list", "hosts": [host_id("b"), host_id("d")]}])
        submitted = self.daemon.seen("submit")[0]
        self.assertEqual((submitted["retry_of"], submitted["plan_text"]), (rollout, PLAN))

    def test_a_retry_counts_whom_the_plan_means_for_its_spread(self):
        """Two of a zone are done again at once: only those serve meanwhile that the plan means, or that it upgraded before."""
        self.set_up_trust()
        self.expect(0, "keys", "new", "bob", "--role", "commander", "--kdf", "interactive")
        plan = PLAN.replace("[ 1, rest ]", "[ 2, rest ]") + "spread: zone\n"
        labels = {"role": "web", "zone": "a"}
        fleet = [host(f"web-{letter}", labels=labels) for letter in "abcde"]
        rollout, request = self.signed_request(*(upgrade(f"web-{letter}") for letter in "abcde"), plan=plan, labels=labels)
        signed = {key: request[key] for key in ("manifest", "policy", "signatures")}
        failed = fleet[1:3]

        def retry(expected, meant, others=()):
            hosts = [{"id": each["id"], "name": each["name"], "state": state, "reason": ""}
                     for state, some in (("lost", failed), ("committed", others)) for each in some]
            self.set_up_fleet(*(upgrade(each["name"]) for each in failed))
            self.daemon._answers.update({
                "status": [[status("halted", hosts, final=True, rollout=rollout)]],
                "plan": [[good(rollout=rollout, plan="demo", plan_text=plan)]],
                "manifest": [[good(rollout=rollout, **signed)]],
                "hosts.list": [[good(hosts=each)] for each in (failed, meant, fleet)]})
            done = self.expect(expected, "retry", "--yes", "--key", "alice").stderr
            self.assertEqual(self.daemon.seen("hosts.list")[-2],
                             {"verb": "hosts.list", "state": "enrolled", "match": "label.role=web"})
            return done

        self.daemon.answer("submit", good(rollout=ROLLOUT, hosts_count=2))
        self.assertIn("would take all 2 hosts of zone=a at once", retry(1, meant=failed))
        self.assertEqual(self.daemon.seen("submit"), [])
        retry(0, meant=fleet)
        retry(0, meant=failed, others=fleet[:1])

    def test_retries_no_plan_that_nobody_signed(self):
        self.set_up_trust()
        self.expect(0, "keys", "new", "bob", "--role", "commander", "--kdf", "interactive")
        rollout, request = self.signed_request(upgrade("web-a"))
        hosts = [{"id": host_id("a"), "name": "web-a", "state": "lost", "reason": "because"}]
        self.set_up_fleet(upgrade("web-a"))
        signed = {key: request[key] for key in ("manifest", "policy", "signatures")}

        def refused(expected, plan_text=PLAN, rollout=rollout, wanted="latest", **manifest):
            self.daemon._answers.update({
                "status": [[status("halted", hosts, final=True, rollout=rollout)]],
                "plan": [[good(rollout=rollout, plan="demo", plan_text=plan_text)]],
                "manifest": [[good(rollout=rollout, **{**signed, **manifest})]]})
            self.assertIn(expected, self.expect(1, "retry", wanted, "--yes", "--key", "alice").stderr)

        refused("not the one that was signed", plan_text=PLAN + "ssh_lock: no\n")
        refused("another rollout", rollout=ROLLOUT)
        refused("another rollout", wanted=ROLLOUT)
        refused("nobody has signed it whom", signatures=request["signatures"][1:])  # bob is in no trust file
        self.assertEqual(self.daemon.seen("submit"), [])
        self.daemon.answer("submit", good(rollout=ROLLOUT, hosts_count=1))
        self.daemon._answers["manifest"] = [[good(rollout=rollout, **signed)]]
        self.expect(0, "retry", rollout, "--yes", "--key", "alice")

    def test_tells_the_controller_whom_the_plan_means(self):
        self.set_up_trust()
        self.set_up_fleet(upgrade("web-a"))
        self.daemon.answer("submit", good(rollout=ROLLOUT, hosts_count=1))
        self.expect(0, "run", self.write_plan(), "--yes")
        self.assertEqual(self.daemon.seen("submit")[0]["targets"], "label.role=web")
        self.assertNotIn("retry_of", self.daemon.seen("submit")[0])

    def test_foretells_times_from_former_jobs(self):
        self.set_up_fleet(upgrade("web-a"), upgrade("web-b"), upgrade("web-c"))
        plan = self.write_plan(PLAN + "watch: 1m\nsoak: 10m\n")
        self.assertIn("timeline: no history yet; by the plan's limits", self.expect(0, "preview", plan).stdout)
        self.daemon._answers["durations"] = [[good(
            steps={}, stage={"count": 9, "median_ms": 60000, "p90_ms": 90000},
            change={"count": 8, "median_ms": 120000, "p90_ms": 240000})]]
        text = self.expect(0, "preview", plan).stdout
        self.assertIn("timeline, from 8 former jobs", text)
        self.assertIn("\n  wave 1: after 1m, done after 4m (6m 30s)\n", text)
        self.assertIn("\n  wave 2: after 14m, done after 17m (21m 30s)\n", text)
        self.assertIn("\n  over after 27m (31m 30s)\nat worst 2 hosts are down at once on the way "
                      "forward, and up to all 3 when everything is taken back;", text)
        timeline = json.loads(self.expect(0, "preview", plan, "--json").stdout)["timeline"]
        self.assertEqual((timeline["jobs_count"], timeline["total_ms"], timeline["down_max"]), (8, 27 * 60000, 2))
        self.assertEqual(timeline["rollback_down_max"], 3)
        document = json.loads(self.expect(0, "preview", plan, "--json").stdout)
        until = datetime.datetime.fromisoformat(re.search(r"valid to (\S+):", text)[1].replace("Z", "+00:00"))
        left_ms = (until - datetime.datetime.now(datetime.timezone.utc)).total_seconds() * 1000
        self.assertLess(abs(left_ms - document["valid_ms"]), 60000)

    def test_asks_for_sets_of_packages(self):
        self.set_up_fleet(upgrade("web-a"))
        change = "packages: security, exclude: [ 'linux-image*' ], allow: { new: no }, phased: ignore"
        plan = self.write_plan(re.sub("packages: .*]", change, PLAN))
        self.assertIn("risk low, security updates, ", self.expect(0, "check", plan).stdout)
        self.expect(0, "preview", plan)
        query = self.daemon.seen("query")[0]
        self.assertEqual((query["package_set"], query["packages"]), ("security", []))
        self.assertEqual((query["excludes"], query["deny_new"], query["ignore_phasing"]), (["linux-image*"], True, True))

    def test_names_an_excluded_host_that_is_none(self):
        self.set_up_fleet(upgrade("web-a"), upgrade("web-b"))
        plan = PLAN.replace("role: web }", "role: web }, exclude: [ web-b, wbe-a ]")
        for command in (["preview"], ["run", "--yes"]):
            done = self.expect(1, *command, self.write_plan(plan))
            self.assertIn("plan.yaml:3: field 'hosts.exclude[1]': 'wbe-a' is the name or id of no host; did you mean "
                          "'web-a'?", done.stderr)
        self.assertEqual(self.daemon.seen("query"), [])
        self.run_belay("preview", self.write_plan(plan.replace("wbe-a", host_id("b"))))
        self.assertEqual(self.daemon.seen("query")[0]["hosts"], [host_id("a")])

    def test_a_label_that_is_a_slip_of_the_pen_is_named(self):
        self.set_up_fleet(upgrade("web-a"))
        for field, expression, slip, meant in (("exclude", "roel=db", "roel", "role"),
                                               ("exclude", "canary or os_verison!=12", "os_verison", "os_version"),
                                               ("match", "role=web, !(roles=x)", "roles", "role")):
            hosts = f'match: "{expression}"' if field == "match" else f'match: role=web, exclude: "{expression}"'
            done = self.expect(1, "preview", self.write_plan(PLAN.replace("match: { role: web }", hosts)))
            self.assertIn(f"plan.yaml:3: field 'hosts.{field}': no host has the label '{slip}'; did you mean '{meant}'?",
                          done.stderr)
        self.assertEqual(self.daemon.seen("query"), [])
        for expression in ("quarantine", "label.roel=db", "role=x"):
            plan = PLAN.replace("{ role: web }", f'"role=web", exclude: "{expression}"')
            self.expect(0, "preview", self.write_plan(plan))

    def test_notes_an_exclusion_that_is_true_of_nobody(self):
        self.set_up_fleet(upgrade("web-a"))
        plan = self.write_plan(PLAN.replace("role: web }", 'role: web }, exclude: "quarantine"'))
        note = "note: 'hosts.exclude' is true of no host: quarantine\n"
        self.assertNotIn(note, self.expect(0, "preview", plan).stdout)  # this controller names one for all that is asked

        def fleet():
            known = good(hosts=[host("web-a")])
            self.daemon._answers["hosts.list"] = [[known], [known], [good(hosts=[])], [known]]

        fleet()
        self.assertIn(note, self.expect(0, "preview", plan).stdout)
        self.assertEqual(self.daemon.seen("hosts.list")[-2], {"verb": "hosts.list", "match": "quarantine"})
        fleet()
        self.assertTrue(json.loads(self.expect(0, "preview", plan, "--json").stdout)["excludes_nobody"])

    def test_a_listed_host_that_is_not_enrolled_stands_in_the_way(self):
        self.set_up_fleet({**upgrade("web-a"), "result": "unknown", "code": "not_enrolled", "reason": "not enrolled"})
        done = self.expect(1, "preview", self.write_plan(PLAN.replace("match: { role: web }", "list: [ web-a ]")))
        self.assertIn("not_enrolled", done.stdout)
        self.assertEqual(self.daemon.seen("hosts.list")[0], {"verb": "hosts.list", "hosts": ["web-a"]})

    def test_says_when_a_rollout_may_have_started(self):
        self.set_up_trust()
        self.set_up_fleet(upgrade("web-a"))
        self.daemon.answer("submit", HANG_UP)
        done = self.expect(7, "run", self.write_plan(), "--yes")
        self.assertRegex(done.stderr, r"may have been taken in all the same: 'belay status [0-9a-f]{16}' tells\n")

    def test_prints_the_rollout_alone_and_submits_what_it_previewed(self):
        self.set_up_trust()
        self.set_up_fleet(upgrade("web-a"), upgrade("web-b", "0.9"))
        self.daemon.answer("submit", good(rollout=ROLLOUT, hosts_count=2))
        done = self.expect(0, "run", self.write_plan(), "--yes")
        self.assertRegex(done.stdout, r"^[0-9a-f]{16}\n$")
        submitted = self.daemon.seen("submit")[0]
        self.assertIn(bytes.fromhex(done.stdout.strip()), base64.b64decode(submitted["manifest"]))
        self.assertEqual(submitted["plan_text"], PLAN)
        self.assertEqual(sorted((h["wave"], h["kind"]) for h in submitted["hosts"]), [(1, 0), (2, 0)])
        policy = base64.b64decode(submitted["policy"])
        digest = hashlib.blake2b(b"belay policy v1\n" + policy, digest_size=32).digest()
        self.assertIn(digest, base64.b64decode(submitted["manifest"]))
        self.assertEqual(len(submitted["signatures"]), 1)
        self.assertIn(f"belay rollback {done.stdout.strip()}", done.stderr)

    def test_never_starts_without_an_answer(self):
        self.set_up_trust()
        self.set_up_fleet(upgrade("web-a"))
        done = self.expect(1, "run", self.write_plan())
        self.assertEqual(done.stdout, "")
        self.assertIn("--yes", done.stderr)
        self.assertEqual(self.daemon.seen("submit"), [])

    def test_hosts_in_the_way_stop_it_unless_left_out(self):
        self.set_up_trust()
        absent = {"id": host_id("b"), "name": "web-b", "result": "unknown", "code": "absent", "reason": "not connected"}
        self.set_up_fleet(upgrade("web-a"), absent)
        self.daemon.answer("submit", good(rollout=ROLLOUT))
        path = self.write_plan()
        done = self.expect(1, "run", path, "--yes")
        self.assertRegex(done.stderr, r"web-b +absent +not connected")
        self.assertEqual(self.daemon.seen("submit"), [])
        self.expect(1, "preview", path)
        self.expect(0, "run", path, "--yes", "--allow-missing")
        self.assertEqual([h["id"] for h in self.daemon.seen("submit")[0]["hosts"]], [host_id("a")])

    def test_nothing_to_do_is_no_rollout(self):
        self.set_up_fleet({**upgrade("web-a"), "changes": []})
        done = self.expect(0, "run", self.write_plan(), "--yes")
        self.assertEqual(done.stdout, "")
        self.assertIn("no host has anything to change", done.stderr)

    def test_signs_with_several_keys(self):
        self.set_up_trust()
        self.expect(0, "keys", "new", "bob", "--role", "commander", "--kdf", "interactive")
        self.set_up_fleet(upgrade("web-a"))
        self.daemon.answer("submit", good(rollout=ROLLOUT))
        path = self.write_plan()
        self.assertIn("choose one with --key", self.expect(1, "run", path, "--yes").stderr)
        self.expect(0, "run", path, "--yes", "--key", "alice", "--key", "bob")
        self.assertEqual(len({s["key"] for s in self.daemon.seen("submit")[0]["signatures"]}), 2)

    def test_goes_from_desk_to_desk(self):
        self.set_up_trust()
        self.expect(0, "keys", "new", "bob", "--role", "commander", "--kdf", "interactive")
        self.set_up_fleet(upgrade("web-a"), upgrade("web-b"))
        self.daemon.answer("submit", good(rollout=ROLLOUT))
        path = self.home / "request"
        self.expect(0, "run", self.write_plan(), "--yes", "--key", "alice", "--request", str(path))
        self.assertEqual(self.daemon.seen("submit"), [])
        shown = self.expect(0, "sign", str(path), "--yes", "--key", "bob").stderr
        for part in ("alice (operator)", "upgrade demo 2.0 amd64", "2 in 2 waves: 1, 1", "digest"):
            self.assertIn(part, shown)
        self.assertIn("signed it already", self.expect(1, "sign", str(path), "--yes", "--key", "bob").stderr)
        self.assertIn("nothing was signed", self.expect(1, "sign", str(path), "--key", "alice").stderr)
        whole = json.loads(path.read_text())
        self.assertEqual(len({s["key"] for s in whole["request"]["signatures"]}), 2)

        def bent(expected, change):
            request = json.loads(json.dumps(whole))
            change(request["request"])
            path.write_text(json.dumps(request))
            for command in (["sign", str(path), "--yes", "--key", "alice"], ["run", "--signed", str(path), "--yes"]):
                self.assertIn(expected, self.expect(1, *command).stderr)

        other = "f" if whole["request"]["signatures"][1]["signature"][0] != "f" else "e"
        bent("is not good", lambda r: r["signatures"][1].update(signature=other + r["signatures"][1]["signature"][1:]))
        bent("wave 1 has 2 hosts", lambda r: [host.update(wave=1) for host in r["hosts"]])
        bent("are not those of the manifest", lambda r: r["hosts"][0].update(id="ab" * 32))
        bent("it has 1 hosts", lambda r: r["hosts"].pop())
        bent("text of its plan", lambda r: r.update(plan_text=PLAN + "# another\n"))
        bent("is no request", lambda r: r.update(verb="trust.set"))
        bent("'policy'", lambda r: r.update(policy="!"))
        bent("'manifest'", lambda r: r.pop("manifest"))
        self.assertEqual(self.daemon.seen("submit"), [])
        path.write_text(json.dumps(whole))
        self.expect(2, "run", "--signed", str(path), "--yes", "plan.yaml")
        for words in (["--request", "other"], ["--as-previewed", "x"], ["--key", "alice"], ["--allow-missing"],
                      ["--passphrase-file", "x"]):
            done = self.expect(2, "run", "--signed", str(path), "--yes", *words)
            self.assertIn("--signed goes only with --yes and --watch", done.stderr)
        self.assertEqual(self.daemon.seen("submit"), [])
        self.expect(0, "run", "--signed", str(path), "--yes")
        self.assertEqual(self.daemon.seen("submit"), [{**whole["request"]}])

    def test_shows_all_that_is_signed(self):
        self.set_up_trust()
        plan = PLAN.replace("[ demo=2.0 ]", "[ demo=2.0 ], allow: { remove: yes }") + """budget: 7
soak: 17m
approvals: { waves: 2, by: commander, expires: 12h }
windows: [ { days: [ mon ], from: "01:00", for: 6h } ]
ssh_lock: { keep: { groups: [ breakglass ], from: [ 10.0.9.5 ] } }
verify: { hooks: [ orders-flow ], grades: { kernel_error: ignore } }
gates: [ { name: shop, http: "https://shop.example.org/healthz", contains: ok } ]
"""
        removed = [change(f"z{number:02}", "1.0", "", "remove") for number in range(30)]
        changes = [*[change(f"a{number:02}", "1.0", "2.0") for number in range(30)], *removed]
        answers = [{**upgrade(name), "changes": [change("demo", "1.0", "2.0"), *changes]} for name in ("web-a", "web-b")]
        self.set_up_fleet(*answers)
        path = str(self.home / "request")
        self.expect(0, "run", self.write_plan(plan), "--yes", "--request", path)
        shown = self.expect(1, "sign", path).stderr
        pins = [words for words in re.findall(r"(upgrade|remove) (\S+) .*amd64", shown)]
        self.assertEqual((pins[0], len(pins)), (("remove", "z00"), 61))
        self.assertEqual([action for action, _ in pins], ["remove"] * 30 + ["upgrade"] * 31)
        for part in (host_id("a")[:16], host_id("b")[:16], "1: 1 host, good with at most 0 failed", "REMOVALS",
                     "no downgrades", "soak 17m", "2 under way", "2 by commander for each wave after the first",
                     "each good for 12h", "mon from 01:00 UTC for 6h", "shop: http https://shop.example.org/healthz, contains ok",
                     "groups that keep ssh: breakglass", "addresses that keep ssh: 10.0.9.5", "hooks: orders-flow",
                     "kernel_error is ignore", "way back", "alice (operator) [requester]"):
            self.assertIn(part, shown)

    def test_judges_where_it_writes_before_it_asks_anybody(self):
        self.set_up_trust()
        self.set_up_fleet(upgrade("web-a"))
        plan = self.write_plan()
        there = str(self.home)
        for path, expected in (("", "names no file"), (f"{there}/", "names no file"), (f"{there}/.", "names no file"),
                               (there, "is a directory"), (f"{there}/none/x", "No such file")):
            for command in (["preview", plan, "--save", path], ["run", plan, "--yes", "--request", path]):
                self.assertIn(expected, self.expect(1, *command).stderr)
        self.assertEqual(self.daemon.seen("query"), [])
        self.expect(0, "preview", plan, "--save", "digest", cwd=there)  # beside where one stands
        self.assertTrue((self.home / "digest").exists())

    def test_a_restore_judges_where_the_configuration_goes_first(self):
        for path in ("controller.yaml", "/controller.yaml", f"{self.home}/", f"{self.home}/{'x' * 600}"):
            done = self.expect(1, "--config", path, "restore", "/nonexistent/backup")
            self.assertIn("--config is no absolute path of a file", done.stderr)

    def test_watch_ends_with_the_rollout(self):
        self.set_up_trust()
        self.set_up_fleet(upgrade("web-a"))
        self.daemon.answer("submit", good(rollout=ROLLOUT))
        self.daemon.answer("watch", status(), ended("halted", 3))
        done = self.expect(3, "run", self.write_plan(), "--yes", "--watch")
        self.assertRegex(done.stdout.splitlines()[0], r"^[0-9a-f]{16}$")
        self.assertRegex(done.stdout.splitlines()[-1], r"^\d\d:\d\d:\d\dZ rollout halted, wave 1 of 1 — because$")


class Follow(Desk):
    def test_ends_with_the_code_of_the_rollout(self):
        for state, code in (("complete", 0), ("halted", 3), ("rolled_back", 5), ("rollback_incomplete", 6)):
            self.daemon.answer("watch", status(), ended(state, code))
            self.daemon.answer("status", ended(state, code))
            self.daemon.answer("watch", ended(state, code))
            self.expect(0, "status", ROLLOUT)  # only who waits for the end is told by the code
            self.assertIn(state, self.expect(code, "status", ROLLOUT, "--wait").stdout)
            self.daemon._answers.clear()
        self.daemon.answer("status", status(paused=True))
        self.assertIn("(PAUSED)", self.expect(0, "status", "latest").stdout)

    def test_waiting_ends_when_a_person_is_waited_for(self):
        held = status(paused=True, holds=[{"code": "paused", "reason": "a person paused it"}], exit_code=4,
                      next=f"belay resume {ROLLOUT}")
        self.daemon.answer("watch", status(), held)
        done = self.expect(4, "status", ROLLOUT, "--wait")
        self.assertIn("(PAUSED)", done.stdout)
        self.assertIn("held  a person paused it", done.stdout)
        self.assertIn(f"'belay resume {ROLLOUT}'", done.stderr)

    def test_outlives_the_controller(self):
        self.daemon.answer("watch", status(), HANG_UP)
        self.daemon.answer("watch", HANG_UP)
        self.daemon.answer("watch", ended("complete", 0))
        done = self.expect(0, "status", "latest", "--wait", "--json")
        self.assertEqual(json.loads(done.stdout)["state"], "complete")
        self.assertEqual(done.stderr.count("went away"), 1)
        # "latest" was one rollout and stays that one.
        self.assertEqual([request["rollout"] for request in self.daemon.seen("watch")], ["latest", ROLLOUT, ROLLOUT])

    def test_ctrl_c_ends_only_the_watching(self):
        shown, release = threading.Event(), threading.Event()

        def hold():
            shown.set()
            release.wait(60)
            return ended("complete", 0)

        self.daemon.answer("watch", status(), hold)
        child = subprocess.Popen([BELAY, "watch"], env=self.env, text=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        self.assertTrue(shown.wait(60))
        self.assertIn("rollout running", child.stdout.readline())
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
        release.set()
        self.assertEqual(child.returncode, 130)
        self.assertIn("the rollout goes on", errors)

    def test_tells_only_what_changed(self):
        first = in_rollout("web-a", "running", job_state="changing", step="upgrade")
        self.daemon.answer("watch", status(hosts=[first]), status(hosts=[first]),
                           {**ended("complete", 0), "hosts": [in_rollout("web-a", "committed")]})
        lines = [line.split("Z ", 1)[1] for line in self.expect(0, "watch").stdout.splitlines()]
        self.assertEqual(lines, ["web-a: running, changing: upgrade", "rollout running, wave 1 of 1 — because",
                                 "web-a: committed", "rollout complete, wave 1 of 1 — because"])

    def test_redraws_on_a_terminal_and_leaves_colour_to_it(self):
        for no_colour in ("", "1"):
            self.daemon.answer("watch", status(hosts=[in_rollout("web-a", "running")]), ended("complete", 0))
            pid, fd = pty.fork()
            if pid == 0:
                os.execve(BELAY, [BELAY, "watch"], {**self.env, "NO_COLOR": no_colour})
            output = b""
            while select.select([fd], [], [], 60)[0]:
                try:
                    output += os.read(fd, 4096)
                except OSError:
                    break
            os.close(fd)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
            self.assertIn(b"\x1b[?1049h", output)
            self.assertIn(b"\x1b[?1049l", output)
            self.assertEqual(b"\x1b[3" in output, no_colour == "")


class Screen(Desk):
    """One screen on a terminal: pty and a terminal of a few lines of Python stand in for a person's."""

    def watch(self, *frames, keys=(), size=(24, 80), **env):
        """What the terminal was sent in all, and the exit code; `keys` are callables called between frames."""
        self.daemon.answer("watch", *frames)
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(BELAY, [BELAY, "watch"], {**self.env, **env})
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        output = b""
        steps = list(keys)
        while select.select([fd], [], [], 60)[0]:
            try:
                output += os.read(fd, 65536)
            except OSError:
                break
            while steps and steps[0][0] in output:
                steps.pop(0)[1](pid, fd)
        os.close(fd)
        self.assertEqual(steps, [], output)
        return output, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def assert_given_back(self, output):
        """The second screen was shown once and is gone; the cursor and the wrapping of lines are back."""
        self.assertEqual((output.count(b"\x1b[?1049h"), output.count(b"\x1b[?1049l")), (1, 1))
        after = output.split(b"\x1b[?1049l")[1]
        self.assertNotIn(b"\x1b[H", after)
        before = output.split(b"\x1b[?1049l")[0]
        self.assertGreater(before.rindex(b"\x1b[?25h"), before.rindex(b"\x1b[?25l"))
        self.assertGreater(before.rindex(b"\x1b[?7h"), before.rindex(b"\x1b[?7l"))
        return after.decode()

    def held(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def hold():
            release.wait(60)
            return ended("complete", 0)

        return release, hold

    def test_is_given_back_at_the_end(self):
        output, code = self.watch(status(), ended("halted", 3))
        self.assertEqual(code, 3)
        after = self.assert_given_back(output)
        self.assertIn("halted", after)
        self.assertIn(f"next: 'belay report {ROLLOUT}'", after)

    def test_is_given_back_after_ctrl_c(self):
        _, hold = self.held()
        output, code = self.watch(status(), hold, keys=[(b"Ctrl-C ends", lambda _pid, fd: os.write(fd, b"x\x03"))])
        self.assertEqual(code, 130)
        self.assertIn("the rollout goes on", self.assert_given_back(output))

    def test_is_given_back_when_it_is_told_to_end(self):
        _, hold = self.held()
        output, code = self.watch(status(), hold,
                                  keys=[(b"Ctrl-C ends", lambda pid, _fd: os.kill(pid, signal.SIGTERM))])
        self.assertEqual(code, 143)
        self.assert_given_back(output)

    def test_fits_a_new_size_at_once(self):
        release, hold = self.held()
        hosts = [in_rollout(f"web-{i:03d}", "running", reason="x" * 200) for i in range(200)]
        narrow = "why   " + "because " * 4

        def shrink(_pid, fd):
            fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))

        output, code = self.watch(status(hosts=hosts, reason="because " * 12), hold, NO_COLOR="1",
                                  keys=[(b"more hosts", shrink), (narrow.strip().encode() + b"\x1b[K",
                                                                 lambda _pid, _fd: release.set())])
        self.assertEqual(code, 0)
        small = output.split(b"\x1b[?1049l")[0].split(b"\x1b[H")[-2].decode()
        lines = re.split(r"\r+\n", re.sub(r"\x1b\[[?0-9]*[A-Za-z]", "", small))
        self.assertLessEqual(len(lines), 10)
        self.assertLessEqual(max(map(len, lines)), 40)

    def test_says_on_the_screen_that_the_controller_went_away(self):
        self.daemon.answer("watch", status(), HANG_UP)
        output, code = self.watch(ended("complete", 0))
        self.assertEqual(code, 0)
        self.assertIn(b"the controller went away", output.split(b"\x1b[?1049l")[0])

    def test_is_none_on_a_dumb_terminal(self):
        output, code = self.watch(status(), ended("complete", 0), TERM="dumb")
        self.assertEqual(code, 0)
        self.assertNotIn(b"\x1b", output)

    def test_colour_is_as_wished(self):
        self.daemon.answer("status", status())
        self.assertNotIn("\x1b", self.expect(0, "status", ROLLOUT).stdout)
        self.assertIn("\x1b[33mrunning", self.expect(0, "status", ROLLOUT, "--color=always").stdout)
        self.assertNotIn("\x1b", self.expect(0, "status", ROLLOUT, "--color", "never").stdout)
        self.assertIn("--color must be auto, never or always", self.expect(2, "status", "--color", "red").stderr)


class Report(Desk):
    def setUp(self):
        super().setUp()
        step = {"name": "upgrade", "start": "2026-11-21T06:40:10.250Z", "end": "2026-11-21T06:40:18.750Z",
                "result": "failed", "code": "postinst", "reason": "postinst | of demo failed", "state": "changing"}
        restore = {"name": "restore", "start": "2026-11-21T06:40:19.000Z", "end": None, "result": None, "code": "",
                   "reason": "", "state": "reverting"}
        bad = {"name": "web-a", "id": host_id("a"), "wave": 1, "kind": 0, "state": "reverted", "job_state": "reverted",
               "cause": {"code": "postinst", "reason": "postinst | of demo failed"}, "grade": "functional",
               "clock_offset_ms": 12, "states": [], "steps": [step, restore]}
        self.daemon.answer("report", good(
            rollout=ROLLOUT, plan="demo", risk="low", state="halted", code="c", reason="because", exit_code=3,
            created="2026-11-21T06:40:00.000Z", ended="2026-11-21T06:42:05.000Z", signers=["alice"], manifest_hash="ab",
            counts={"committed": 0, "reverted": 1}, hosts_count=1, hosts=[bad]))

    def test_text(self):
        text = self.expect(0, "report", ROLLOUT).stdout
        self.assertIn("hosts     1 · 1 reverted\n", text)
        self.assertIn("took      2m 05s\n", text)
        self.assertIn("signed by alice\n", text)
        self.assertRegex(text, r"causes\n +HOSTS .*\n +1 +functional +web-a +- +postinst \| of demo failed\n")
        self.assertRegex(text, r"web-a +1 +reverted +functional +postinst \| of demo failed\n")
        self.assertRegex(text, r"upgrade +06:40:10 +06:40:18 +8.5s +failed +postinst")
        self.assertRegex(text, r"restore +06:40:19 +- +- +-\n")

    def test_json_is_stable(self):
        report = json.loads(self.expect(0, "report", ROLLOUT, "--json").stdout)
        self.assertEqual(report, json.loads(self.expect(0, "report", "--format", "json").stdout))
        entry = report["hosts"][0]
        self.assertEqual(entry["end_state"], "reverted")
        self.assertEqual(entry["cause"]["code"], "postinst")
        self.assertEqual(entry["grade"], "functional")
        self.assertEqual(entry["steps"][0]["start"], "2026-11-21T06:40:10.250Z")
        self.assertNotIn("ok", report)
        self.assertEqual(report["groups"], [{
            "count": 1, "code": "postinst", "reason": "postinst | of demo failed",
            "example": "postinst | of demo failed", "grade": "functional", "first": "web-a", "first_at": None,
            "next": "belay why web-a", "hosts": ["web-a"]}])

    def test_markdown_cuts_no_letter(self):
        self.daemon._answers["report"][0][0]["plan"] = "ä" * 200 + "x" + "ä" * 200
        self.assertIn("- plan: " + "ä" * 200 + "x" + "ä" * 200 + "\n", self.expect(0, "report", "--format", "md").stdout)

    def test_markdown_escapes_its_own_marks(self):
        text = self.expect(0, "report", "--format", "md").stdout
        self.assertTrue(text.startswith("# report of rollout 0123456789abcdef\n"))
        self.assertIn("| upgrade | 06:40:10 | 06:40:18 | 8.5s | failed | postinst \\| of demo failed |", text)
        self.expect(2, "report", "--format", "pdf")


class Rest(Desk):
    def test_watch_as_json_leaves_out_what_belongs_to_the_socket(self):
        self.daemon.answer("watch", status(), ended("complete", 0))
        documents = [json.loads(line) for line in self.expect(0, "watch", "--json").stdout.splitlines()]
        self.assertEqual([document["state"] for document in documents], ["running", "complete"])
        for document in documents:
            self.assertTrue({"ok", "end"}.isdisjoint(document))

    def test_steers(self):
        for verb in ("pause", "resume", "abort", "rollback"):
            self.daemon.answer(verb, status())
            self.assertIn("next: ", self.expect(0, verb, ROLLOUT).stderr)
        self.expect(0, "rollback", "--host", "web-a")
        self.expect(0, "rollback", "--wave", "2")
        self.assertEqual(self.daemon.seen("rollback"),
                         [{"verb": "rollback", "rollout": ROLLOUT},
                          {"verb": "rollback", "rollout": "latest", "host": "web-a"},
                          {"verb": "rollback", "rollout": "latest", "wave": 2}])

    def test_status_without_a_rollout_tells_of_all_that_are_open(self):
        row = {"rollout": ROLLOUT, "plan": "kernel", "risk": "high", "state": "running", "waits": False, "code": "c",
               "reason": "because", "next": f"belay watch {ROLLOUT}", "created": "2026-11-21T06:40:00.000Z", "wave": 2,
               "waves_count": 3, "hosts_count": 100, "committed_count": 30, "failed_count": 1, "under_way_count": 10}
        waits = {**row, "rollout": "fe" * 8, "waits": True, "reason": "the next wave needs an approval",
                 "next": f"belay approve {'fe' * 8}"}
        self.daemon.answer("overview", good(rollouts=[waits, row]))
        lines = self.expect(0, "status").stdout.splitlines()
        self.assertRegex(lines[1], r"^fefefefefefefefe  kernel  high +2/3  30/100 +1 +10 .* waits$")
        self.assertRegex(lines[2], rf"^{ROLLOUT}  kernel  high .* running$")
        self.assertEqual(lines[3:], ["", "waits for a person", "  fefefefefefefefe  the next wave needs an approval",
                                     "    next: belay approve fefefefefefefefe"])
        self.assertEqual(json.loads(self.expect(0, "status", "--json").stdout), {"rollouts": [waits, row]})
        self.daemon._answers.clear()
        self.daemon.answer("overview", good(rollouts=[]))
        done = self.expect(0, "status")
        self.assertEqual(done.stdout, "no rollout is open\n")
        self.assertIn("belay rollouts", done.stderr)

    def test_why_tells_rule_mover_and_time_left(self):
        soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=125.5))
        self.daemon.answer("why", good(kind="host", name="web-a", id="x", state="running", code="", reason="",
                                       rule="it was told to start", moves="its end", next="",
                                       deadline=soon.strftime("%Y-%m-%dT%H:%M:%S.500Z"), facts=[["wave", "1 of 2"]]))
        told = self.expect(0, "why", "web-a").stdout
        self.assertIn("  rule      it was told to start\n  moved by  its end\n", told)
        self.assertRegex(told, rf"  deadline  {soon:%H:%M:%S}Z, 2m \d+s left\n  wave      1 of 2\n")

    def test_why(self):
        self.daemon.answer("why", good(kind="host", name="web-a", id="x", state="blocked", code="disk_full",
                                       reason="no room", next="make room", facts=[["free", "1 MiB"]]))
        self.assertEqual(self.expect(0, "why", "web-a").stdout,
                         "host web-a is blocked (disk_full): no room\n  free  1 MiB\nnext: make room\n")

    def test_audit(self):
        self.daemon.answer("audit", good(rows=[], rows_count=2, verified=True, broken_at=None, head="ab"))
        self.assertEqual(self.expect(0, "audit", "verify").stdout, "2 rows, the chain is whole, head ab\n")
        self.daemon._answers.clear()
        self.daemon.answer("audit", good(rows=[], rows_count=2, verified=False, broken_at=2, head="ab"))
        self.assertIn("broken at row 2", self.expect(1, "audit", "verify").stdout)

    def test_lists_rollouts_and_leases(self):
        self.daemon.answer("rollouts.list", good(rollouts=[{"rollout": ROLLOUT, "plan": "demo", "state": "complete",
                                                            "hosts_count": 3, "created": "c", "ended": None}]))
        self.assertRegex(self.expect(0, "rollouts").stdout, rf"{ROLLOUT} +demo +complete +3 +c +-\n")
        self.daemon.answer("leases", good(leases=[]))
        self.assertEqual(self.expect(0, "leases").stdout, "nothing is switched off anywhere\n")

    def test_says_when_standard_output_is_full(self):
        self.daemon.answer("leases", good(leases=[]))
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([BELAY, "leases"], env=self.env, stdout=full, stderr=subprocess.PIPE, text=True,
                                  timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("could not be written", done.stderr)

    def test_init_makes_a_controller_and_never_replaces_it(self):
        arguments = ["init", "--listen", "tcp://127.0.0.1:7399", "--state-dir", str(self.home / "state"), "--config",
                     str(self.home / "controller.yaml")]
        made = self.expect(0, *arguments)
        self.assertRegex(made.stdout, r"controller key  [0-9a-f]{64}\n")
        self.assertIn("tcp://127.0.0.1:7400", made.stdout)
        self.expect(1, *arguments)
        self.expect(2, "init")


class Manual(Desk):
    """The manual and the completion know every command and option that --help does."""

    ROOT = pathlib.Path(__file__).resolve().parents[3]

    def commands(self):
        for line in self.expect(0, "--help").stdout.splitlines():
            if line.startswith("  "):
                name = line[2:17].strip()
                synopsis = self.expect(0, *name.split(), "--help").stdout.split("\n\n")[0]
                yield name, set(re.findall(r"--[a-z-]+", synopsis)) - {"--socket", "--config", "--color"}

    def complete(self, *words):
        """What bash offers for the last of the words."""
        script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _belay; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", script, "-", str(self.ROOT / "packaging/completions/belay"), *words],
                              env=self.env, text=True, capture_output=True, timeout=60, check=True)
        return done.stdout.split()

    def test_describes_every_command(self):
        page = (self.ROOT / "packaging/man/belay.1.scd").read_text()
        for name, options in self.commands():
            entry = [line for line in page.splitlines() if line.startswith(f"*belay {name}*")]
            self.assertEqual(len(entry), 1, name)
            for option in options:
                self.assertIn(option, entry[0])

    def test_documents_the_json_of_every_command(self):
        page = (self.ROOT / "docs/json.md").read_text()
        words = set(re.findall(r"`([a-z ]+)", "".join(re.findall(r"^\| ([^|]*) \|", page, re.M))))
        for name, _ in self.commands():
            if name in ("run", "retry"):  # they print an id
                self.assertIn(f"`{name}`", page)
                continue
            group, _, last = name.rpartition(" ")
            self.assertTrue(name in words or group and last in words, name)

    def test_completes_every_command(self):
        for name, options in self.commands():
            words = name.split()
            for i, word in enumerate(words):
                self.assertIn(word, self.complete("belay", *words[:i], word[:2]))
            self.assertLessEqual(options, set(self.complete("belay", *words, "--")), name)

    def complete_in_zsh(self, *words):
        """What zsh offers for the last of the words."""
        text = (self.ROOT / "packaging/completions/_belay.in").read_text()
        function = self.home / "_belay"
        function.write_text(text.replace("@BASH_COMPLETION@", str(self.ROOT / "packaging/completions/belay")))
        script = 'compadd() { print -l -- "${(@P)2}" }; asked() { source $1 }; from=$1; shift; words=("$@"); CURRENT=$#; asked $from'
        done = subprocess.run(["zsh", "-f", "-c", script, "-", str(function), *words], env=self.env, text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    @unittest.skipUnless(shutil.which("zsh"), "there is no zsh")
    def test_completes_every_command_in_zsh(self):
        for name, options in self.commands():
            words = name.split()
            self.assertIn(words[-1], self.complete_in_zsh("belay", *words[:-1], words[-1][:2]))
            self.assertLessEqual(options, set(self.complete_in_zsh("belay", *words, "--")), name)
        self.assertEqual(self.complete_in_zsh("belay", "no such command", "x"), [])

    def test_completes_hosts(self):
        self.daemon.answer("hosts.list", good(hosts=[host("web-a"), host("web-b"), host("db-c")]))
        self.env["PATH"] = f"{pathlib.Path(BELAY).parent}:{self.env['PATH']}"
        self.assertEqual(self.complete("belay", "hosts", "show", "web"), ["web-a", "web-b"])
        self.assertEqual(self.complete("belay", "rollback", "--host", "db"), ["db-c"])
        self.assertEqual(self.complete("belay", "hosts", "approve", "62"), [host_id("b")])
        self.assertEqual([request["state"] for request in self.daemon.seen("hosts.list")],
                         ["enrolled", "enrolled", "pending"])

    def test_completes_rollouts(self):
        self.env["PATH"] = f"{pathlib.Path(BELAY).parent}:{self.env['PATH']}"
        self.daemon.answer("rollouts.list", good(rollouts=[{"rollout": ROLLOUT}, {"rollout": "fe" * 8}]))
        self.daemon.answer("overview", good(rollouts=[{"rollout": ROLLOUT}]))
        self.assertEqual(self.complete("belay", "report", ""), ["latest", ROLLOUT, "fe" * 8])
        self.assertEqual(self.complete("belay", "pause", ""), ["latest", ROLLOUT])

    def test_completes_from_the_controller_that_the_line_names(self):
        self.env["PATH"] = f"{pathlib.Path(BELAY).parent}:{self.env['PATH']}"
        del self.env["BELAY_SOCKET"]
        self.daemon.answer("overview", good(rollouts=[{"rollout": ROLLOUT}]))
        self.assertEqual(self.complete("belay", "pause", "--socket", self.daemon.path, "0"), [ROLLOUT])


if __name__ == "__main__":
    unittest.main()
