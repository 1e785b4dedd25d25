"""slurm_lab.py: grids on a real Slurm of the test's own, for the tests of them.

They skip, and say so, where Debian's slurmctld, slurmd and slurm-client are not installed.
"""
import glob
import os
import subprocess
import sys
import time

import slurm_bed
from lab import ATTNLAB, LONG, TINY, Lab, main

SLURM = ["--launcher", "slurm", "--poll", "0.5"]
RUN = [*[word for word in TINY if not word.startswith(("train.steps", "train.log_every"))], "train.log_every=7", "train.checkpoint_every=50"]
ENDLESS = [*[word for word in LONG if not word.startswith("train.log_every")], "train.log_every=100", "train.checkpoint_every=200"]


class SlurmLab(Lab):
    bed_options = {}

    @classmethod
    def setUpClass(cls):
        cls.bed = slurm_bed.Bed(**cls.bed_options)
        cls.addClassCleanup(cls.bed.close)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.cancel_all)

    def cancel_all(self):
        for job in self.bed.jobs("PENDING", "RUNNING", "COMPLETING", "CONFIGURING"):
            self.bed.ask("scancel", job)

    def environment(self, **more):
        return super().environment(**{"SLURM_CONF": self.bed.config, "PATH": self.bed.environment["PATH"], **more})

    def follow(self, *words, **env):
        """Starts a grid and leaves it running; said(grid) is what it has printed until now."""
        with open(os.path.join(self.folder, f"said-{time.time_ns()}"), "w", encoding="utf-8") as file:
            process = subprocess.Popen([ATTNLAB, "grid", "--db", self.db, *words], cwd=self.folder, env=self.environment(**env), stdout=file, stderr=file)
            process.said = file.name
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def said(self, grid):
        with open(grid.said, encoding="utf-8") as file:
            return file.read()

    def arrays(self):
        return sorted(glob.glob(os.path.join(os.path.dirname(self.db), "slurm-*")))

    def digest(self, run):
        return dict(self.sql("SELECT name, text FROM facts WHERE run_id = ? AND name IN ('loss_chain', 'training_batches')", run))

    def curve(self, run):
        return self.sql("SELECT key, step, value FROM curves WHERE run_id = ? AND key NOT LIKE '%second%' AND key NOT LIKE '%peak%' "
                        "ORDER BY 1, 2", run)

    def undisturbed(self, *words):
        """Digests and curve of the same run, without Slurm, in a database of its own."""
        self.db, kept = f"{self.db}.undisturbed-{time.time_ns()}", self.db
        self.attnlab("run", *words)
        found = self.digest(1), self.curve(1)
        self.db = kept
        return found

    def job(self):
        """Of the only run."""
        self.wait_until("it is submitted", lambda: self.values("SELECT text FROM facts WHERE name = 'slurm_job'"))
        return self.values("SELECT text FROM facts WHERE name = 'slurm_job' ORDER BY run_id DESC LIMIT 1")[0]

    def checkpoints(self):
        return glob.glob(os.path.join(os.path.dirname(self.db), "*-[0-9]*", "checkpoints", "step-?????????"))

    def wait_for_checkpoint(self):
        self.wait_until("a checkpoint stands", self.checkpoints, 60)


def main_with_slurm():
    absent = slurm_bed.missing()
    if absent:
        print(f"SKIPPED: not installed: {', '.join(absent)} (Debian's slurmctld, slurmd and slurm-client)")
        sys.exit(0)
    main()
