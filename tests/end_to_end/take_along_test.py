"""take_along_test.py: runs that are packed on one machine and go on on another."""
import os
import shutil
import signal
import subprocess
import time

from lab import AGAIN, ATTNLAB, TINY, Lab, main

RUN = ["attention=dense", *TINY, "train.checkpoint_every=2", "train.keep=9"]
STEPS = 1200
LONG = [*[word for word in TINY if not word.startswith("train.steps")], "attention=none", f"train.steps={STEPS}",
        "train.checkpoint_every=50", "train.log_every=7"]


class TakeAlong(Lab):
    def move_away(self, *words):
        """Packs all that is here, hides it and takes it in at another place."""
        bundle = os.path.join(self.folder, "study.tar.zst")
        said = self.attnlab("export", "--bundle", bundle, *words).stdout
        os.rename(os.path.dirname(self.db), os.path.join(self.folder, "gone"))
        self.db = os.path.join(self.folder, "another machine", "other.db")
        return bundle, said + self.attnlab("import", bundle).stdout

    def test_checkpoints_are_scored_and_forked_elsewhere(self):
        self.attnlab("run", *RUN)
        here = self.attnlab("evaluate", "1@4", "--json").stdout
        bundle, said = self.move_away("--checkpoints", "all")
        self.assertRegex(said, r"runs: 1, logs: 1, checkpoints: 3; .* packed .*\n(?s:.*)runs added: 1, updated: 0, here before: 0; "
                               r"logs: 1, checkpoints: 3; they come from /.*/results/runs.db\n$")
        self.assertEqual(self.attnlab("checkpoints", "1", "--verify", "--csv").stdout.count("yes"), 3)
        self.assertEqual(self.attnlab("evaluate", "1@4", "--json").stdout, here)
        self.attnlab("fork", "1@best", "attention=none", "train.steps=2")
        self.assertIn("done before", self.attnlab("run", *RUN).stdout, "the run itself counts as done")
        self.assertIn("runs added: 0, updated: 0, here before: 1; logs: 0, checkpoints: 0;", self.attnlab("import", bundle).stdout)
        self.assert_sound()
        self.assertIn("attention", self.attnlab("show", "1").stdout)

    def test_a_run_that_was_stopped_goes_on_elsewhere(self):
        undisturbed, self.db = self.db + ".undisturbed", self.db
        run = self.start("run", *LONG)
        self.wait_until("it is on its way", lambda: self.values("SELECT 1 FROM metrics WHERE step > 60 LIMIT 1"))
        run.send_signal(signal.SIGTERM)
        output, _ = run.communicate(timeout=60)
        self.assertEqual(run.returncode, AGAIN, output)
        reached = self.values("SELECT max(step) FROM metrics")[0]
        self.move_away()
        self.attnlab("run", *LONG)
        self.assertEqual(self.values("SELECT status FROM run_attempts ORDER BY attempt"), ["interrupted", "done"])
        self.assertGreater(self.values("SELECT continues_step FROM run_attempts WHERE attempt = 2")[0], 0)
        self.assertLess(reached, STEPS)
        chain = "SELECT text FROM facts JOIN run_attempts ON id = run_id WHERE name = 'loss_chain' AND status = 'done'"
        found = self.values(chain)
        self.db = undisturbed
        self.attnlab("run", *LONG)
        self.assertEqual(found, self.values(chain), "with the bits of a run that was never stopped")

    def test_an_import_that_is_killed_is_finished_by_the_next(self):
        self.attnlab("run", *RUN)
        bundle = os.path.join(self.folder, "study.tar.zst")
        self.attnlab("export", "--bundle", bundle, "--checkpoints", "all")
        for delay in (0.002, 0.01, 0.02, 0.04, 0.08):
            folder = os.path.join(self.folder, f"killed {delay}")
            os.mkdir(folder)
            self.db = os.path.join(folder, "runs.db")
            command = subprocess.Popen([ATTNLAB, "import", "--db", self.db, bundle], env=self.environment(),
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(delay)
            command.kill()
            command.wait()
            self.attnlab("import", bundle)
            self.assertEqual(self.values("SELECT status FROM run_attempts"), ["done"])
            self.assertEqual(self.attnlab("checkpoints", "1", "--verify", "--csv").stdout.count("yes"), 3)
            self.assertFalse([name for name in os.listdir(folder) if name.startswith(".attnlab")])
            self.assert_sound()

    def test_what_is_in_a_bundle_is_there_for_other_programs(self):
        self.attnlab("run", "--study", "a <b> / c", *RUN)
        bundle, _ = self.move_away("--study", "a <b> / c", "--checkpoints", "none")
        if shutil.which("tar") and shutil.which("zstd"):
            names = subprocess.run(["tar", "--zstd", "-tf", bundle], check=True, capture_output=True, text=True).stdout.split("\n")
            self.assertEqual(names[:2], ["manifest.json", "database/attnlab.db"])
            self.assertRegex(names[2], r"^report/a__b____c-[0-9a-f]{6}\.html$")
            self.assertEqual(names[3], "configs/run-1.json")
            self.assertEqual(sorted(name.split("/")[-1] for name in names[4:6]), ["log.txt", "spec.json"])
        self.assertEqual(self.values("SELECT name FROM studies"), ["a <b> / c"])


if __name__ == "__main__":
    main()
