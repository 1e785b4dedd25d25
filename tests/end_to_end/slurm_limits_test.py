"""slurm_limits_test.py: what Slurm itself does to a job at its limits: the warning before a time limit, the limit, the kernel's
kill at a memory limit. Slurm looks at time limits every 30 s, so this takes a while and hardly any processor."""
import contextlib
import glob
import os
import signal
import threading
import time
import unittest

import slurm_bed
from lab import FAILED, is_worker
from slurm_lab import ENDLESS, RUN, SLURM, SlurmLab, main_with_slurm

STEPS = [*RUN, "train.steps=3000"]
SWEEP = 30  # seconds between Slurm's looks at time limits


def has_pending(pid, number):
    """Whether a process that is stopped was sent that signal."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith(("SigPnd:", "ShdPnd:")) and int(line.split()[1], 16) >> (number - 1) & 1:
                return True
    return False


@contextlib.contextmanager
def held(pid):
    """Stops a process again and again: Slurm sends SIGCONT before every other signal."""
    over = threading.Event()

    def hold():
        with contextlib.suppress(ProcessLookupError):
            while not over.wait(0.002):
                os.kill(pid, signal.SIGSTOP)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Limits(SlurmLab):
    bed_options = {"max_array": 5, "names": (f"a{os.getpid()}", f"b{os.getpid()}"), "lost_after": 60,  # beside other tests
                   "control_groups": slurm_bed.can_limit_memory()}

    def stopped_worker(self, run):
        """The process id of that run's worker, stopped once it has a checkpoint."""
        folder = ""

        def pid_of():
            nonlocal folder
            for path in self.values("SELECT path FROM artifacts WHERE kind = 'spec' AND run_id = ?", run):
                folder = os.path.dirname(path)
            for pid in filter(str.isdigit, os.listdir("/proc")) if folder else []:
                with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
                    if is_worker(pid) and f"{folder}/spec.json".encode() in file.read().split(b"\0"):
                        return int(pid)
            return None

        self.wait_until("its worker runs", pid_of, 60)
        self.wait_until("it has a checkpoint", lambda: glob.glob(os.path.join(folder, "checkpoints", "step-?????????")), 60)
        pid = pid_of()
        os.kill(pid, signal.SIGSTOP)
        return pid

    def test_a_run_that_is_longer_than_its_time_limit_goes_on_after_slurms_warning_and_after_the_limit(self):
        words = ["attention=none", "seed=0,1", *STEPS]
        grid = self.follow(*words, *SLURM, "--time", "1")
        self.wait_until("both are submitted", lambda: len(self.values("SELECT text FROM facts WHERE name = 'slurm_job'")) == 2)
        jobs = dict(self.sql("SELECT run_id, text FROM facts WHERE name = 'slurm_job'"))
        heeds, ignores = self.values("SELECT id FROM runs ORDER BY seed")
        warned, deaf = self.stopped_worker(heeds), self.stopped_worker(ignores)
        # A whole minute would be Slurm's least; its clerk may say a second instead.
        soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 2))
        self.bed.ask("scontrol", "update", f"jobid={jobs[ignores]}", f"endtime={soon}")
        with held(deaf):
            self.wait_until("Slurm has warned it", lambda: has_pending(warned, signal.SIGUSR1), 2 * SWEEP + 30)
            os.kill(warned, signal.SIGCONT)
            self.wait_until("Slurm's limit is the reason",
                            lambda: self.values("SELECT reason FROM run_attempts WHERE id = ? AND status != 'running'", ignores), 2 * SWEEP + 60)
        status, reason = self.sql("SELECT status, reason FROM run_attempts WHERE id = ?", ignores)[0]
        self.assertEqual(status, "interrupted")
        self.assertRegex(reason, rf"^Slurm's time limit \(Slurm job {jobs[ignores]} on [ab]\d+\)$")
        self.assertFalse(is_worker(deaf))
        self.assertEqual(grid.wait(timeout=120), 0, self.said(grid))
        self.assertEqual(self.values("SELECT status FROM run_attempts WHERE id = ?", heeds), ["done"], "the same attempt")
        self.assertGreaterEqual(int(self.values("SELECT text FROM facts WHERE name = 'lives' AND run_id = ?", heeds)[0]), 2)
        again, = self.values("SELECT id FROM run_attempts WHERE continues_id = ?", ignores)
        self.assertEqual(self.values("SELECT status FROM run_attempts WHERE id = ?", again), ["done"])
        for run, seed in ((heeds, 0), (again, 1)):
            self.assertRegex(self.values("SELECT text FROM facts WHERE name = 'continues' AND run_id = ?", run)[0], r"at step [\d,]+$")
            found = self.digest(run), self.curve(run)
            self.assertEqual(found, self.undisturbed("attention=none", f"seed={seed}", *STEPS))
        self.assert_sound()

    @unittest.skipUnless(slurm_bed.can_limit_memory(), "control groups of version 1 that can be made here")
    def test_a_job_that_the_kernel_kills_at_its_memory_limit_is_named_as_that(self):
        said = self.attnlab("grid", "attention=none", *ENDLESS, *SLURM, "--sbatch", "--mem=50", code=FAILED).stderr
        status, reason = self.sql("SELECT status, reason FROM run_attempts")[0]
        self.assertEqual(status, "failed", said)
        self.assertRegex(reason, r"^killed for memory by Slurm \(Slurm job \d+_0 on [ab]\d+\). Ask for more, as with --sbatch --mem=16G")
        self.assertIn("OUT_OF_MEMORY", self.bed.jobs().values())


if __name__ == "__main__":
    main_with_slurm()
