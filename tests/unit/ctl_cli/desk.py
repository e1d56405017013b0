# SPDX-License-Identifier: Apache-2.0
"""A person's desk beside a controller that says what a test has it say. BELAY names the program."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from fake_belayd import FakeBelayd

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
