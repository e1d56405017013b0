#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""belay-gate against real servers on the loopback: what each answer is taken for."""
import ctypes
import http.server
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

GATE = os.environ["BELAY_GATE"]
AGE = "timestamp(q\n)"


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        self.asked = []
        self.answers = {}
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        key = urllib.parse.parse_qs(url.query).get("query", [url.path])[0]
        self.server.asked.append((url.path, key))
        status, headers, body = self.server.answers.get(key, (404, {}, b"nothing here"))
        if status == "hang":
            self.server.released.wait(30)
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass


def vector(*values, at=None, **more):
    at = time.time() if at is None else at
    result = [{"metric": {}, "value": [at, value]} for value in values]
    answer = {"status": "success", "data": {"resultType": "vector", "result": result}} | more
    return 200, {}, json.dumps(answer).encode()


def run(task, argv=(GATE,), **more):
    text = task if isinstance(task, bytes) else json.dumps(task).encode()
    return subprocess.run(argv, input=text, capture_output=True, timeout=60, check=False, **more)


# A network of its own: nothing but the loopback, and a resolver that takes questions and never answers.
ISLAND = r"""
import fcntl, os, socket, struct, subprocess, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lo:
    fcntl.ioctl(lo, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
    lo.bind(("127.0.0.1", 53))
    for name, text in (("resolv.conf", "nameserver 127.0.0.1\n"), ("nsswitch.conf", "hosts: files dns\n")):
        path = os.path.join(sys.argv[1], name)
        with open(path, "w") as file:
            file.write(text)
        subprocess.run(["mount", "--bind", path, os.path.realpath("/etc/" + name)], check=True)
    print("ready", file=sys.stderr, flush=True)
    sys.exit(subprocess.run([sys.argv[2]]).returncode)
"""


