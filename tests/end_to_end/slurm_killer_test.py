"""slurm_killer_test.py: a grid of 12 cells in Slurm, under somebody who kills the launcher, workers and Slurm's daemons.

Long: it runs where ATTNLAB_KILLS says how often (100), ATTNLAB_SEED which moments.
"""
import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import slurm_bed
from lab import AGAIN, ATTNLAB, TINY, Lab, main

WORDS = ["attention=none,dense", "seed=range(6)", *[word for word in TINY if not word.startswith(("train.steps", "train.log_every"))],
         "train.log_every=7", "train.checkpoint_every=100", "train.steps=7000"]  # long enough for about 100 kills
DIGESTS = ("SELECT a.config_json ->> '$.attention.name', a.config_json ->> '$.seed', name, text FROM facts JOIN run_attempts AS a ON a.id = run_id "
           "WHERE status = 'done' AND name IN ('loss_chain', 'training_batches') ORDER BY 1, 2, 3")
CURVES = ("SELECT attention, seed, key, step, value FROM curves WHERE status = 'done' AND key NOT LIKE '%second%' AND key NOT LIKE '%peak%' "
          "ORDER BY 1, 2, 3, 4")


class Killer(Lab):
    def setUp(self):
        super().setUp()
        self.bed = slurm_bed.Bed(5)
        self.addCleanup(self.bed.close)
        self.draw = random.Random(os.environ.get("ATTNLAB_SEED", str(time.time_ns())))
        self.kills = {}

    def environment(self, **more):
        return super().environment(SLURM_CONF=self.bed.config, PATH=self.bed.environment["PATH"], **more)

    def launch(self):
        with open(os.path.join(self.folder, "said"), "a", encoding="utf-8") as file:
            process = subprocess.Popen([ATTNLAB, "grid", "--db", self.db, *WORDS, "--launcher", "slurm", "--poll", "0.5", "--retries", "1000"],
                                       cwd=self.folder, env=self.environment(), stdout=file, stderr=file)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def all_workers(self):
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read()
                if b"attnlab-worker" in words and self.folder.encode() in words:
                    found.append(int(entry))
        return found

    def kill_somebody(self):
        kind = self.draw.choice(["launcher", "worker", "worker", "slurmd", "slurmctld"])
        if kind == "launcher":
            self.grid.kill()
            self.grid.wait()
            time.sleep(self.draw.uniform(0, 1))
            self.grid = self.launch()
        elif kind == "worker":
            workers = self.all_workers()
            if not workers:
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.draw.choice(workers), signal.SIGKILL)
        elif kind == "slurmd":
            node = self.draw.choice(slurm_bed.NODES)
            self.bed.kill(node)
            time.sleep(self.draw.uniform(0, 1))
            self.bed.start_node(node)
        else:
            self.bed.kill("slurmctld")
            time.sleep(self.draw.uniform(0, 1))
            self.bed.start("slurmctld")
        self.kills[kind] = self.kills.get(kind, 0) + 1

    def look_after_slurm(self):
        """What an administrator does after a controller's crash: nodes are resumed, held jobs released."""
        for node in slurm_bed.NODES:
            if "drain" in self.bed.ask("sinfo", "-h", "-n", node, "-o", "%t"):
                self.bed.ask("scontrol", "update", f"nodename={node}", "state=resume")
        for line in self.bed.ask("squeue", "-h", "-r", "-t", "PENDING", "-o", "%F_%K|%r").split("\n"):
            job, _, reason = line.partition("|")
            if "held" in reason.lower():
                self.bed.ask("scontrol", "release", job)

    def test_every_cell_ends_with_the_digest_of_an_undisturbed_grid(self):
        most = int(os.environ["ATTNLAB_KILLS"] if os.environ.get("ATTNLAB_KILLS", "").isdigit() else 100)
        self.grid = self.launch()
        while self.grid.poll() in (None, AGAIN):
            if self.grid.poll() == AGAIN:  # it gave up what Slurm lost three times
                self.grid = self.launch()
            time.sleep(self.draw.uniform(0.2, 1.5))
            if sum(self.kills.values()) < most and self.grid.poll() is None:
                self.kill_somebody()
            self.look_after_slurm()
        print(f"kills: {self.kills}", file=sys.stderr)
        with open(os.path.join(self.folder, "said"), encoding="utf-8") as file:
            said = file.read()
        self.assertEqual(self.grid.returncode, 0, said[-3000:])
        self.assertEqual(self.values("SELECT count(*) FROM run_attempts WHERE status = 'done'"), [12], said[-3000:])
        digests, curves = self.sql(DIGESTS), self.sql(CURVES)
        attempts = self.sql("SELECT status, count(*) FROM run_attempts GROUP BY 1")
        lives = self.values("SELECT sum(CAST(text AS INTEGER) - 1) FROM facts WHERE name = 'lives'")
        print(f"attempts: {attempts}, further lives: {lives}", file=sys.stderr)
        self.assert_sound()
        self.db += ".undisturbed"
        subprocess.run([ATTNLAB, "grid", "--db", self.db, *WORDS, "--jobs", "2", "--quiet"], cwd=self.folder, env=self.environment(),
                       stdout=subprocess.DEVNULL, check=True, timeout=1500)
        self.assertEqual(digests, self.sql(DIGESTS))
        self.assertEqual(curves, self.sql(CURVES), "one curve each, without gap or overlap")


if __name__ == "__main__":
    if "ATTNLAB_KILLS" not in os.environ or slurm_bed.missing():
        print("SKIPPED: set ATTNLAB_KILLS=100, with Debian's slurmctld, slurmd and slurm-client installed")
        sys.exit(0)
    main()
