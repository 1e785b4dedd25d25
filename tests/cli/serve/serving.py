"""serving.py: `attnlab serve` on a simulated store, started and asked over bare sockets."""
import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
import simulated_store as store  # noqa: E402

ATTNLAB = os.path.join(os.environ["ATTNLAB_BUILD"], "bin", "attnlab")


class Serving(unittest.TestCase):
    """A folder with a database, and what serves it; both are gone after the test."""

    def make_store(self, **more):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.database = os.path.join(folder.name, "runs.db")
        self.store = store.fill(self.database, **more)
        self.store.commit()
        self.addCleanup(self.store.close)

    def serve(self):
        self.server = subprocess.Popen([ATTNLAB, "serve", "--db", self.database, "--port", "0"], text=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end)
        line = self.server.stdout.readline()
        self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", line)[1])
        self.address = f"http://127.0.0.1:{self.port}"

    def end(self):
        self.server.kill()
        self.server.communicate()

    def stop(self, number=signal.SIGINT):
        """What it says on its standard error; it must end with 0."""
        self.server.send_signal(number)
        _, said = self.server.communicate(timeout=20)
        self.assertEqual(self.server.returncode, 0, said)
        return said

    def ask(self, path="/", method="GET", host=None, body=None, **headers):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as line:
            line.request(method, path, body, {"Host": host or f"127.0.0.1:{self.port}", **headers})
            answer = line.getresponse()
            return answer, answer.read()

    def raw(self, data, patience=30):
        """What comes back for these bytes, until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience) as line:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                line.sendall(data)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := line.recv(65536):
                    answer += piece
            return answer

    def run_goes_on(self, run):
        """Makes this test the process that runs it."""
        with open("/proc/self/stat", encoding="utf-8") as file:
            ticks = int(file.read().rsplit(")", 1)[1].split()[19])
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            boot = file.read().strip()
        self.store.execute("UPDATE run_attempts SET status = 'running', owner_host = ?, owner_boot_id = ?, owner_pid = ?, "
                           "owner_start_ticks = ?, started_ms = 0, heartbeat_ms = 10000, ended_ms = NULL WHERE id = ?",
                           (socket.gethostname(), boot, os.getpid(), ticks, run))
        self.store.commit()

    def log(self, run, steps, value=3.0):
        """Training losses at these steps, as a run writes them."""
        for step in steps:
            self.store.execute("INSERT INTO events VALUES (?, ?, ?, ?, 0)", (run, step, step * store.TOKENS, step * 0.05))
            self.store.execute("INSERT INTO metrics VALUES (?, ?, ?, ?)", (run, store.TRAIN, step, value))
            self.store.execute("INSERT INTO run_last VALUES (?1, ?2, ?4, ?3, ?4, ?4, 1) ON CONFLICT DO UPDATE SET last = ?4, "
                               "last_step = ?3, count = count + 1", (run, store.TRAIN, step, value))
        self.store.commit()
