"""gpus_test.py: --gpus, --per-gpu, --jobs auto and device=cuda:N with a driver that pretends several devices,
and a worker that says which it was given. Nothing is computed."""
import json
import os
import signal
import sqlite3
import stat
import subprocess
import tempfile
import time
import unittest

BUILD = os.environ["ATTNLAB_BUILD"]
ATTNLAB = os.path.join(BUILD, "bin", "attnlab")
DRIVER = os.path.join(BUILD, "lib", "pretended_gpu", "libattnlab_pretended_driver.so")
# Notes when it began and ended and what it sees; sleeps; says that the run is done.
WORKER = """#!/usr/bin/env python3
import json, os, sqlite3, sys, time
spec = json.load(open(sys.argv[2]))
note = open(os.environ["NOTES"], "a")
shown = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
began = time.monotonic()
os.write(3, b'{"kind": "start"}\\n')
time.sleep(float(os.environ["NAP"]))
note.write(json.dumps([spec["run_id"], shown, began, time.monotonic()]) + "\\n")
note.close()
db = sqlite3.connect(spec["database"], timeout=60)
db.execute("PRAGMA wal_autocheckpoint = 0")
db.execute("UPDATE run_attempts SET status = 'done', ended_ms = 1 WHERE id = ?", (spec["run_id"],))
db.commit()
"""
CELLS = ["dataset=copy", "attention=none"]


