#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The manual, the description of the JSON and the completions know what the program knows. BELAY names the program."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from desk import BELAY, ROLLOUT, Desk, good, host, host_id  # noqa: E402


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
            if name in ("run", "retry", "standby"):  # they print an id
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
