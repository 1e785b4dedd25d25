"""headers_test.py: each header compiles alone.

A header that stands first in a source file is compiled alone whenever that file is; for a header with
a .cpp of its name this is a rule. The rest are compiled here, those of LibTorch and CUDA excepted:
a second or more each, and the precompiled header stands before them in every build anyway. `_inl.h` is
the second half of another header.
"""
import concurrent.futures
import os
import re
import subprocess
import unittest

from structure_test import ROOT, TORCH_FREE, files, text

FIRST = re.compile(r'^#include [<"]([^>"]+)[>"]', re.MULTILINE)


def first_include(path):
    found = FIRST.search(text(path))
    return found[1] if found else ""


class Headers(unittest.TestCase):
    def test_a_source_begins_with_its_own_header(self):
        for path in files(".cpp"):
            if path.startswith("framework/") and os.path.exists(os.path.join(ROOT, path[:-4] + ".h")):
                self.assertEqual(first_include(path), path[:-4] + ".h", path)

    def test_the_headers_without_a_source_compile_alone(self):
        first = {first_include(path) for path in files(".cpp", ".cu")}
        alone = [path for path in files(".h") if path.startswith("framework/") and path not in first
                 and not path.endswith("_inl.h") and path.split("/")[1] in TORCH_FREE - {"cuda"}]
        self.assertGreater(len(alone), 5)

        def compiled(path):
            return path, subprocess.run([os.environ.get("CXX", "c++"), "-std=c++20", "-fsyntax-only", "-Wall", "-I", ROOT,
                                         "-x", "c++", os.path.join(ROOT, path)], text=True, capture_output=True)
        with concurrent.futures.ThreadPoolExecutor(2) as two:
            for path, done in two.map(compiled, alone):
                errors = [line for line in done.stderr.splitlines() if "#pragma once in main file" not in line]
                self.assertEqual(done.returncode, 0, f"{path}: {errors[:5]}")


if __name__ == "__main__":
    unittest.main()
