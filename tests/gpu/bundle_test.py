"""bundle_test.py: gpu-test and gpu-bench of the bundle, from a folder laid out like one.

Without a GPU they say so and write nothing; on a pretended one (tests/gpu/pretended) a few parts run to their end.
"""
import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

BUILD, SOURCE, LIBTORCH = (os.environ[f"ATTNLAB_{name}"] for name in ("BUILD", "SOURCE", "LIBTORCH"))
PRELOAD = ":".join(os.path.join(BUILD, "lib", "pretended_gpu", f"libattnlab_pretended_{part}.so")
                   for part in ("driver", "nvml", "gpu"))
NO_GPU, USAGE, LEFT = 3, 2, 4


class Bundle(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="attnlab-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        for name in ("parts", "environment", "gpu-test", "gpu-bench", "gpu-day"):
            shutil.copy(os.path.join(SOURCE, "cmake", "bundle", name), self.folder)
        os.symlink(os.path.join(BUILD, "lib"), os.path.join(self.folder, "lib"))
        for name in ("share", "bin"):
            os.makedirs(os.path.join(self.folder, name))
        for name in ("attnlab", "attnlab-worker"):  # they alone see the pretended GPU, not every command of the scripts
            program = os.path.join(BUILD, "bin", name)
            self.write(os.path.join("bin", name), f'#!/bin/sh\nexec env ${{PRETENDED:+LD_PRELOAD=$PRETENDED}} {program} "$@"\n')
            os.chmod(os.path.join(self.folder, "bin", name), 0o755)
        os.symlink(SOURCE, os.path.join(self.folder, "share", "attnlab"))
        with open(os.path.join(SOURCE, "cmake", "attnlab_torch.cmake"), encoding="utf-8") as file:
            version = re.search(r"set\(ATTNLAB_TORCH_VERSION (.*)\)", file.read())[1]
        self.write("libtorch.version", version)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, *names):
        with open(os.path.join(self.folder, *names), encoding="utf-8") as file:
            return file.read()

    def run_it(self, program, *words, code, gpu=True, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("ATTNLAB_")}
        env |= {"ATTNLAB_LIBTORCH": LIBTORCH, "HOME": self.folder, "OMP_WAIT_POLICY": "passive"} | more
        if gpu:
            env |= {"PRETENDED": PRELOAD,
                    "ATTNLAB_CUDA_LIBRARY": os.path.join(BUILD, "lib", "libattnlab_cuda_emulated.so")}
        done = subprocess.run([os.path.join(self.folder, program), *words], cwd=self.folder, env=env, text=True,
                              capture_output=True, timeout=300)
        self.assertEqual(done.returncode, code, f"{program} {words}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def results(self, folder):
        return [json.loads(line) for line in self.read(folder, "results.jsonl").splitlines()]

    def test_without_a_gpu_both_say_so_and_write_nothing(self):
        if subprocess.run([os.path.join(BUILD, "bin", "attnlab-worker"), "device"], capture_output=True).returncode == 0:
            self.skipTest("there is a GPU")
        before = sorted(os.listdir(self.folder))
        for program in ("gpu-test", "gpu-bench"):
            told = self.run_it(program, code=NO_GPU, gpu=False)
            self.assertRegex(told, "device=cuda: (no CUDA device was found|LibTorch's CUDA part cannot be loaded)")
            self.assertIn(f"{program}: there is no GPU that LibTorch can use here; nothing was run and nothing was written", told)
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_parts_are_listed_with_estimates_without_a_gpu_or_libtorch(self):
        listed = self.run_it("gpu-bench", "--list", code=0, gpu=False, ATTNLAB_LIBTORCH="/nowhere")
        for part in ("goals_gpu", "tiles_large", "tiles_small", "goals_train", "dims_gpu", "lengths_gpu"):
            self.assertRegex(listed, rf"(?m)^{part} +about +\d+ min")
        self.assertRegex(self.run_it("gpu-test", "--list", "graphs", code=0, gpu=False), r"^graphs +about .* CUDA graph\n$")

    def test_a_part_that_is_not_there_is_named(self):
        self.assertIn("there is no part 'gaols_gpu'", self.run_it("gpu-bench", "--list", "gaols_gpu", code=USAGE, gpu=False))
        self.assertIn("usage: NAME [--into FOLDER]", self.run_it("gpu-bench", "--minute", "3", code=USAGE, gpu=False))

    def test_what_passed_is_not_run_again_and_what_failed_stops_nothing(self):
        # An environment that no backward pass knows fails one of the two.
        told = self.run_it("gpu-test", "--into", "out", "check_sliding_window", "check_none", code=1,
                           ATTNLAB_CUDA_BACKWARD="unheard_of")
        self.assertIn("failed: check_sliding_window", told)
        self.assertEqual([(r["part"], r["status"]) for r in self.results("out")],
                         [("check_none", "passed"), ("check_sliding_window", "failed")])
        self.assertIn("ATTNLAB_CUDA_BACKWARD is 'unheard_of'", self.read("out", "check_sliding_window.log"))
        self.assertIn("throttled: power cap + heat", self.read("out", "device.txt"))
        self.assertIn("all passed", self.run_it("gpu-test", "--into", "out", "check_none", code=0))
        self.assertEqual(len(self.results("out")), 2)

    def test_a_limit_of_time_leaves_parts_for_the_next_call(self):
        told = self.run_it("gpu-bench", "--minutes", "1", "goals_gpu", code=USAGE)
        self.assertIn("left for the next call: goals_gpu", told)
        self.assertIn("--minutes 1 is too short for any of these", told)
        self.write_tiny_preset()
        told = self.run_it("gpu-bench", "--minutes", "4", "goals_gpu", "goals_train", code=LEFT,
                           ATTNLAB_BENCH_PRESET="tiny.yaml", ATTNLAB_BENCH="--quiet")
        self.assertRegex(told, "left for the next call: goals_train")

    def write_tiny_preset(self):
        # Its own rows, because a roofline of a GPU is measured by products that take a CPU minutes.
        self.write("tiny.yaml", "title: A tiny one\nbench: {lengths: '32', samples: 2, seconds: 0}\n"
                                "overrides: [model.heads=1, model.width=16]\nrows: [{label: none, overrides: [attention=none]}]\n")

    def test_what_is_cut_off_by_the_time_limit_is_left_and_not_failed(self):
        os.makedirs(os.path.join(self.folder, "tests"))
        program = os.path.join(self.folder, "tests", "test_gpu")
        self.write(program, "#!/bin/sh\necho as far as it came\nkill -9 $$\n")  # 137, as timeout ends what does not end
        os.chmod(program, 0o755)
        self.run_it("gpu-test", "--into", "out", "--minutes", "2", "graphs", code=LEFT)
        result, = self.results("out")
        self.assertEqual((result["part"], result["status"]), ("graphs", "cut off"))
        self.assertIn("as far as it came", self.read("out", "graphs.log"))

    def test_a_day_does_the_most_telling_things_first_and_stops_when_time_is_up(self):
        self.assertIn("gpu-day --minutes N", self.run_it("gpu-day", code=USAGE, gpu=False))
        calls = os.path.join(self.folder, "calls")

        def day(code, bench=0):
            for name, status in (("gpu-test", code), ("gpu-bench", bench)):
                self.write(name, f'#!/bin/sh\necho {name} "$@" >>{calls}\nexit {status}\n')
            if os.path.exists(calls):
                os.remove(calls)
            expected = 1 if 1 in (code, bench) else max(code, bench)
            told = self.run_it("gpu-day", "--minutes", "9", "--into", "out", code=expected, gpu=False)
            return told, self.read("calls").splitlines()

        _, called = day(0)
        self.assertRegex(called[0], r"^gpu-test --into out --minutes \d exact graphs determinism$")
        self.assertRegex(called[1], r"^gpu-bench --into out --minutes \d goals_gpu$")
        self.assertGreater(len(called), 5)
        told, called = day(1)  # what fails stops nothing
        self.assertEqual(len(called), 10)
        self.assertIn("a part failed", told)
        self.assertIn("parts are left", day(LEFT)[0])
        self.assertIn("a part failed", day(LEFT, bench=1)[0])
        self.assertEqual(len(day(NO_GPU)[1]), 1)

    def test_a_benchmark_runs_to_its_end(self):
        self.write_tiny_preset()
        self.run_it("gpu-bench", "--into", "out", "goals_gpu", code=0, ATTNLAB_BENCH_PRESET="tiny.yaml", ATTNLAB_BENCH="--quiet")
        result, = self.results("out")
        self.assertEqual((result["part"], result["status"]), ("goals_gpu", "passed"))
        self.assertIn("A tiny one", self.read("out", "goals_gpu.log"))
        with contextlib.closing(sqlite3.connect(os.path.join(self.folder, "out", "bench.db"))) as db:
            facts = db.execute("SELECT text FROM facts WHERE name = 'gpu T=32'").fetchall()
        self.assertEqual(len(facts), 1)
        self.assertIn("throttled: power cap + heat", facts[0][0])


if __name__ == "__main__":
    unittest.main()
