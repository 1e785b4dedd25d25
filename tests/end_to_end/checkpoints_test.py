"""checkpoints_test.py: what can be done with a run's checkpoints: listed, scored, forked."""
import json
import os
import re
import subprocess

from lab import ATTNLAB, TINY, Lab, main, read_text

RUN = [*[word for word in TINY if not word.startswith("train.steps")], "train.steps=40", "train.checkpoint_every=10", "train.keep=9"]


class Checkpoints(Lab):
    def setUp(self):
        super().setUp()
        self.attnlab("run", "attention=hash_sparse", "attention.buckets=2", "attention.hash_space=whitened", *RUN)

    def evaluate(self, *words):
        return {row["metric"]: row["value"] for row in json.loads(self.attnlab("evaluate", "--json", *words).stdout)}

    def listed(self, run, *words):
        return json.loads(self.attnlab("checkpoints", str(run), "--json", *words).stdout)

    def fact(self, run, name):
        found = self.values("SELECT text FROM facts WHERE run_id = ? AND name = ?", run, name)
        return found[0] if found else None

    def test_they_are_listed_and_verified(self):
        rows = self.listed(1, "--verify")
        self.assertEqual([(row["run"], row["attempt"], row["step"], row["steps"], row["whole"]) for row in rows],
                         [(1, 1, step, 40, "yes") for step in (10, 20, 30, 40)])
        loss, = self.values("SELECT last FROM run_last JOIN metric_keys ON id = key_id WHERE name = 'val/loss'")
        self.assertEqual([row["val_loss"] for row in rows], [None, None, None, loss])
        with open(os.path.join(rows[1]["path"], "optimizer.safetensors"), "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"x")
        self.assertRegex(self.listed(1, "--verify")[1]["whole"], "^no: optimizer.safetensors is not what was written")
        self.assertIn("step-000000040", self.attnlab("checkpoints", "1", "--csv").stdout)

    def test_the_last_one_scores_what_the_run_scored_and_others_something_else(self):
        loss, = self.values("SELECT last FROM run_last JOIN metric_keys ON id = key_id WHERE name = 'val/loss'")
        last = self.evaluate("1")
        self.assertEqual((last["val/loss"], last["step"], last["length"], last["sequences"]), (loss, 40, 32, 4))
        self.assertEqual(self.evaluate("1@best"), last)
        path = self.listed(1)[0]["path"]
        early = self.evaluate(path)
        self.assertEqual(early, self.evaluate("1@10"))
        self.assertNotEqual(early["val/loss"], loss)
        more = self.evaluate("1", "train.eval_sequences=9", "train.batch_size=3", "--split", "test")
        self.assertEqual((more["sequences"], "test/bits_per_symbol" in more), (9, True))
        self.assertEqual(self.evaluate("1", "dataset.length=16")["length"], 16)
        self.assertEqual(self.evaluate("1", "dataset.length=16", "attention.projections=fixed")["length"], 16)
        self.assertEqual(self.values("SELECT count(*) FROM run_attempts"), [1], "nothing of it is stored")
        self.assertEqual(self.values("SELECT count(*) FROM metric_keys WHERE name LIKE 'test/%'"), [0])

    def test_a_test_score_is_stored_where_the_run_would_have_stored_the_same(self):
        self.attnlab("run", "attention=hash_sparse", "attention.buckets=2", "attention.hash_space=whitened", *RUN,
                     "train.score_test=true")
        tests = "SELECT run_id, step, value FROM metrics JOIN metric_keys ON id = key_id WHERE name = 'test/{}' ORDER BY run_id"
        clock = "SELECT run_id, step, tokens_seen, train_seconds FROM events ORDER BY 1, 2"
        before = self.sql(clock)
        said = self.attnlab("evaluate", "1", "--split", "test")
        self.assertIn("stored with run 1 at step 40", said.stderr)
        for name in ("loss", "bits_per_symbol"):
            (first, step, value), (second, at, own) = self.sql(tests.format(name))
            self.assertEqual((first, step, value), (1, 40, own))
            self.assertEqual((second, at), (2, 40), "which scored it at its end")
        self.assertEqual(self.sql(clock), before)
        self.assertEqual(self.values("SELECT test_score IS NULL OR test_score = score FROM runs"), [0, 0])
        self.assertRegex(self.attnlab("compare").stdout, r"bits/symbol \(val\) +bits/symbol \(test\)")
        self.assertIn("not stored", self.attnlab("evaluate", "1", "--split", "test", "train.eval_sequences=2").stderr)
        self.assertIn("has a test score at step 40 too", self.attnlab("evaluate", "1@10", "--split", "test").stderr)

    def test_a_fork_begins_with_the_weights_and_its_origin_is_part_of_it(self):
        self.attnlab("fork", "1@20", "attention=sink", "train.steps=5")
        self.attnlab("fork", "1@20", "train.learning_rate=0.01")
        self.attnlab("fork", "1@30", "attention=sink", "train.steps=5")
        said = self.attnlab("fork", "1@20", "attention=sink", "train.steps=5").stdout
        self.assertIn("done before", said)
        self.assertEqual(self.values("SELECT status FROM run_attempts"), ["done"] * 4)
        self.assertEqual(len(set(self.values("SELECT fingerprint FROM run_attempts"))), 4)
        self.assertEqual(self.fact(2, "initial_weights"), self.fact(3, "initial_weights"))
        self.assertEqual(len({self.fact(run, "initial_weights") for run in (1, 2, 4)}), 3)
        self.assertRegex(self.fact(2, "origin"), r"^step 20 of run [0-9a-f]{12}: /.*/step-000000020$")
        self.assertEqual(self.values("SELECT value FROM configs WHERE key = 'train.initial' AND run_id IN (2, 3)"),
                         [self.state(20)["state"]["weights"]] * 2)
        self.assertEqual(self.sql("SELECT attention, steps FROM runs"),
                         [("hash_sparse", 40), ("sink", 5), ("hash_sparse", 40), ("sink", 5)])
        self.assertNotEqual(self.fact(3, "initial_attention"), self.fact(1, "initial_attention"), "its moments come along")
        self.assertEqual(self.fact(1, "training_batches"), self.fact(3, "training_batches"))

    def test_training_is_timed_from_one_whose_weights_stay(self):
        train = [ATTNLAB, "bench", "train", "--db", self.db, "--quiet", "--tokens", "64", "--samples", "2", "--seconds", "0",
                 "--threads", "1"]

        def timed(*words, code=0):
            done = self.ended([*train, *words], code)
            return done.stdout + done.stderr

        text = timed("--checkpoint", "1@40")
        self.assertIn("pairs / even", text)
        self.assertRegex(text, "with the weights of step 40 of run [0-9a-f]{12}")
        length, loss, even = self.sql("SELECT timings.length, loss, pairs_over_even FROM timings")[0]
        trained, = self.values("SELECT last FROM run_last JOIN metric_keys ON id = key_id WHERE name = 'val/loss'")
        self.assertEqual(length, 32)
        self.assertLess(abs(loss - trained), 0.1 * trained)
        self.assertTrue(0 < even < 2.01)
        timed("--checkpoint", self.listed(1)[1]["path"], "attention=qk_drop", "--peer", "none", "--warm-steps", "2", "--lengths", "16,64")
        facts = dict(self.sql("SELECT name, text FROM facts WHERE run_id = (SELECT max(id) FROM run_attempts)"))
        self.assertRegex(facts["inputs"], "after 4 training steps from step 20 of run")
        self.assertEqual(facts["left out T=64"], "the trained model has positions for 32 tokens")
        self.assertIn("has no checkpoint '25'", timed("--checkpoint", "1@25", code=1))
        self.assertIn("tells nothing of random tokens", timed("--checkpoint", "1", "--random-tokens", code=2))

    def state(self, step):
        path, = (row["path"] for row in self.listed(1) if row["step"] == step)
        return json.loads(read_text(path, "state.json"))

    def test_a_run_whose_last_weights_are_nowhere_says_so_and_older_ones_are_not_taken_for_it(self):
        disk = os.path.join(self.folder, "small")
        os.makedirs(disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", disk], capture_output=True, check=False).returncode != 0:
            self.skipTest("no right to mount a small disk")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        self.db = os.path.join(disk, "runs.db")
        wide = [word for word in RUN if not word.startswith("model.width")]
        ran = self.attnlab("run", *wide, "attention=dense", "model.width=64").stdout
        self.assertRegex(ran, "done in .*: no checkpoint at step 40: .*No space left")
        for told in (self.attnlab("show", "1"), self.attnlab("runs"), self.attnlab("compare")):
            self.assertIn("no checkpoint at step 40", told.stdout)
        scored = self.attnlab("evaluate", "1", "--split", "test").stderr
        self.assertRegex(scored, r"weights of step \d+ of 40, the newest there are. Not stored: name the step, 1@\d+")
        step = re.search(r"step (\d+) of", scored)[1]
        self.assertIn(f"stored with run 1 at step {step}", self.attnlab("evaluate", f"1@{step}", "--split", "test").stderr)

    def test_a_fork_says_that_it_takes_fewer_blocks(self):
        self.attnlab("run", "attention=none", *RUN, "model.layers=3", "model.causality=strict")
        self.assertIn("the first 2 of the checkpoint's 3 blocks are taken", self.attnlab("fork", "2@20", "model.layers=2").stderr)

    def test_other_data_than_those_of_the_run_are_named(self):
        self.assertNotIn("warning", self.attnlab("evaluate", "1").stderr)
        self.assertIn("the data are others than the checkpoint was trained on", self.attnlab("evaluate", "1", "dataset.length=16").stderr)

    def test_what_cannot_be_is_refused_with_the_reason(self):
        for words, code, why in (
                (["evaluate"], 2, "expected a checkpoint: attnlab evaluate RUN@STEP"),
                (["evaluate", "1@7"], 1, "run 1 has no checkpoint '7'. It has those of step 10, 20, 30, 40"),
                (["evaluate", "9"], 1, "there is no run '9'"),
                (["evaluate", "no/where"], 1, "the checkpoint '.*no/where' is not whole"),
                (["evaluate", "1", "--split", "all"], 2, "--split: expected valid, test or train, found 'all'"),
                (["evaluate", "1", "dataset.length=64"], 1, "the checkpoint has positions for 32 tokens"),
                (["evaluate", "1", "model.width=32"], 1, "is of another model: it has 'blocks.0.attention.*' as F32"),
                (["evaluate", "1", "model.layers=2"], 1, "is of another model: it has no tensor 'blocks.1"),
                (["evaluate", "1", "attention=none"], 1, "which this one lacks"),
                (["evaluate", "1", "dataset.lenght=16"], 1, "lenght"),
                (["checkpoints"], 2, "expected one run"),
                (["checkpoints", "1", "2"], 2, "expected one run"),
                (["fork", "attention=none"], 2, "expected a checkpoint first"),
                (["fork", "1@9"], 1, "has no checkpoint '9'"),
                (["fork", "1@20", "model.width=32"], 1, "model.width=32 does not fit the weights of 1@20, which have model.width=16"),
                (["fork", "1@20", "model.layers=2", "--plan"], 1, "model.layers=2 does not fit the weights of 1@20"),
                (["fork", "1@20", "dataset.length=16"], 1, "dataset.length=16 does not fit the weights of 1@20, which have dataset.length=32"),
                (["fork", "1@20", "model.shared_keys=false", "attention=dense"], 1, "model.shared_keys=false does not fit the weights of 1@20"),
                (["fork", "1@20", "model.positions=rope"], 1, "model.positions=rope does not fit the weights of 1@20, which have model.positions=learned"),
                (["fork", "1@20", "dataset.symbols=7", "--plan"], 1, "copy has .* tokens, which does not fit the weights of 1@20: their vocabulary is"),
                (["run", "attention=none", *TINY, "train.checkpoint_every=often"], 1, "checkpoint_every 'often' is no interval"),
                (["run", "attention=none", *TINY, "train.keep=0"], 1, "train.keep"),
                (["run", "attention=none", *TINY, "--time-limit", "0s"], 2, "--time-limit: '0s' is no time")):
            with self.subTest(words):
                self.assertRegex(self.attnlab(*words, code=code).stderr, why)
        self.assertEqual(len(self.sql("SELECT * FROM run_attempts")), 1, "nothing was begun")


if __name__ == "__main__":
    main()