class Asked(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def ask(self, kind, query, **more):
        done = run({"kind": kind, "within_ms": 5000, "query": query} | more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def prometheus(self, answer, **more):
        self.server.answers["q"] = answer
        return self.ask("prometheus", "q", at=self.server.url, **more)["answer"]

    def test_a_vector_of_one_and_a_scalar_are_numbers(self):
        self.assertEqual(self.prometheus(vector("0.9987")), {"outcome": "number", "value": 0.9987})
        scalar = {"status": "success", "data": {"resultType": "scalar", "result": [time.time(), "-3"]}}
        self.assertEqual(self.prometheus((200, {}, json.dumps(scalar).encode())), {"outcome": "number", "value": -3.0})

    def test_nothing_and_no_number_are_no_data(self):
        for answer in (vector(), vector("NaN"), vector("+Inf"), vector("-Inf")):
            self.assertEqual(self.prometheus(answer)["outcome"], "no_data")

    def test_what_is_not_one_number_is_an_error_with_its_reason(self):
        def wrapped(kind, result):
            return 200, {}, json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()
        cases = [
            (vector("1", "2"), "2 series"),
            (wrapped("matrix", []), "a 'matrix'"),
            (wrapped("string", [1, "x"]), "a 'string'"),
            (wrapped("vector", [{"metric": {}}]), "is none"),
            (wrapped("vector", [{"metric": {}, "value": [1]}]), "is none"),
            (wrapped("vector", [{"metric": {}, "value": [1, "5 apples"]}]), "no number"),
            (wrapped("vector", [{"metric": {}, "value": ["1", "5"]}]), "is none"),
            (wrapped("vector", [{"metric": {}, "value": [1e300, "5"]}]), "is none"),
            (wrapped("vector", {}), "one number"),
            ((400, {}, b'{"status":"error","errorType":"bad_data","error":"parse error: \\u001b[2J"}'), "parse error: \\x1b[2J"),
            ((503, {}, b"upstream is away"), "answers 503"),
            ((503, {}, vector("5")[2]), "answers 503"),
            ((200, {}, b"<html>"), "not Prometheus'"),
            ((200, {}, b"[]"), "not Prometheus'"),
            ((200, {}, b"{}"), "Prometheus answers 200"),
            ((200, {}, b""), "not Prometheus'"),
        ]
        for answer, words in cases:
            said = self.prometheus(answer)
            self.assertEqual(said["outcome"], "error", answer)
            self.assertIn(words, said["text"])

    def test_a_warning_is_passed_on(self):
        said = self.prometheus(vector("5", warnings=["a store did not answer"]))
        self.assertEqual(said["outcome"], "number")
        self.assertIn("a store did not answer", said["text"])

    def test_old_samples_count_as_none(self):
        self.server.answers[AGE] = vector(str(time.time() - 200))
        said = self.prometheus(vector("5"), stale_ms=120000)
        self.assertEqual(said["outcome"], "no_data")
        self.assertIn("above 120 s", said["text"])
        self.server.answers[AGE] = vector(str(time.time() - 20))
        self.assertEqual(self.prometheus(vector("5"), stale_ms=120000)["outcome"], "number")

    def test_a_number_whose_age_nobody_tells_is_none(self):
        cases = [
            ((503, {}, b"busy"), "error", "answers 503"),
            ((400, {}, b'{"status":"error","errorType":"bad_data","error":"parse error"}'), "error", "parse error"),
            (vector("1", "2"), "error", "2 series"),
            (vector("1e300"), "error", "an age that is none"),
            (vector("-1e300"), "error", "an age that is none"),
            (vector(), "no_data", "gives nothing"),
        ]
        for answer, outcome, words in cases:
            self.server.answers[AGE] = answer
            said = self.prometheus(vector("5"), stale_ms=120000)
            self.assertEqual(said["outcome"], outcome, answer)
            self.assertIn(words, said["text"])
            self.assertNotIn("value", said)
        # It fits into a URL, and no longer with the question for its age.
        server, query = self.server.url, "x" * (8191 - len(self.server.url) - len("/api/v1/query?query="))
        self.server.answers[query] = vector("5")
        self.assertEqual(self.ask("prometheus", query, at=server)["answer"]["outcome"], "number")
        said = self.ask("prometheus", query, at=server, stale_ms=120000)["answer"]
        self.assertEqual((said["outcome"], said["text"]), ("error", f"{server}: the query is too long"))

    def test_a_scalar_has_no_age(self):
        scalar = {"status": "success", "data": {"resultType": "scalar", "result": [time.time(), "3"]}}
        self.server.answers[AGE] = (400, {}, b'{"status":"error","error":"expected type instant vector"}')
        said = self.prometheus((200, {}, json.dumps(scalar).encode()), stale_ms=120000)
        self.assertEqual(said, {"outcome": "number", "value": 3.0})

    def test_an_answer_for_another_instant_is_none(self):
        for shift in (-300, 300):
            said = self.prometheus(vector("5", at=time.time() + shift), stale_ms=120000)
            self.assertEqual(said["outcome"], "no_data")

    def test_control_and_minimum_are_asked_of_the_same_one(self):
        query = 'sum(rate(errors{host=~"a|b"}[5m])) / 2 + 1 & # ?'
        self.server.answers |= {query: vector("7"), "c": vector(), "m": vector("120")}
        said = self.ask("prometheus", query, at=self.server.url + "/", control="c", minimum="m")
        self.assertEqual(said["answer"], {"outcome": "number", "value": 7.0})
        self.assertEqual(said["control"]["outcome"], "no_data")
        self.assertEqual(said["minimum"]["value"], 120.0)
        self.assertEqual(self.server.asked, [("/api/v1/query", key) for key in (query, "c", "m")])

    def test_nobody_there_is_an_error(self):
        port = closed_port()
        said = self.ask("prometheus", "q", at=f"http://127.0.0.1:{port}")["answer"]
        self.assertEqual(said["outcome"], "error")
        self.assertIn(str(port), said["text"])

    def test_no_redirect_is_followed(self):
        other = Server()
        self.addCleanup(other.server_close)
        self.addCleanup(other.shutdown)
        away = (302, {"Location": other.url + "/page"}, b"")
        self.assertEqual(self.prometheus(away)["outcome"], "error")
        self.server.answers["/page"] = away
        self.assertEqual(self.ask("http", self.server.url + "/page", status=200)["answer"]["outcome"], "bad")
        self.assertEqual(other.asked, [])

    def test_no_other_protocol_is_spoken(self):
        for url in ("file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "dict://127.0.0.1/"):
            self.assertEqual(self.ask("http", url, status=200)["answer"]["outcome"], "error", url)

    def test_an_endless_answer_is_cut(self):
        self.server.answers["q"] = (200, {}, b"x" * 3000000)
        said = self.prometheus(self.server.answers["q"])
        self.assertEqual(said["outcome"], "error")
        self.assertIn("above 256 KiB", said["text"])

    def test_an_answer_that_does_not_come_is_an_error_in_time(self):
        self.server.released = threading.Event()
        self.addCleanup(self.server.released.set)
        self.server.answers["q"] = ("hang", {}, b"")
        start = time.monotonic()
        said = self.ask("prometheus", "q", at=self.server.url, within_ms=400)["answer"]
        self.assertEqual(said["outcome"], "error")
        self.assertLess(time.monotonic() - start, 20)

    def test_a_page_is_judged_by_status_and_content(self):
        self.server.answers["/ok"] = (200, {}, b"all is well")
        self.server.answers["/bad"] = (500, {}, b"all is well")
        url = self.server.url
        self.assertEqual(self.ask("http", url + "/ok", status=200)["answer"]["outcome"], "good")
        self.assertEqual(self.ask("http", url + "/ok", status=200, contains="is well")["answer"]["outcome"], "good")
        said = self.ask("http", url + "/ok", status=200, contains="is fine")["answer"]
        self.assertEqual(said["outcome"], "bad")
        self.assertIn("does not contain 'is fine'", said["text"])
        said = self.ask("http", url + "/bad", status=200)["answer"]
        self.assertEqual(said["outcome"], "bad")
        self.assertIn("500 instead of 200", said["text"])
        self.assertEqual(self.ask("http", url + "/bad", status=500)["answer"]["outcome"], "good")
        self.assertEqual(self.ask("http", f"http://127.0.0.1:{closed_port()}/", status=200)["answer"]["outcome"], "bad")

    def test_a_name_that_nobody_knows_is_our_trouble(self):
        said = self.ask("http", "http://nowhere.invalid/", status=200)["answer"]
        self.assertEqual(said["outcome"], "error")

    def test_a_network_that_is_down_is_our_trouble(self):
        with tempfile.TemporaryDirectory() as folder:
            island = ["unshare", "--map-root-user", "--net", "--mount", sys.executable, "-c", ISLAND, folder, GATE]
            for kind, query, words in (
                ("http", "http://shop.example.org/", "Resolving timed out"),
                ("tcp", "shop.example.org:80", "Resolving timed out"),
                ("http", "http://192.0.2.1/", "connect to 192.0.2.1"),
                ("tcp", "192.0.2.1:80", "connect to 192.0.2.1"),
            ):
                done = run({"kind": kind, "within_ms": 1000, "query": query, "status": 200}, island)
                if b"ready" not in done.stderr:
                    self.skipTest(f"no network of our own: {done.stderr.decode()}")
                said = json.loads(done.stdout)["answer"]
                self.assertEqual(said["outcome"], "error", said)
                self.assertIn(words, said["text"])

    def test_a_service_that_hangs_is_bad(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(1)
            said = self.ask("http", f"http://localhost:{silent.getsockname()[1]}/", status=200, within_ms=400)["answer"]
        self.assertEqual(said["outcome"], "bad", said)

    def test_it_opens_no_other_files_and_gains_no_privileges(self):
        if ctypes.CDLL(None).syscall(444, None, 0, 1) < 1:  # landlock_create_ruleset: its version
            self.skipTest("this kernel has no Landlock")
        # A FIFO where OpenSSL looks for its settings: opened, it would wait for a writer for ever.
        with tempfile.TemporaryDirectory() as folder:
            settings = os.path.join(folder, "openssl.cnf")
            os.mkfifo(settings)
            endpoint = self.server.url.removeprefix("http://")
            done = run({"kind": "tcp", "within_ms": 5000, "query": endpoint}, env={"OPENSSL_CONF": settings})
        self.assertEqual(json.loads(done.stdout)["answer"]["outcome"], "good")

    def test_an_address_takes_connections_or_not(self):
        endpoint = self.server.url.removeprefix("http://")
        self.assertEqual(self.ask("tcp", endpoint)["answer"]["outcome"], "good")
        self.assertEqual(self.ask("tcp", f"127.0.0.1:{closed_port()}")["answer"]["outcome"], "bad")

    def test_what_is_no_task_is_refused(self):
        good = {"kind": "tcp", "within_ms": 1000, "query": "127.0.0.1:1"}
        for task in (b"", b"{", b"[]", b"x" * 100000, good | {"kind": "exec"}, good | {"query": ""},
                     good | {"within_ms": 0}, good | {"within_ms": 10**9}):
            done = run(task)
            self.assertEqual(done.returncode, 1, task)
            self.assertEqual(done.stdout, b"")
        self.assertEqual(subprocess.run([GATE, "--help"], capture_output=True, check=False).returncode, 2)


def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


if __name__ == "__main__":
    sys.exit(unittest.main())