@unittest.skipUnless(os.path.exists(DRIVER), "the pretended driver is not built")
class Gpus(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = self.temporary.name
        worker = os.path.join(self.folder, "worker")
        with open(worker, "w", encoding="utf-8") as file:
            file.write(WORKER)
        os.chmod(worker, stat.S_IRWXU)
        self.notes = os.path.join(self.folder, "notes")
        self.env = {**os.environ, "LD_PRELOAD": DRIVER, "ATTNLAB_WORKER": worker, "NOTES": self.notes, "NAP": "0.4",
                    "ATTNLAB_RUNTIME_DIR": os.path.join(self.folder, "claims"), "ATTNLAB_PRETENDED_DEVICES": "3"}
        self.env.pop("CUDA_VISIBLE_DEVICES", None)

    def command(self, words, db="runs.db"):
        return [ATTNLAB, *words, *CELLS, "--db", os.path.join(self.folder, db)]

    def attnlab(self, *words, code=0, **env):
        ended = subprocess.run(self.command(words), env={**self.env, **env}, capture_output=True, text=True, timeout=60)
        self.assertEqual(ended.returncode, code, ended.stderr + ended.stdout)
        return ended.stderr + ended.stdout

    def runs(self):
        """[run, device, began, ended], in the order in which they ended."""
        with open(self.notes, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def most_at_once(self, device=None):
        spans = [(b, e) for _, d, b, e in self.runs() if device in (None, d)]
        return max(sum(b <= at < e for b, e in spans) for at, _ in spans)

    def test_each_run_of_a_grid_has_a_gpu_of_its_own(self):
        self.attnlab("grid", "device=cuda", "seed=range(6)", "--gpus", "all")
        self.assertEqual({d for _, d, _, _ in self.runs()}, {"0", "1", "2"})
        self.assertEqual(self.most_at_once(), 3)
        self.assertEqual([self.most_at_once(str(d)) for d in range(3)], [1, 1, 1])
        with sqlite3.connect(os.path.join(self.folder, "runs.db")) as db:
            stored = dict(db.execute("SELECT run_id, text FROM facts WHERE name = 'cuda_visible_devices'"))
        self.assertEqual(stored, {run: d for run, d, _, _ in self.runs()})

    def test_only_the_gpus_that_were_named_are_used_and_so_many_runs_share_one(self):
        self.attnlab("grid", "device=cuda", "seed=range(5)", "--gpus", "2,0", "--per-gpu", "2")
        self.assertEqual({d for _, d, _, _ in self.runs()}, {"0", "2"})
        self.assertEqual(self.most_at_once(), 4)
        self.assertEqual(self.most_at_once("2"), 2)

    def test_names_of_those_that_are_shown_here_are_passed_on(self):
        self.attnlab("grid", "device=cuda", "seed=0,1", "--gpus", "0,1", CUDA_VISIBLE_DEVICES="2,1,0")
        self.assertEqual({d for _, d, _, _ in self.runs()}, {"2", "1"})

    def test_two_grids_on_two_databases_share_the_gpus_of_a_host_and_none_waits_for_the_dead(self):
        words = ["grid", "device=cuda", "seed=range(4)", "--jobs", "4"]
        both = [subprocess.Popen(self.command(words, db), env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                for db in ("a.db", "b.db")]
        for grid in both:
            self.assertEqual(grid.wait(60), 0, grid.stdout.read())
            grid.stdout.close()
        self.assertEqual(len(self.runs()), 8)
        self.assertEqual([self.most_at_once(str(d)) for d in range(3)], [1, 1, 1])
        killed = subprocess.Popen(self.command(["grid", "device=cuda", "seed=range(10,20)", "--gpus", "all"]), env={**self.env, "NAP": "30"},
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        claims = os.path.join(self.folder, "claims")
        self.wait_until(lambda: len(os.listdir(claims)) == 3 and self.children_of(killed.pid) == 3)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        self.attnlab("run", "device=cuda", "seed=77")

    def children_of(self, pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return len(file.read().split())

    def wait_until(self, condition):
        for _ in range(1500):
            if condition():
                return
            time.sleep(0.02)
        self.fail("it did not come true")

    def test_the_number_is_no_part_of_a_run_and_the_model_is(self):
        self.attnlab("run", "device=cuda:1")
        self.assertEqual(self.runs()[0][1], "1")
        self.assertIn("done before", self.attnlab("grid", "device=cuda", "--gpus", "0"))
        self.assertIn("done before", self.attnlab("grid", "device=auto", ATTNLAB_PRETENDED_DEVICES="1"))
        models = {"ATTNLAB_PRETENDED_MODELS": "A,B,A"}
        text = self.attnlab("grid", "device=cuda", "seed=range(4)", "--jobs", "auto", **models)
        self.assertIn("GPU 1 (B) is left out: another model than A", text)
        self.assertEqual({d for _, d, _, _ in self.runs()[1:]}, {"0", "2"})
        self.assertIn("done before", self.attnlab("grid", "device=cuda", "--gpus", "2", **models))
        self.assertNotIn("done before", self.attnlab("grid", "device=cuda", "--gpus", "1", **models))

    def test_what_is_asked_for_in_vain_is_told(self):
        for words, told in ((["--gpus", "3"], "the driver shows none of these"), (["--gpus", "0,5"], "the driver shows only 1 of these"),
                            (["--gpus", "0,0"], "the same GPU twice"), (["--gpus", "x"], "'x' is no GPU's number"),
                            (["--gpus", ""], "is no GPU's number"), (["--per-gpu", "0"], "--per-gpu"), (["--jobs", "some"], "--jobs"),
                            (["device=cuda:0,cuda:1"], "--gpus 0,1"), (["device=cuda:1", "--gpus", "0"], "two answers")):
            self.assertIn(told, self.attnlab("grid", "device=cuda" if "device" not in words[0] else "seed=0", *words, code=2), words)
        self.assertIn("which GPU it is, is no part of a run", self.attnlab("grid", "none.device=cuda:1", code=1))
        self.assertIn("the driver shows none of these", self.attnlab("run", "--gpus", "all", code=2, ATTNLAB_PRETENDED_DEVICES="0"))
        self.assertFalse(os.path.exists(self.notes))

    def test_doctor_lists_them(self):
        ended = subprocess.run([ATTNLAB, "doctor", "--db", os.path.join(self.folder, "runs.db")], text=True, capture_output=True, timeout=60,
                               env={**self.env, "ATTNLAB_PRETENDED_MODELS": "A,B,A"})
        self.assertIn("0: A, 1: B, 2: A", ended.stdout)


if __name__ == "__main__":
    unittest.main()
