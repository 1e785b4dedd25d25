"""The CPU kernels on emulated processors that lack wider instructions: the right set is chosen, and
its answers are right. qemu-user translates programs for the instruction sets that it knows."""
import os
import shutil
import subprocess
import unittest

from lab import BUILD

PROGRAM = os.path.join(BUILD, "bin", "test_instruction_sets")
QEMU = shutil.which("qemu-x86_64")


@unittest.skipIf(QEMU is None, "qemu-x86_64 is not installed: package qemu-user")
class EmulatedCpu(unittest.TestCase):
    def run_on(self, processor, **env):
        clean = {k: v for k, v in os.environ.items() if k != "ATTNLAB_CPU"}
        return subprocess.run(
            [QEMU, "-cpu", processor, PROGRAM, "--gtest_filter=-*DeathTest*"],
            env=clean | env, capture_output=True, text=True, timeout=240)

    def check(self, processor, chosen, **env):
        done = self.run_on(processor, **env)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"instruction set: {chosen}\n", done.stdout)
        return done.stdout

    def test_without_avx_takes_the_plain_kernels(self):
        out = self.check("Nehalem", "baseline")
        self.assertNotIn("/avx", out, "a set that this processor lacks must not be tried")

    def test_without_avx512_takes_avx2(self):
        out = self.check("Haswell", "avx2")
        self.assertIn("attends_in_float32/avx2", out)
        self.assertNotIn("/avx512", out)

    def test_a_lower_set_can_be_asked_for(self):
        self.check("Haswell", "baseline", ATTNLAB_CPU="baseline")

    def test_a_set_that_the_processor_lacks_is_refused(self):
        done = self.run_on("Nehalem", ATTNLAB_CPU="avx2")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("ATTNLAB_CPU=avx2: this processor lacks these instructions. "
                      "Unset it to take the best that runs.", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
