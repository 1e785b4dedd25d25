"""lab.py: the real programs on a fresh database, for tests of the whole.

Each test gets a folder of its own with a results database; data sets are generated, models tiny.
"""
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

BUILD = os.environ["ATTNLAB_BUILD"]
ATTNLAB = os.path.join(BUILD, "bin", "attnlab")
FAILED, AGAIN, INTERRUPTED = 3, 75, 130  # exit codes, framework/core/error.h

# A run of about a second.
TINY = ["dataset=copy", "dataset.length=32", "model.layers=1", "model.width=16", "model.heads=2",
        "train.steps=6", "train.batch_size=2", "train.log_every=1", "train.eval_every=0",
        "train.eval_sequences=4"]
# The same, but so long that somebody has to stop it.
LONG = TINY + ["train.steps=1000000"]


def other_build(field, text):
    """The environment in which programs take themselves for another build."""
    return {"LD_PRELOAD": os.path.join(BUILD, "lib", "libattnlab_other_build.so"),
            "ATTNLAB_OTHER_BUILD": f"{field}={text}"}


def read_text(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def write_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Lab(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="attnlab-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.db = os.path.join(self.folder, "results", "runs.db")

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("ATTNLAB_")}
        # No data and no plugins but those of the build.
        env.update(HOME=self.folder, XDG_CACHE_HOME=os.path.join(self.folder, "cache"), TERM="dumb")
        env.update(more)
        return env

    def attnlab(self, *words, code=0, db=True, **env):
        """Runs a command to its end; the exit code must be `code`."""
        return self.ended([ATTNLAB, words[0], *(["--db", self.db] if db else []), *words[1:]], code, **env)

    def ended(self, command, code=0, timeout=120, **env):
        """As attnlab(), of any command."""
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, timeout=timeout,
                              env=self.environment(**env))
        self.assertEqual(done.returncode, code, f"{command}\n{done.stdout}\n{done.stderr}")
        return done

    def prepared(self, text, name="tokens", split_at="blank", test_size="0.1"):
        """Overrides for a text whose tokens are bytes."""
        source, out = os.path.join(self.folder, "source.txt"), os.path.join(self.folder, name)
        write_text(source, text)
        self.attnlab("data", "prepare", "text", "--source", source, "--out", out, "--split-at", split_at, "--test-size", test_size,
                     "--tokens", "bytes", db=False)
        return ["dataset=text", f"dataset.path={out}"]

    def start(self, *words, **env):
        """Starts a command and leaves it running; the test's end kills what is left of it."""
        command = [ATTNLAB, words[0], "--db", self.db, *words[1:]]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment(**env), text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        if process.stdout.closed:  # what it said was taken before
            process.wait()
        else:
            process.communicate()

    def sql(self, query, *parameters):
        """Rows of a query; none while there is no database."""
        if not os.path.exists(self.db):
            return []
        with contextlib.closing(sqlite3.connect(f"file:{self.db}?mode=ro", uri=True, timeout=10)) as db:
            try:
                return db.execute(query, parameters).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):  # it is being made just now
                    return []
                raise

    def values(self, query, *parameters):
        return [row[0] for row in self.sql(query, *parameters)]

    def wait_until(self, what, condition, seconds=30):
        limit = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), limit, f"waited {seconds} s until {what}")
            time.sleep(0.05)

    def wait_for_metrics(self, runs=1):
        """Until so many running runs have written numbers."""
        query = ("SELECT count(DISTINCT run_id) FROM metrics JOIN run_attempts ON id = run_id "
                 "WHERE status = 'running'")
        self.wait_until(f"{runs} running runs have metrics", lambda: self.values(query) >= [runs])

    def workers(self):
        """Process ids of running workers of this test's database."""
        return [pid for pid in self.values("SELECT DISTINCT owner_pid FROM run_attempts") if is_worker(pid)]

    def has_open(self, pid):
        """Whether a process has this test's database open."""
        folder = f"/proc/{pid}/fd"
        with contextlib.suppress(OSError):
            return any(os.path.realpath(os.path.join(folder, fd)) == self.db for fd in os.listdir(folder))
        return False

    def assert_sound(self):
        self.assertEqual(self.values("PRAGMA integrity_check"), ["ok"])


def is_worker(pid):
    """Whether the process runs a worker; one that is dead but not waited for does not."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"attnlab-worker" in file.read()  # empty when dead
    except OSError:
        return False


def main():
    unittest.main(verbosity=2)
