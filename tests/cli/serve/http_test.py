"""http_test.py: what `attnlab serve` answers, and what it refuses: other names, other methods, other paths, bad clients."""
import concurrent.futures
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time
import unittest
from urllib.parse import quote, unquote

from serving import ATTNLAB, Serving

EVIL = "<script>alert(1)</script>'\"&#../x"


class Http(Serving):
    def setUp(self):
        self.make_store(study=EVIL, variants=3, seeds=2, logged=50, validated=5)
        self.serve()

    def data(self, query=""):
        answer, body = self.ask("/data?" + query)
        self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, "application/json"))
        return json.loads(body)

    def test_all_studies_and_a_study_by_any_of_its_own_names(self):
        for host in (f"127.0.0.1:{self.port}", f"localhost:{self.port}", f"[::1]:{self.port}"):
            answer, body = self.ask("/", host=host)
            self.assertEqual(answer.status, 200, host)
            link = re.search(r'<td class="wrap"><a href="/study\?name=([^"]*)"', body.decode())[1]
            self.assertEqual((unquote(link), re.search(r"[^\w%.~-]", link)), (EVIL, None))
            self.assertNotIn(b"<script>alert", body)
        answer, body = self.ask("/study?name=" + quote(EVIL, safe=""))
        self.assertEqual(answer.status, 200)
        self.assertNotIn(b"<script>alert", body)
        head, nothing = self.ask("/study?name=" + quote(EVIL, safe=""), method="HEAD")
        self.assertEqual((head.status, nothing), (200, b""))
        self.assertEqual(head.getheader("Content-Length"), str(len(body)))

    def test_other_names_other_methods_and_other_paths_are_refused(self):
        for host in ("evil.example", f"evil.example:{self.port}", "127.0.0.1", "localhost", "127.0.0.1:1",
                     f"127.0.0.1.evil.example:{self.port}", f"127.0.0.1:{self.port}@evil.example", f"LOCALHOST.:{self.port}"):
            for path in ("/", "/data", "/nothing"):
                answer, body = self.ask(path, host=host)
                self.assertEqual(answer.status, 403, (host, path))
                self.assertNotIn(b"study", body)
        for request in (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n",
                        f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nHost: evil.example\r\n\r\n".encode()):
            self.assertIn(b" 403 ", self.raw(request).split(b"\r\n")[0], request)
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            answer, _ = self.ask("/", method=method, body=b"x=1")
            self.assertEqual((answer.status, answer.getheader("Allow")), (405, "GET, HEAD"), method)
        for path in ("/nothing", "/../etc/passwd", "/study/../data", "/..%2f..%2fetc/passwd", "/%2e%2e/", "//", "/data/", "/study/x",
                     "/runs.db", f"http://127.0.0.1:{self.port}/"):
            self.assertEqual(self.ask(path)[0].status, 404, path)
        self.assertEqual(self.ask("/")[0].status, 200)

    def test_nothing_may_be_embedded_shared_or_run_but_its_own(self):
        for path in ("/", "/data", "/nothing", "/study?name=x"):
            answer, _ = self.ask(path, Origin="http://evil.example")
            policy = answer.getheader("Content-Security-Policy")
            self.assertIn("default-src 'none'", policy)
            self.assertIn("script-src 'sha256-", policy)
            self.assertNotIn("unsafe-inline", policy.split("script-src")[1])
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertEqual(answer.getheader("X-Content-Type-Options"), "nosniff")
            self.assertEqual(answer.getheader("Cross-Origin-Resource-Policy"), "same-origin")
            self.assertIsNone(answer.getheader("Access-Control-Allow-Origin"))

    def test_requests_that_are_none_do_no_harm(self):
        me = f"Host: 127.0.0.1:{self.port}\r\n".encode()
        for request in (b"\0" * 5000, b"GET\r\n\r\n", b"BREW / HTTP/1.1\r\n" + me + b"\r\n", b"GET / HTTP/1.1\r\n" + b"A: " + b"x" * 1_000_000,
                        b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\n" + me + b"\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200_000 + b"\r\n",
                        b"GET / HTTP/1.1\r\n" + me + b"Range: bytes=9-1\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b""):
            if request:
                self.assertNotIn(b" 200 OK", self.raw(request).split(b"\r\n")[0], request[:40])
            else:
                socket.create_connection(("127.0.0.1", self.port)).close()
        self.assertEqual(self.ask("/")[0].status, 200)

    def test_clients_that_dawdle_keep_nobody_waiting(self):
        slow = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(8)]
        for line in slow[:4]:
            line.sendall(b"GET / HTTP/1.1\r\nHost: 127")
        for line in slow[4:]:  # asks and does not read
            line.sendall(f"GET /study?name={quote(EVIL, safe='')} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
        begun = time.monotonic()
        self.assertEqual(self.ask("/")[0].status, 200)
        self.assertLess(time.monotonic() - begun, 4)  # less than a dawdler is given
        self.stop()  # and Ctrl-C does not wait for them
        for line in slow:
            line.close()

    def test_connections_that_say_nothing_keep_nobody_waiting(self):
        self.ask("/")
        silent = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(200)]
        begun = time.monotonic()
        for _ in range(3):
            self.assertEqual(self.ask("/")[0].status, 200)
        self.assertLess(time.monotonic() - begun, 1)
        self.stop()
        for line in silent:
            line.close()

    def test_only_what_is_new_is_told(self):
        name = "name=" + quote(EVIL, safe="")
        run = self.store.execute("SELECT max(id) FROM run_attempts").fetchone()[0]
        self.run_goes_on(run)
        first = self.data(name)
        self.assertEqual([group["label"] for group in first["groups"]], ["dense", "hash_sparse", "none", "none, seed 1 (running)"])
        self.assertTrue(first["whole"])
        self.assertEqual({line["key"] for line in first["lines"]}, {"val/bits_per_char", "train/loss"})
        self.assertEqual([line["n"] for line in first["lines"] if line["key"] == "train/loss"], [2, 2, 1, 1])
        again = self.data(f"{name}&instance={first['instance']}&since={first['generation']}")
        self.assertEqual((again["whole"], again["sections"], again["lines"]), (False, {}, []))
        self.log(run, [2000, 2001])
        limit = time.monotonic() + 20  # it may wait a little before it reads anew
        while not (new := self.data(f"{name}&instance={first['instance']}&since={first['generation']}"))["lines"]:
            self.assertLess(time.monotonic(), limit)
        self.assertEqual([(line["key"], line["from"], line["step"]) for line in new["lines"]], [("train/loss", 50, [2000, 2001])])
        self.assertNotIn("groups", new)
        self.assertTrue(self.data(f"{name}&instance=another&since={new['generation']}")["whole"])

    def test_two_clients_at_once_and_many(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            paths = ["/", "/study?name=" + quote(EVIL, safe=""), "/data", "/data?name=" + quote(EVIL, safe="") + "&where=seed%3D0"] * 10
            self.assertEqual({answer.status for answer, _ in pool.map(self.ask, paths)}, {200})

    def test_some_runs_by_their_config_or_their_numbers(self):
        name = "name=" + quote(EVIL, safe="")
        groups = self.data(f"{name}&where=attention.name%3Ddense&where=attention.name%3Dnone")["groups"]
        self.assertEqual([group["label"] for group in groups], ["dense", "none"])
        groups = self.data(f"{name}&runs=1,3")["groups"]
        self.assertEqual([group["label"] for group in groups], ["run 1, dense, seed 0", "run 3, hash_sparse, seed 0"])
        self.assertIn("The chosen runs", self.data(f"{name}&runs=1,3")["sections"]["comparison"])
        self.assertEqual(self.data(f"{name}&where=seed%3D77")["groups"], [])
        for bad in ("where=x", "runs=1;2", "against=nobody", "runs=99999999999999999999"):
            self.assertIn("message", self.data(f"{name}&{bad}"), bad)
        self.assertIn("there is no study", self.data("name=nothing")["message"])

    def test_a_database_that_is_locked_or_gone_is_said_and_comes_back(self):
        self.store.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.store.execute("BEGIN EXCLUSIVE")
        self.store.execute("ROLLBACK")
        self.store.close()
        os.rename(self.database, self.database + ".away")
        self.assertIn("no results database", self.data()["message"])
        answer, body = self.ask("/")
        self.assertEqual(answer.status, 503)
        self.assertIn(b"no results database", body)
        os.rename(self.database + ".away", self.database)
        with sqlite3.connect(self.database) as other:
            other.executescript("PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; "
                                "UPDATE studies SET name = name")
            self.assertIn("locked", self.data()["message"])
            other.rollback()
        other.close()
        self.assertEqual(self.ask("/")[0].status, 200)
        with open(self.database, "r+b") as file:
            file.write(b"no database any more" * 10)
        self.assertIn("message", self.data())
        self.assertIsNone(self.server.poll())

    def test_its_end_and_its_beginning(self):
        second = subprocess.run([ATTNLAB, "serve", "--db", self.database, "--port", str(self.port)], capture_output=True, text=True, timeout=60)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"cannot listen on 127.0.0.1:{self.port}: another program has that port", second.stderr)
        for words, code in ((["--port", "70000"], 2), (["--port", "x"], 2), (["x"], 2), (["--db", "/nothing/here.db"], 1)):
            ended = subprocess.run([ATTNLAB, "serve", *words], capture_output=True, text=True, timeout=60)
            self.assertEqual(ended.returncode, code, ended.stderr)
        self.assertEqual(self.stop(signal.SIGTERM), "")


if __name__ == "__main__":
    unittest.main(verbosity=2)
