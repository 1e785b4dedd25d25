"""failures_test.py: what goes wrong with a GPU becomes a clear error, an exit code and a row; the rest goes on.

The GPU is pretended (tests/gpu/pretended): LibTorch sees a CUDA device whose memory is the host's.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["ATTNLAB_SOURCE"], "tests", "end_to_end"))
import lab

PRETENDED = os.path.join(lab.BUILD, "lib", "pretended_gpu")
EMULATED = os.path.join(lab.BUILD, "lib", "libattnlab_cuda_emulated.so")
FAILING = os.path.join(PRETENDED, "libattnlab_failing_launchers.so")
WORKER = os.path.join(lab.BUILD, "bin", "attnlab-worker")
CRASHED = 4  # of attnlab plugin check


def library(name):
    return os.path.join(PRETENDED, f"libattnlab_pretended_{name}.so")


def preload(parts):
    return ":".join(library(part) for part in parts.split())


class Gpu(lab.Lab):
    def on_gpu(self, *words, launchers=EMULATED, parts="driver nvml gpu", **more):
        return self.attnlab(*words, LD_PRELOAD=preload(parts), ATTNLAB_CUDA_LIBRARY=launchers,
                            OMP_WAIT_POLICY="passive", **more)

    def rows(self):
        return self.sql("SELECT attention, status, reason FROM runs ORDER BY id")

    def assert_failed(self, words, *reason, **how):
        self.on_gpu("run", "device=cuda", *lab.TINY, *words, code=lab.FAILED, **how)
        (_, status, told), = self.rows()
        self.assertEqual(status, "failed")
        for part in reason:
            self.assertIn(part, told)
        self.assert_sound()


class Runs(Gpu):
    def test_every_sparse_variant_trains_and_says_which_kernel_ran(self):
        self.on_gpu("grid", "attention=hash_sparse,qk_drop,reformer,sliding_window", "hash_sparse.buckets=4", "device=cuda",
                    "train.precision=bfloat16,float32", *lab.TINY)
        self.assertEqual(self.values("SELECT status FROM runs"), ["done"] * 8)
        kernels = sorted(self.values("SELECT text FROM facts WHERE name = 'kernel'"))
        self.assertEqual(kernels, ["segment_attention cuda bfloat16 mma.sync small tiles"] * 4 + ["segment_attention cuda float32 plain"] * 4)

    def test_a_timing_says_what_the_clocks_were(self):
        command = [lab.ATTNLAB, "bench", "attention", "--db", self.db, "--quiet", "--device", "cuda", "--lengths", "32", "--heads",
                   "1", "--head-dim", "16", "--samples", "2", "--seconds", "0", "--dtype", "bfloat16", "attention=hash_sparse",
                   "attention.buckets=2"]
        env = self.environment(LD_PRELOAD=preload("driver nvml gpu"), ATTNLAB_CUDA_LIBRARY=EMULATED)
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, timeout=120, env=env)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.values("SELECT text FROM facts WHERE name = 'gpu T=32'"),
                         ["SM 1 of 3 MHz, memory 2 of 4 MHz, 5 C, 6 W, throttled: power cap + heat, driver pretended"])


class Failures(Gpu):
    def test_a_launch_that_fails_names_the_kernel_and_the_error(self):
        self.assert_failed(["attention=hash_sparse"], "[hash_buckets] CUDA error 700: an illegal memory access was encountered",
                           "hash_sparse", launchers=FAILING)

    def test_a_grid_goes_on_behind_it(self):
        self.on_gpu("grid", "attention=none,sliding_window,dense", "device=cuda", "train.precision=float32", *lab.TINY,
                    code=lab.FAILED, launchers=FAILING)
        self.assertEqual([row[:2] for row in self.rows()],
                         [("none", "done"), ("sliding_window", "failed"), ("dense", "done")])
        self.assertIn("[segment_attention] CUDA error 700", self.rows()[1][2])

    def test_a_build_without_kernels_of_ours_trains_what_needs_none(self):
        self.on_gpu("grid", "attention=none,hash_sparse,dense", "device=cuda", "train.precision=bfloat16", *lab.TINY,
                    code=lab.FAILED, launchers=library("late"))
        self.assertEqual([row[:2] for row in self.rows()], [("none", "done"), ("hash_sparse", "failed"), ("dense", "done")])
        self.assertIn("has no 'attnlab_cuda_error': it is of another build", self.rows()[1][2])

    def test_a_device_that_is_lost_in_the_middle_keeps_what_was_written(self):
        self.assert_failed(["attention=none", "train.steps=1000000", "train.precision=float32"],
                           "CUDA error: an illegal memory access was encountered", ATTNLAB_PRETENDED_OPERATORS="5000")
        self.assertGreater(self.values("SELECT count(*) FROM metrics")[0], 10)

    def test_kernels_of_another_build_or_none_at_all_are_named(self):
        self.assert_failed(["attention=hash_sparse"], "libattnlab_pretended_driver.so has no 'attnlab_cuda_error': it is of another build",
                           launchers=library("driver"))
        os.remove(self.db)
        none = os.path.join(self.folder, "libnone.so")
        done = self.on_gpu("run", "device=cuda", *lab.TINY, "attention=hash_sparse", code=1, launchers=none)
        for part in ("ATTNLAB_CUDA_LIBRARY", none, "our kernels for GPUs cannot be loaded", "Unset it"):
            self.assertIn(part, done.stderr)

    def test_a_driver_without_libtorchs_cuda_libraries_says_what_to_install(self):
        beside = os.path.join(os.environ["ATTNLAB_LIBTORCH"], "..", "nvidia", "cusparselt")
        if os.path.exists(beside):
            self.skipTest("LibTorch's CUDA libraries are installed")
        self.assert_failed(["attention=none"], "device=cuda: LibTorch's CUDA part cannot be loaded", "ATTNLAB_GPU=1 ./dev setup",
                           parts="driver")


class Check(Gpu):
    def test_a_lost_device_costs_the_property_and_not_the_suite(self):
        plugin = os.path.join(lab.BUILD, "lib", "attnlab", "plugins", "attention_none.so")
        command = [lab.ATTNLAB, "plugin", "check", plugin, "--device", "cuda", "--property", "output", "--property", "inputs",
                   "--property", "parameters"]
        env = self.environment(LD_PRELOAD=preload("driver gpu"), ATTNLAB_CUDA_LIBRARY=EMULATED, ATTNLAB_PRETENDED_OPERATORS="150")
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
        self.assertEqual(done.returncode, CRASHED, done.stdout + done.stderr)
        self.assertIn("the device was lost: CUDA error: an illegal memory access was encountered", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^  output +FAILED")
        self.assertRegex(done.stdout, r"(?m)^  parameters +passed")


class Device(Gpu):
    def device(self, **env):
        return subprocess.run([WORKER, "device"], capture_output=True, text=True, timeout=60, env=self.environment(**env))

    def test_without_one_the_worker_says_so(self):
        done = self.device()
        if done.returncode == 0:
            self.skipTest("there is a GPU")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, "device=cuda: (no CUDA device was found|LibTorch's CUDA part cannot be loaded)")

    def test_with_one_the_worker_tells_its_facts(self):
        done = self.device(LD_PRELOAD=preload("driver nvml gpu"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^gpu_state=SM 1 of 3 MHz, .*driver pretended$")


if __name__ == "__main__":
    lab.main()
