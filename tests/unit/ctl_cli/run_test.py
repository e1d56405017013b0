#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`belay run` and `belay retry`: the preview, what is signed, and what is submitted. BELAY names the program."""

import base64
import datetime
import hashlib
import json
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from desk import PLAN, ROLLOUT, Desk, change, ended, good, host, host_id, status, upgrade  # noqa: E402
from fake_belayd import HANG_UP  # noqa: E402


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

    def test_asks_hosts_for_packages_where_a_plan_hangs_on_them(self):
        """Meant without asking, meant, not meant, excluded by name, and silent: that one is told, and nothing starts without leave."""
        self.set_up_trust()
        plan = self.write_plan(PLAN.replace("{ match: { role: web } }", "{ match: 'role=web, package:demo<2.0, !package:nope' }"))
        fleet = [host(f"web-{letter}", package_manager="apt", kernel="6.1") for letter in "abcde"]
        told = [{**upgrade(f"web-{letter}"), "changes": [], "installed": [{"name": "demo", "version": version}]}
                for letter, version in (("b", "2.0~rc1-1"), ("c", "2.0-1"), ("d", "1.9"))]
        silent = {**upgrade("web-e"), "result": "unknown", "code": "absent", "reason": "the host is not connected", "changes": []}
        self.set_up_fleet(upgrade("web-a"), upgrade("web-b"), upgrade("web-d"))
        self.daemon._answers.update({
            "hosts.list": [[good(hosts=fleet)], [good(hosts=fleet[:1], undecided=fleet[1:])], [good(hosts=fleet)]],
            "query": [[*[good(host=answer) for answer in [*told, silent]], good(end=True)],
                      [*[good(host=upgrade(f"web-{letter}")) for letter in "abd"], good(end=True)]]})
        queues = json.dumps(self.daemon._answers)
        shown = json.loads(self.expect(1, "preview", plan, "--json").stdout)
        asked, resolved = self.daemon.seen("query")
        self.assertEqual(asked, {"verb": "query", "hosts": [host_id(letter) for letter in "bcde"],
                                 "packages": [{"name": "demo"}, {"name": "nope"}], "only_installed": True})
        self.assertEqual(sorted(resolved["hosts"]), [host_id(letter) for letter in "abd"])
        blocker, = shown["blockers"]
        self.assertEqual((blocker["name"], blocker["code"]), ("web-e", "packages_unknown"))
        self.assertIn("hangs on its packages, which it does not tell: the host is not connected", blocker["reason"])
        self.daemon._answers.update(json.loads(queues))
        refused = self.expect(1, "run", plan, "--yes")
        self.assertIn("web-e", refused.stdout + refused.stderr)
        self.assertIn("--allow-missing", refused.stderr)
        self.daemon._answers.update(json.loads(queues))
        self.daemon.answer("submit", good(rollout=ROLLOUT, hosts_count=3))
        self.expect(0, "run", plan, "--yes", "--allow-missing")
        submitted, = self.daemon.seen("submit")
        self.assertEqual(sorted(each["id"] for each in submitted["hosts"]), [host_id(letter) for letter in "abd"])

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
                         [{"verb": "hosts.list", "hosts": [host_id("b"), host_id("d")], "undecided": True}])
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
                             {"verb": "hosts.list", "state": "enrolled", "match": "label.role=web", "undecided": True})
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

    def test_standby_hosts_are_shown_signed_and_upgraded_later(self):
        self.set_up_trust()
        self.expect(0, "keys", "new", "bob", "--role", "commander", "--kdf", "interactive")
        plan = PLAN.replace("hosts: {", "hosts: { standby: [ web-c ],")
        rollout, request = self.signed_request(*(upgrade(f"web-{letter}") for letter in "abc"), plan=plan)
        self.assertEqual([entry["id"] for entry in request["hosts"]].count(host_id("c")), 0)
        self.set_up_fleet(*(upgrade(f"web-{letter}") for letter in "abc"))
        text = self.expect(0, "preview", self.write_plan(plan)).stdout
        self.assertIn("2 hosts to change", text)
        self.assertIn("\n1 host is kept as standby: in no wave, never started", text)
        self.assertIn("\n  web-c: keeps demo 1.0\n", text)
        self.assertIn("1 standby", text)
        kept = json.loads(self.expect(0, "preview", self.write_plan(plan), "--json").stdout)["standby"]
        self.assertEqual([(each["name"], each["packages"]) for each in kept], [("web-c", [{"name": "demo", "version": "1.0"}])])
        shown = self.expect(1, "run", "--signed", str(self.home / "signed-before")).stderr
        self.assertRegex(shown, r"\n *standby +1 host in no wave, never started, and kept with demo 1.0\n +" + host_id("c")[:16])
        slip = self.write_plan(plan.replace("web-c ],", "web-cc ],"))
        self.assertIn("did you mean 'web-c'", self.expect(1, "preview", slip).stderr)

        signed = {key: request[key] for key in ("manifest", "policy", "signatures")}
        hosts = [{"id": host_id(letter), "name": f"web-{letter}", "state": "committed", "reason": ""} for letter in "ab"]
        standby = {"hosts": [{"id": host_id("c"), "name": "web-c", "state": "ready", "reason": ""}], "hosts_count": 1}

        def upgrade_standby(expected, state, final, **fields):
            for verb in ("hosts.list", "query", "deny.list", "durations", "info"):
                self.daemon._answers.pop(verb)
            self.set_up_fleet(upgrade("web-c"))
            self.daemon._answers.update({
                "status": [[status(state, hosts, final=final, rollout=rollout, **fields)]],
                "plan": [[good(rollout=rollout, plan="demo", plan_text=plan)]],
                "manifest": [[good(rollout=rollout, **signed)]]})
            return self.expect(expected, "standby", rollout, "--yes", "--key", "alice").stderr

        self.assertIn("may need its standby hosts", upgrade_standby(1, "running", False, standby=standby))
        self.assertIn("is what is known to work", upgrade_standby(1, "halted", True, standby=standby))
        self.assertIn("kept no host as standby", upgrade_standby(0, "complete", True, standby=None))
        self.assertEqual(self.daemon.seen("submit"), [])
        self.daemon.answer("submit", good(rollout=ROLLOUT, hosts_count=1))
        upgrade_standby(0, "complete", True, standby=standby)
        submitted = self.daemon.seen("submit")[0]
        self.assertEqual((submitted["standby_of"], [entry["id"] for entry in submitted["hosts"]]), (rollout, [host_id("c")]))

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
        self.assertEqual(self.daemon.seen("hosts.list")[-2], {"verb": "hosts.list", "match": "quarantine", "undecided": True})
        fleet()
        self.assertTrue(json.loads(self.expect(0, "preview", plan, "--json").stdout)["excludes_nobody"])

    def test_a_listed_host_that_is_not_enrolled_stands_in_the_way(self):
        self.set_up_fleet({**upgrade("web-a"), "result": "unknown", "code": "not_enrolled", "reason": "not enrolled"})
        done = self.expect(1, "preview", self.write_plan(PLAN.replace("match: { role: web }", "list: [ web-a ]")))
        self.assertIn("not_enrolled", done.stdout)
        self.assertEqual(self.daemon.seen("hosts.list")[0], {"verb": "hosts.list", "hosts": ["web-a"], "undecided": True})

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

if __name__ == "__main__":
    unittest.main()
