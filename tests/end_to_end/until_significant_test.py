"""until_significant_test.py: seeds are added until a question is decided, and a plan is kept."""
import json
import os
import signal

from lab import AGAIN, Lab, main, read_text

# Copying needs attention: without it the loss stays at that of a guess.
LEARNS = ["dataset=copy", "dataset.length=8", "dataset.symbols=4", "model.layers=1", "model.width=32", "model.heads=2",
          "train.steps=60", "train.batch_size=32", "train.learning_rate=0.01", "train.eval_every=0", "train.eval_sequences=64",
          "train.checkpoint_every=0"]
ASK = ["--until-significant", "--study", "sure", "--quiet"]


class UntilSignificant(Lab):
    def grid(self, *words, code=0):
        return self.attnlab("grid", *ASK, *words, *LEARNS, code=code)

    def runs(self):
        return self.sql("SELECT attention, seed FROM runs WHERE status = 'done' ORDER BY 1, 2")

    def looks(self):
        return self.sql("SELECT look, pairs, variant, decided FROM looks ORDER BY look, variant")

    def test_no_attention_is_told_from_attention_by_few_seeds_and_a_plan_is_kept(self):
        said = self.grid("attention=dense,none", "--most", "8", "seed=5")
        self.assertRegex(said.stdout, r"none +dense +[3-6] +\+.* worse")
        self.assertRegex(said.stdout, r"Decided after [3-6] of at most 8 seeds; .* of alpha = 0.05 spent\.")
        runs, looks = self.runs(), self.looks()
        last = looks[-1][1]
        self.assertEqual(runs, [(name, seed) for name in ("dense", "none") for seed in range(5, 5 + last)])
        self.assertEqual([(look, pairs) for look, pairs, _, _ in looks], [(i + 1, i + 3) for i in range(len(looks))])
        self.assertEqual([decided for *_, decided in looks], [0] * (len(looks) - 1) + [1])

        again = json.loads(self.grid("attention=dense,none", "--most", "8", "seed=5", "--json").stdout)
        self.assertEqual((self.runs(), self.looks(), again["cells"]), (runs, looks, []), "nothing is run or looked at again")
        self.assertEqual(again["answer"][0]["verdict"], "worse")
        self.assertTrue(again["sequence"]["over"])
        for words, why in ((["--most", "9"], r"looks after seeds: .* before, .* now"),
                           (["--most", "8", "--alpha", "0.01"], "alpha: 0.05 before, 0.01 now"),
                           (["--most", "8", "dense.kernel=libtorch,engine", "--against", "none"], "variants: none against dense before"),
                           (["--most", "8", "train.weight_decay=0.3"], "none: its runs are others than before")):
            self.assertRegex(self.grid("attention=dense,none", "seed=5", *words, code=2).stderr,
                             "(?s)has been looked at . times? under another plan:.*" + why)
        self.assertEqual(self.runs(), runs)

        for form in ([], ["--markdown"], ["--latex"], ["--against", "dense"]):
            told = self.attnlab("compare", *form).stdout
            self.assertIn("Seeds of this study were added by looking at results", told)
            self.assertIn(f"Decided after {last} of at most 8 seeds", told)
        self.attnlab("report", "--study", "sure", "--out", os.path.join(self.folder, "a.html"))
        self.assertIn("Seeds added until significant", read_text(self.folder, "a.html"))
        self.assertNotIn("sequential/", self.attnlab("show", "1").stdout)

    def test_a_look_waits_for_its_runs_and_the_same_command_goes_on(self):
        words = ["attention=dense,none", "--most", "4"]
        said = self.grid(*words, "--time-limit", "1s", code=AGAIN).stdout
        self.assertIn("The look at 3 seeds waits for runs that are not done; the same command goes on.", said)
        self.assertEqual(self.looks(), [])
        self.grid(*words)
        self.assertEqual(self.looks()[0][:3], (1, 3, "none"))

    def test_of_two_plans_at_once_the_second_is_refused(self):
        words = ["grid", *ASK, "attention=dense,none", *LEARNS, "train.steps=1000000"]
        first = self.start(*words, "--most", "6")
        self.wait_for_metrics()
        told = self.attnlab(*words, "--most", "5", code=2).stderr
        self.assertRegex(told, r"(?s)another grid is adding seeds to the study 'sure' under another plan:\n  looks after seeds: 3, 4, 5, 6 before, 3, 4, 5 now")
        self.assertNotIn("added by looking", self.attnlab("compare", "--study", "sure").stdout)
        first.send_signal(signal.SIGINT)
        first.wait(timeout=60)
        self.grid("attention=dense,none", "--most", "5")
        self.assertEqual(self.looks()[0][:3], (1, 3, "none"))

    def test_the_plan_is_shown_and_nothing_is_run(self):
        plan = self.attnlab("grid", "--until-significant", "--plan", "--most", "5", "--against", "none",
                            "attention=dense,none", "dense.kernel=libtorch,engine", *LEARNS).stdout
        self.assertRegex(plan, r"look +pairs +alpha spent +p at most +\|t\| at least +p, one left")
        self.assertRegex(plan, r"3 +5 +0.05 ")
        self.assertEqual(plan.count("seed="), 15)
        self.assertEqual(self.sql("SELECT * FROM run_attempts"), [])

    def test_every_metric_that_a_run_logs_can_be_asked_for(self):
        self.attnlab("run", "attention=dense", *LEARNS, "train.steps=6", "train.score_test=true", "train.ranks=2", "threads=1")
        logged = self.values("SELECT DISTINCT key FROM curves ORDER BY key")
        self.assertIn("train/reduce_seconds", logged)
        for metric in logged:
            self.grid("attention=dense,none", "--plan", "--most", "3", "--metric", metric, "train.score_test=true")

    def test_what_cannot_be_asked_is_refused(self):
        for words, why in ((["attention=dense,none", "seed=0,1"], "chooses the seeds itself; expected one seed to begin with, found 2"),
                           (["attention=none"], "--against: no cell of this grid is 'dense'"),
                           (["attention=dense,none", "dense.kernel=libtorch,engine"],
                            "none differs from several cells of 'dense' in its attention alone; name one: dense kernel="),
                           (["attention=dense"], "has nothing beside 'dense' to compare with it"),
                           (["attention=dense,none", "none.train.weight_decay=0.5"], "differs from every cell of 'dense' in more than its attention"),
                           (["attention=dense,none", "--spending", "haybittle"], "expected pocock or obrien-fleming"),
                           (["attention=dense,none", "--metric", "val/los"], "no run on copy logs 'val/los'. Did you mean 'val/loss'?"),
                           (["attention=dense,none", "--metric", "val/los", "--plan"], "--metric: no run on copy logs"),
                           (["attention=dense,none", "--most", "2"], "--most")):
            self.assertIn(why, self.grid(*words, code=2).stderr)
        self.assertIn("--most is of --until-significant",
                      self.attnlab("grid", "--most", "5", "attention=dense,none", code=2).stderr)


if __name__ == "__main__":
    main()
