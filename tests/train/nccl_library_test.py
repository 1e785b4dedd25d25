"""nccl_library_test.py: what libattnlab_nccl.so leaves open is what LibTorch defines: it can be loaded where LibTorch's
CUDA part is. Whether it sums is known only on GPUs."""
import os
import re
import subprocess
import unittest

BUILD = os.environ["ATTNLAB_BUILD"]
LIBTORCH = os.path.join(os.environ["ATTNLAB_LIBTORCH"], "lib")
LIBRARY = os.path.join(BUILD, "lib", "libattnlab_nccl.so")
# Of LibTorch's CUDA part, by its names: a LibTorch without one has no file to look into.
CUDA_PART = re.compile(r"_ZNK?(4c10d16ProcessGroupNCCL|5torch4cuda4nccl|3c104cuda)")


def symbols(library, *which):
    lines = subprocess.run(["nm", "-D", *which, library], capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[-1] for line in lines if line.split()[-2] not in ("w", "v")}


@unittest.skipUnless(os.path.exists(LIBRARY), "libattnlab_nccl.so was left out of this build (no nccl.h)")
class NcclLibrary(unittest.TestCase):
    def test_it_offers_one_function(self):
        own = {name for name in symbols(LIBRARY, "--defined-only") if not name.startswith(("_ZN", "_ZT", "_ZS"))}
        self.assertEqual(own, {"attnlab_nccl_backend"})

    def test_what_it_leaves_open_is_defined_by_libtorch(self):
        open_ones = {name for name in symbols(LIBRARY, "--undefined-only") if "@" not in name}
        for part in ("libtorch_cpu.so", "libc10.so"):
            open_ones -= symbols(os.path.join(LIBTORCH, part), "--defined-only")
        self.assertTrue(open_ones, "it would need nothing of LibTorch's CUDA part")
        self.assertEqual({name for name in open_ones if not CUDA_PART.match(name)}, set())
        cuda = os.path.join(LIBTORCH, "libtorch_cuda.so")
        if os.path.exists(cuda):
            self.assertEqual(open_ones - symbols(cuda, "--defined-only"), set())


if __name__ == "__main__":
    unittest.main()
