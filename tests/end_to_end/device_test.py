"""device_test.py: device=cpu, cuda and auto, on machines with and without a GPU."""
import ctypes
import os
import unittest

from lab import BUILD, TINY, Lab, main

CUDA_LIBRARY = os.path.join(BUILD, "lib", "libattnlab_cuda.so")


def driver():
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


class Device(Lab):
    def test_auto_takes_what_there_is(self):
        self.attnlab("run", "attention=dense", "device=auto", *TINY)
        self.assertEqual(self.values("SELECT status FROM runs"), ["done"])

    @unittest.skipIf(driver(), "there is a CUDA driver")
    def test_cuda_without_a_driver_says_what_to_do(self):
        for words in (["run"], ["run", "--plan"], ["grid", "seed=0,1"], ["grid", "--until-significant", "--plan", "attention=none,dense"]):
            text = self.attnlab(*words, "attention=dense", "device=cuda", *TINY, code=1).stderr
            self.assertIn("device=cuda: no CUDA device was found", text)
            self.assertIn("device=auto", text)
        self.assertEqual(self.sql("SELECT * FROM run_attempts"), [])

    @unittest.skipUnless(driver(), "there is no CUDA driver")
    def test_every_variant_runs_on_a_gpu_in_every_precision(self):
        self.attnlab("grid", "attention=dense,hash_sparse,none,qk_drop,reformer,sliding_window",
                     "train.precision=float32,bfloat16", "device=cuda", *TINY)
        self.assertEqual(self.values("SELECT status FROM runs"), ["done"] * 12)

    @unittest.skipUnless(os.path.exists(CUDA_LIBRARY), "built without nvcc")
    def test_our_cuda_library_needs_no_driver_to_be_loaded(self):
        count = ctypes.CDLL(CUDA_LIBRARY).attnlab_cuda_device_count()
        self.assertTrue(count >= 1 if driver() else count == 0, count)


if __name__ == "__main__":
    main()
