#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""belay as a person and as a script meet it: what it prints where, and how it ends. BELAY names the program."""

import base64
import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import sys
import termios
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from desk import BELAY, PLAN, ROLLOUT, Desk, good, host, in_rollout, status, upgrade  # noqa: E402


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

    def test_a_controller_that_lacks_versions_gets_each(self):
        for name in ("alice", "bob"):
            self.expect(0, "keys", "new", name, "--role", "operator", "--kdf", "interactive")
            self.expect(7, "keys", "trust", "--kdf", "interactive", "--socket", "/nonexistent")
        self.expect(0, "keys", "new", "carol", "--role", "commander", "--kdf", "interactive")
        self.daemon.answer("trust.set", {"ok": False, "code": "trust_gap", "error": "2 is missing", "next": ""})
        self.daemon.answer("trust.set", good(version=2, anchor=""))
        self.daemon.answer("trust.get", good(version=1))
        self.assertIn("version 3,", self.expect(0, "keys", "trust").stdout)
        sent = [base64.b64decode(request["trust"]) for request in self.daemon.seen("trust.set")]
        kept = {version: (self.home / f"desk/trust-{version}").read_bytes() for version in (1, 2, 3)}
        self.assertEqual(sent, [kept[3], kept[2], kept[3]])
        self.assertEqual(kept[3], (self.home / "desk/trust").read_bytes())

    def test_another_trust_file_of_the_same_version_is_not_had_already(self):
        self.set_up_trust()
        ours = (self.home / "desk/trust").read_bytes()
        self.daemon.answer("trust.set", {"ok": False, "code": "stale_trust", "error": "not above", "next": ""})
        self.daemon.answer("trust.get", good(version=1, trust=base64.b64encode(ours).decode()))
        self.expect(0, "keys", "trust")
        self.assertIn("has it already", self.expect(0, "keys", "trust").stderr)
        self.daemon.answer("trust.get", good(version=1, trust=base64.b64encode(ours[:-1] + b"?").decode()))
        self.assertIn("this desk did not write", self.expect(1, "keys", "trust").stderr)

    def test_what_another_desk_wrote_in_between_is_not_lost(self):
        self.set_up_trust()
        ours = (self.home / "desk/trust").read_bytes()
        self.daemon.answer("trust.get", good(version=1, trust=base64.b64encode(ours[:-1] + b"?").decode()))
        self.expect(0, "keys", "new", "carol", "--role", "commander", "--kdf", "interactive")
        done = self.expect(1, "keys", "trust")
        self.assertIn("is not the one that this desk goes on from", done.stderr)
        self.assertEqual(len(self.daemon.seen("trust.set")), 1)

    def test_a_copied_desk_keeps_the_version_before_by_its_number(self):
        self.set_up_trust()
        first = (self.home / "desk/trust-1").read_bytes()
        (self.home / "desk/trust-1").unlink()
        self.expect(0, "keys", "new", "carol", "--role", "commander", "--kdf", "interactive")
        self.daemon.answer("trust.set", good(version=2, anchor=""))
        self.expect(0, "keys", "trust")
        self.assertEqual((self.home / "desk/trust-1").read_bytes(), first)

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

if __name__ == "__main__":
    unittest.main()
