#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What follows rollouts and tells of them: lines, the screen of a terminal, reports and all the rest. BELAY names the program."""

import datetime
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from desk import BELAY, ROLLOUT, Desk, ended, good, host, host_id, in_rollout, status, upgrade  # noqa: E402
from fake_belayd import HANG_UP  # noqa: E402


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
        self.assertEqual(self.expect(0, "audit", "verify").stdout,
                         "2 rows, the chain is whole, head ab\n0 of 0 hosts told the head of their audit, 0 do not fit\n")
        self.daemon._answers.clear()
        self.daemon.answer("audit", good(rows=[], rows_count=2, verified=True, broken_at=None, head="ab", hosts=[
            {"id": "x", "name": "web-a", "rows": 7, "head": "cd", "at": "then", "broken": "cut\x1boff", "broken_at": "now"},
            {"id": "y", "name": "web-b", "rows": 0, "head": "00", "at": None, "broken": None, "broken_at": None}]))
        told = self.expect(1, "audit", "verify").stdout
        self.assertIn("web-a (now): cut", told)
        self.assertNotIn("\x1b", told)
        self.assertIn("1 of 2 hosts told the head of their audit, 1 do not fit", told)
        self.expect(0, "audit", "verify", "web-b")
        self.expect(1, "audit", "verify", "web-z")
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

if __name__ == "__main__":
    unittest.main()
