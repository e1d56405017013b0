#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A person's key in a real ssh-agent (of this test alone): it signs what belay signs, and no more. BELAY names the program."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from desk import ROLLOUT, Desk, good, upgrade  # noqa: E402

FIDO = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIA== token\n"


class SshAgent(Desk):
    def setUp(self):
        super().setUp()
        self.env["SSH_AUTH_SOCK"] = str(self.home / "agent")
        del self.env["BELAY_PASSPHRASE"]  # nothing here may need one
        started = subprocess.run(["ssh-agent", "-s", "-a", self.env["SSH_AUTH_SOCK"]], text=True, timeout=60,
                                 capture_output=True, check=True)
        pid = int(started.stdout.split("SSH_AGENT_PID=")[1].split(";")[0])
        self.addCleanup(os.kill, pid, signal.SIGTERM)

    def ssh(self, *command, code=0, **env):
        done = subprocess.run(command, env={**self.env, **env}, text=True, timeout=60, stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def make_ssh_key(self, name="id", kind="ed25519"):
        path = self.home / name
        self.ssh("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path))
        return path

    def take(self, code=0, path="id.pub", name="alice"):
        return self.expect(code, "keys", "new", name, "--role", "operator", "--ssh-key", str(self.home / path))

    def test_signs_a_rollout_and_a_request(self):
        self.ssh("ssh-add", "-q", str(self.make_ssh_key()))
        taken = self.take().stdout
        listed = json.loads(self.expect(0, "keys", "list", "--json").stdout)["keys"]
        self.assertEqual([(key["own"], key["ssh_agent"], key["public"] in taken) for key in listed], [(True, True, True)])
        self.assertNotIn("box", (self.home / "desk/keys/alice.key").read_text())
        self.assertIn("already", self.take(1).stderr)
        self.set_up_fleet(upgrade("web-a"))
        self.daemon.answer("submit", good(rollout=ROLLOUT))
        self.expect(0, "run", self.write_plan(), "--yes")
        self.assertEqual(self.daemon.seen("submit")[0]["signatures"][0]["key"], listed[0]["public"])
        # A second person with another key of the same agent, at this desk's next step.
        self.ssh("ssh-add", "-q", str(self.make_ssh_key("second")))
        self.take(path="second.pub", name="bob")
        request = self.home / "request"
        self.expect(0, "run", self.write_plan(), "--yes", "--key", "alice", "--request", str(request))
        self.expect(0, "sign", str(request), "--yes", "--key", "bob")
        # Both are verified when the file is read again.
        self.expect(0, "run", "--signed", str(request), "--yes")
        self.assertEqual(len({s["key"] for s in self.daemon.seen("submit")[1]["signatures"]}), 2)

    def test_says_what_is_missing(self):
        key = self.make_ssh_key()
        self.assertIn("'ssh-add -l' shows", self.take(1).stderr)
        self.ssh("ssh-add", "-q", str(key))
        self.take()
        self.set_up_fleet(upgrade("web-a"))
        plan = self.write_plan()
        self.ssh("ssh-add", "-q", "-D")
        self.assertIn("does not hold this key", self.expect(1, "run", plan, "--yes").stderr)
        self.assertIn("SSH_AUTH_SOCK is not set", self.expect(1, "run", plan, "--yes", env={"SSH_AUTH_SOCK": ""}).stderr)
        self.assertIn("No such file", self.expect(1, "run", plan, "--yes", env={"SSH_AUTH_SOCK": "/nonexistent"}).stderr)
        self.assertEqual(self.daemon.seen("submit"), [])

    def test_an_agent_that_is_not_allowed_to_refuses(self):
        refuses = self.home / "refuses"
        refuses.write_text("#!/bin/sh\nexit 1\n")
        refuses.chmod(0o700)
        # The agent itself runs the program that asks, so it must know it from its start.
        self.env["SSH_AUTH_SOCK"] = str(self.home / "agent2")
        started = self.ssh("ssh-agent", "-s", "-a", self.env["SSH_AUTH_SOCK"], SSH_ASKPASS=str(refuses),
                           SSH_ASKPASS_REQUIRE="force", DISPLAY=":none")
        self.addCleanup(os.kill, int(started.split("SSH_AGENT_PID=")[1].split(";")[0]), signal.SIGTERM)
        self.ssh("ssh-add", "-q", "-c", str(self.make_ssh_key()))
        self.take()
        self.set_up_fleet(upgrade("web-a"))
        self.assertIn("it was not confirmed", self.expect(1, "run", self.write_plan(), "--yes").stderr)
        self.assertEqual(self.daemon.seen("submit"), [])

    def test_takes_no_other_kind_of_key(self):
        (self.home / "fido.pub").write_text(FIDO)
        self.assertIn("a FIDO token", self.take(1, "fido.pub").stderr)
        self.make_ssh_key("curve", "ecdsa")
        self.assertIn("'ssh-keygen -t ed25519'", self.take(1, "curve.pub").stderr)
        self.make_ssh_key()
        self.assertIn("private key", self.take(1, "id").stderr)
        self.assertEqual(list((self.home / "desk/keys").iterdir()), [])

    def test_has_no_passphrase_here(self):
        self.ssh("ssh-add", "-q", str(self.make_ssh_key()))
        self.take()
        self.assertIn("'ssh-keygen -p'", self.expect(1, "keys", "passphrase").stderr)
        self.expect(2, "keys", "new", "bob", "--role", "operator", "--ssh-key", "x", "--kdf", "moderate")


class Passphrase(Desk):
    def test_is_changed_and_the_key_stays(self):
        self.expect(0, "keys", "new", "alice", "--role", "operator", "--kdf", "interactive")
        before = json.loads((self.home / "desk/keys/alice.key").read_text())
        following = self.home / "new"
        following.write_text("another\n")
        following.chmod(0o600)
        change = ["keys", "passphrase", "alice", "--kdf", "interactive", "--new-passphrase-file", str(following)]
        self.assertIn("the passphrase is wrong", self.expect(1, *change, env={"BELAY_PASSPHRASE": "wrong"}).stderr)
        self.assertEqual(json.loads((self.home / "desk/keys/alice.key").read_text()), before)
        self.expect(0, *change)
        after = json.loads((self.home / "desk/keys/alice.key").read_text())
        self.assertEqual(after["public"], before["public"])
        self.assertFalse({after[field] for field in ("salt", "nonce", "box")} &
                         {before[field] for field in ("salt", "nonce", "box")})
        self.assertIn("the passphrase is wrong", self.expect(1, *change).stderr)
        self.expect(0, *change, env={"BELAY_PASSPHRASE": "another"})

    def test_of_the_root_key_is_another_question(self):
        self.set_up_trust()
        following = self.home / "new"
        following.write_text("another\n")
        following.chmod(0o600)
        self.expect(0, "keys", "passphrase", "--root", "--kdf", "interactive", "--new-passphrase-file", str(following))
        self.expect(0, "keys", "new", "bob", "--role", "operator", "--kdf", "interactive")
        self.assertIn("the passphrase is wrong", self.expect(1, "keys", "trust").stderr)
        self.expect(0, "keys", "trust", env={"BELAY_PASSPHRASE": "another"})

    def test_a_public_key_goes_to_another_desk(self):
        self.expect(0, "keys", "new", "alice", "--role", "operator", "--kdf", "interactive")
        exported = self.home / "alice.pub"
        exported.write_text(self.expect(0, "keys", "export", "alice").stdout)
        there = {"BELAY_HOME": str(self.home / "there")}
        self.expect(0, "keys", "import", str(exported), env=there)
        listed = json.loads(self.expect(0, "keys", "list", "--json", env=there).stdout)["keys"]
        self.assertEqual([(key["name"], key["own"]) for key in listed], [("alice", False)])
        self.assertIn("no key 'bob' here", self.expect(1, "keys", "export", "bob").stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
