"""registers_test.py: what ptxas said of every attention kernel; none of head dim 64, and none by warpgroups, may spill.

Reads the logs that the build of libattnlab_cuda.so leaves, and prints registers and spills.
"""
import glob
import os
import re
import subprocess
import unittest

BUILD = os.environ["ATTNLAB_BUILD"]
OBJECTS = os.path.join(BUILD, "framework", "cuda", "CMakeFiles", "attnlab_cuda.dir")
ENTRY = re.compile(r"Compiling entry function '(\S+)' for '(\S+)'")
SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")


def kernels(log):
    """(name, architecture, registers, bytes of spills) of each kernel that ptxas speaks of."""
    for part in re.split(r"(?=ptxas info\s*: Compiling entry function)", log):
        entry = ENTRY.search(part)
        if entry is not None:
            stores, loads = map(int, SPILLS.search(part).groups())
            yield entry[1], entry[2], int(REGISTERS.search(part)[1]), stores + loads


def readable(names):
    text = subprocess.run(["c++filt"], input="\n".join(names), text=True, capture_output=True,
                          check=True).stdout
    return [re.sub(r".*entry<(.*)>\(.*", r"\1", line).replace("attnlab::cuda::", "")
            .replace("(int)", "") for line in text.splitlines()]


@unittest.skipUnless(os.path.exists(os.path.join(BUILD, "lib", "libattnlab_cuda.so")),
                     "built without nvcc")
class Registers(unittest.TestCase):
    def test_the_kernels_of_head_dim_64_and_those_by_warpgroups_do_not_spill(self):
        seen = 0
        for path in sorted(glob.glob(os.path.join(OBJECTS, "*_[0-9]*.log"))):
            with open(path, encoding="utf-8") as file:
                found = list(kernels(file.read()))
            for name, (_, arch, registers, spills) in zip(readable([k[0] for k in found]), found):
                print(f"{arch:7} {registers:4} registers {spills:5} bytes of spills  {name}")
                if "_64.cu" in path or "group_128.cu" in path:
                    seen += 1
                    self.assertEqual(spills, 0, f"{name} for {arch} spills")
        # Forward and both halves of backward, three dtypes, two architectures; small tiles in two; and by warpgroups
        # at two head dims.
        self.assertGreaterEqual(seen, 3 * 3 * 2 + 3 * 2 * 2 + 3 * 2 * 2)


if __name__ == "__main__":
    unittest.main()
