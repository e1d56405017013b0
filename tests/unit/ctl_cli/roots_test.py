#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Several root keys, at one desk and at several. BELAY names the program."""

import base64
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from desk import Desk, good  # noqa: E402

KDF = ("--kdf", "interactive")


class Roots(Desk):
    def setUp(self):
        super().setUp()
        self.set_up_trust()
        self.request = str(self.home / "request")

    def at(self, desk):
        """The options that make a command one of another desk, of which each has a passphrase of its own."""
        return {"env": {"BELAY_HOME": str(self.home / desk), "BELAY_PASSPHRASE": f"secret of {desk}"}}

    def versions_given(self):
        return len(self.daemon.seen("trust.set"))

    def exchange(self, name, desk="other"):
        """A root that is made at another desk, and known here."""
        self.expect(0, "roots", "new", name, *KDF, **self.at(desk))
        public = self.home / f"{name}.pub"
        public.write_text(self.expect(0, "roots", "export", name, **self.at(desk)).stdout)
        self.expect(0, "roots", "import", str(public))

    def two_roots_at_two_desks(self):
        """Both must sign from here on. 'root' is here, 'bert' at the other desk."""
        self.exchange("bert")
        self.expect(0, "roots", "change", "--add", "bert", "--needed", "2", "--request", self.request)
        self.expect(0, "roots", "sign", self.request, "--yes", **self.at("other"))
        self.expect(0, "roots", "take", self.request)
        self.expect(0, "roots", "take", self.request, **self.at("other"))

    def test_one_desk_adds_a_root_and_takes_the_first_one_out(self):
        self.expect(0, "roots", "new", "safe", *KDF)
        self.assertEqual((self.home / "desk/roots/safe.key").stat().st_mode & 0o777, 0o600)
        done = self.expect(0, "roots", "change", "--add", "safe", "--needed", "2", "--json")
        told = json.loads(done.stdout)
        self.assertEqual((told["version"], told["roots_needed"], [root["name"] for root in told["roots"]]),
                         (2, 2, ["root", "safe"]))
        self.assertIn("2 of 2 roots sign the next one: root, safe", self.expect(0, "keys", "trust").stdout)
        self.assertIn("--needed says how many", self.expect(1, "roots", "change", "--remove", "root").stderr)
        told = json.loads(self.expect(0, "roots", "change", "--remove", "root", "--needed", "1", "--json").stdout)
        self.assertEqual((told["version"], [root["name"] for root in told["roots"]]), (3, ["safe"]))
        # What is no root any more signs no more.
        listed = json.loads(self.expect(0, "roots", "list", "--json").stdout)
        self.assertEqual([(root["name"], root["own"], root["trusted"]) for root in listed["roots"]],
                         [("safe", True, True), ("root", True, False)])
        self.expect(0, "keys", "new", "carol", "--role", "commander", *KDF)
        self.assertIn("version 4,", self.expect(0, "keys", "trust").stdout)
        sent = [base64.b64decode(request["trust"]) for request in self.daemon.seen("trust.set")]
        self.assertEqual(sent[-1], (self.home / "desk/trust-4").read_bytes())

    def test_a_root_of_another_desk_signs_there(self):
        self.exchange("bert")
        refused = self.expect(1, "roots", "change", "--add", "bert")
        self.assertIn("missing is bert", refused.stderr)
        self.assertIn("--request FILE", refused.stderr)
        given = self.versions_given()
        half = self.expect(0, "roots", "change", "--add", "bert", "--needed", "2", "--request", self.request)
        self.assertIn("new roots have to show that somebody has them: missing is bert", half.stdout)
        self.assertIn("half signed, so nothing has changed", half.stderr)
        self.assertIn("missing is bert", self.expect(1, "roots", "take", self.request).stderr)
        self.assertIn("no root key of this desk", self.expect(1, "roots", "sign", self.request, "--yes").stderr)
        self.assertIn("nothing was signed", self.expect(1, "roots", "sign", self.request, **self.at("other")).stderr)
        whole = self.expect(0, "roots", "sign", self.request, "--yes", **self.at("other"))
        for shown in ("+ root bert", "~ roots that must sign: 2 of 2, instead of 1 of 1", "no trust file to compare"):
            self.assertIn(shown, whole.stderr)
        self.assertNotIn("operator", whole.stderr)  # who is in it already is no change
        self.assertIn("signed by enough roots", whole.stdout)
        self.assertEqual(self.versions_given(), given)
        self.assertIn("version 2,", self.expect(0, "roots", "take", self.request).stdout)
        self.assertEqual(self.versions_given(), given + 1)
        # The other desk takes it as well, and finds that the controller has it.
        has = base64.b64encode((self.home / "desk/trust").read_bytes()).decode()
        self.daemon.answer("trust.set", {"ok": False, "code": "stale_trust", "error": "not above", "next": ""})
        self.daemon.answer("trust.get", good(version=2, trust=has))
        self.expect(0, "roots", "take", self.request, **self.at("other"))  # uses up the good answer
        self.assertIn("has it already", self.expect(0, "roots", "take", self.request, **self.at("other")).stderr)

    def test_one_of_two_needed_roots_changes_nothing_alone(self):
        self.two_roots_at_two_desks()
        given = self.versions_given()
        refused = self.expect(1, "keys", "trust", "--revoke", "alice")
        self.assertIn("signed by 0 of the 2 former roots that are needed: missing are 2 of root, bert", refused.stderr)
        for change in (["--needed", "1"], ["--remove", "bert", "--needed", "1"]):
            self.assertIn("roots of other desks have to sign", self.expect(1, "roots", "change", *change).stderr)
        self.assertEqual(self.versions_given(), given)
        self.expect(0, "keys", "new", "carol", "--role", "operator", *KDF)
        half = json.loads(self.expect(0, "keys", "trust", "--revoke", "alice", "--request", self.request,
                                      "--json").stdout)
        self.assertEqual((half["complete"], half["version"], half["former_signed_count"], half["former_needed"],
                          half["former_missing"]), (False, 3, 1, 2, ["bert"]))
        signed = self.expect(0, "roots", "sign", self.request, "--yes", **self.at("other"))
        for shown in ("- revoked alice", "+ operator carol"):
            self.assertIn(shown, signed.stderr)
        # Either desk hands it over; both know the same people then.
        self.expect(0, "roots", "take", self.request, **self.at("other"))
        self.expect(0, "roots", "take", self.request)
        trusts = [(self.home / desk / "trust").read_bytes() for desk in ("desk", "other")]
        self.assertEqual(trusts[0], trusts[1])

    def test_a_desk_signs_only_what_follows_its_own_trust_file(self):
        self.two_roots_at_two_desks()
        self.expect(0, "keys", "new", "carol", "--role", "operator", *KDF)
        self.expect(0, "keys", "trust", "--request", self.request)
        stale = pathlib.Path(self.request).read_text()
        self.expect(0, "roots", "sign", self.request, "--yes", **self.at("other"))
        self.expect(0, "roots", "take", self.request, **self.at("other"))
        pathlib.Path(self.request).write_text(stale)
        self.assertIn("it follows another trust file (version 2) than this desk has (version 3)",
                      self.expect(1, "roots", "sign", self.request, "--yes", **self.at("other")).stderr)

    def test_a_request_that_was_changed_on_the_way_is_refused(self):
        self.two_roots_at_two_desks()
        self.expect(0, "keys", "new", "carol", "--role", "operator", *KDF)
        self.expect(0, "keys", "trust", "--request", self.request)
        good_one = json.loads(pathlib.Path(self.request).read_text())
        body = base64.b64decode(good_one["file"])
        at = body.index(b"carol")
        changed = [("file", base64.b64encode(body[:at] + b"mallo" + body[at + 5:]).decode()), ("file", "!"), ("file", ""),
                   ("before", None), ("before", good_one["file"]), ("belay_trust_request", 2)]
        for key, value in changed:
            pathlib.Path(self.request).write_text(json.dumps({**good_one, key: value}))
            done = self.run_belay("roots", "take", self.request, **self.at("other"))
            self.assertNotEqual(done.returncode, 0, (key, value))
            self.expect(1, "roots", "sign", self.request, "--yes", **self.at("other"))

    def test_lost_roots_take_a_new_chain(self):
        self.two_roots_at_two_desks()
        self.expect(0, "keys", "new", "carol", "--role", "operator", *KDF)
        self.expect(0, "keys", "trust", "--request", self.request)
        self.assertIn("LOST ROOT KEYS", self.expect(0, "keys", "trust", "--request", self.request).stderr)
        done = self.expect(0, "keys", "trust", "--anew", "--revoke", "alice", "--json")
        told = json.loads(done.stdout)
        self.assertEqual((told["version"], [root["name"] for root in told["roots"]]), (3, ["root"]))
        self.assertEqual({person["name"]: person["revoked"] for person in told["people"]}, {"alice": True, "carol": False})
        self.assertIn("join --force", done.stderr.replace("belay-agent ", ""))
        self.assertIs(self.daemon.seen("trust.set")[-1]["anew"], True)
        # A desk that lost everything begins with the people whom the controller knows.
        has = base64.b64encode((self.home / "desk/trust").read_bytes()).decode()
        self.daemon.answer("trust.get", good(version=3, trust=has))
        told = json.loads(self.expect(0, "keys", "trust", "--anew", *KDF, "--json", **self.at("third")).stdout)
        self.assertEqual((told["version"], {person["name"] for person in told["people"]}), (4, {"alice", "carol"}))

    def test_refuses_what_makes_no_sense(self):
        self.expect(2, "roots", "change")
        self.expect(2, "roots", "change", "--needed", "0")
        self.expect(2, "roots", "change", "--needed", "9")
        for words, sentence in ((["roots", "new", "root"], "root.key"), (["roots", "new", "a/b"], "not a name"),
                                (["roots", "change", "--add", "nobody"], "no root key 'nobody' here"),
                                (["roots", "change", "--remove", "nobody"], "no root named 'nobody'"),
                                (["roots", "change", "--add", "root"], "a root already"),
                                (["roots", "change", "--needed", "2"], "2 of 1 roots would have to sign"),
                                (["roots", "export", "nobody"], "no root key 'nobody'"),
                                (["roots", "import", str(self.home / "desk/keys/alice.pub")], "is not a root key"),
                                (["roots", "change", "--needed", "1", "--request", self.request], "says all this already"),
                                (["roots", "sign", str(self.home / "desk/trust")], "no trust file to be signed")):
            self.assertIn(sentence, self.expect(1, *words).stderr)
        self.expect(0, "roots", "new", "safe", *KDF)
        self.assertIn("never replaced", self.expect(1, "roots", "new", "safe", *KDF).stderr)
        self.assertIn("is not the key of a person",
                      self.expect(1, "keys", "import", str(self.home / "desk/roots/safe.pub")).stderr)
        self.assertIn("no trust file yet", self.expect(1, "roots", "change", "--needed", "1", **self.fresh()).stderr)

    def test_each_root_has_a_passphrase_of_its_own(self):
        following = self.home / "following"
        following.write_text("another\n")
        following.chmod(0o600)
        self.expect(0, "roots", "new", "safe", *KDF)
        self.expect(0, "keys", "passphrase", "safe", "--root", *KDF, "--new-passphrase-file", str(following))
        self.assertIn("passphrase is wrong", self.expect(1, "roots", "change", "--add", "safe").stderr)
        self.expect(0, "keys", "passphrase", "--root", *KDF, "--new-passphrase-file", str(following))
        self.expect(0, "roots", "change", "--add", "safe", env={"BELAY_PASSPHRASE": "another"})

    def fresh(self):
        self.expect(0, "roots", "new", "safe", *KDF, **self.at("fresh"))
        return self.at("fresh")


if __name__ == "__main__":
    unittest.main()
