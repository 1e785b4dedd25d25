"""xray_test.py: `attnlab xray` on a small trained model, its numbers in the store, and train.xray_every."""
import json
import os

from lab import TINY, Lab, main, read_text

RUN = [*[word for word in TINY if not word.startswith("train.steps")], "model.layers=2", "train.steps=20", "train.checkpoint_every=10",
       "train.keep=9"]


class Xray(Lab):
    def numbers(self, *words):
        rows = json.loads(self.attnlab("xray", "--json", *words).stdout)
        return {(row["measure"], row["layer"], row["head"]): row["value"] for row in rows}

    def stored(self, run, step):
        return dict(self.sql("SELECT name, value FROM metrics JOIN metric_keys ON id = key_id WHERE run_id = ? AND step = ? AND "
                             "name GLOB 'xray/*'", run, step))

    def test_a_runs_checkpoint_is_looked_at_and_the_numbers_are_stored_with_it(self):
        self.attnlab("run", "attention=hash_sparse", "attention.buckets=4", *RUN)
        before = self.sql("SELECT * FROM events WHERE run_id = 1 AND step = 20")
        out = os.path.join(self.folder, "figures")
        said = self.attnlab("xray", "1", "--out", out)
        self.assertIn("stored with run 1 at step 20", said.stderr)
        self.assertRegex(said.stdout, r"layer +weight kept +at best +keys kept +top 8 ")
        self.assertRegex(said.stdout, r"(?s)\n +0 .*\n +1 .*\n +all ")
        self.assertIn("pairs_over_even, of even", said.stdout)
        self.assertEqual(self.sql("SELECT * FROM events WHERE run_id = 1 AND step = 20"), before, "the step's own times stay")
        stored = self.stored(1, 20)
        found = self.numbers("1")
        self.assertEqual(stored["xray/kept_weight/layer_1/head_0"], found["kept_weight", 1, 0])
        self.assertEqual(len(stored), len(found), "everything is stored")
        heads = [stored[f"xray/kept_weight/layer_1/head_{head}"] for head in (0, 1)]
        self.assertAlmostEqual(stored["xray/kept_weight/layer_1"], sum(heads) / 2)
        self.assertTrue(0 < stored["xray/kept_weight"] < stored["xray/best_weight"] <= 1)
        self.assertEqual((stored["xray/queries"], stored["xray/length"]), (4 * 31, 32))
        for name in ("kept_weight", "error", "entropy", "largest_segment", "distance_profile"):
            self.assertTrue(read_text(out, name + ".svg").startswith("<svg "), name)
        self.attnlab("xray", "1@10", "--queries", "5", "--sequences", "2", "--quiet")
        self.assertEqual(self.stored(1, 10)["xray/queries"], 10)
        self.assertEqual(self.stored(1, 20), stored)
        page = os.path.join(self.folder, "page.html")
        self.attnlab("report", "--out", page)
        text = read_text(page)
        self.assertEqual(text.count('<img class="xray"'), 3)
        self.assertIn("<h3>hash_sparse, run 1</h3>", text)

    def test_another_config_or_split_is_looked_at_and_not_stored(self):
        self.attnlab("run", "attention=dense", *RUN)
        for words in (["1", "--length", "8"], ["1", "--split", "test"], ["1", "attention=qk_drop"]):
            said = self.attnlab("xray", *words)
            self.assertIn("not stored: config or split are not the run's own", said.stderr)
        self.assertEqual(self.numbers("1", "--length", "8")["length", None, None], 8)
        self.assertGreater(self.numbers("1", "attention=qk_drop")["error", None, None], 0.01)
        path = json.loads(self.attnlab("checkpoints", "1", "--json").stdout)[0]["path"]
        self.assertIn("stored with run 1 at step 10", self.attnlab("xray", path).stderr)
        self.assertLess(self.stored(1, 10)["xray/error"], 1e-5)
        self.assertEqual(self.stored(1, 20), {})

    def test_numbers_of_other_code_are_not_stored_and_those_of_a_fork_are(self):
        self.attnlab("run", "attention=dense", *RUN)
        self.assertIn("not stored: data, code or device are not the run's", self.attnlab("xray", "1", MKL_CBWR="COMPATIBLE").stderr)
        self.assertEqual(self.stored(1, 20), {})
        self.attnlab("fork", "1@10", "train.learning_rate=0.01")
        self.assertIn("stored with run 2 at step 20", self.attnlab("xray", "2").stderr)
        self.assertIn("stored with run 2 at step 20", self.attnlab("evaluate", "2", "--split", "test").stderr)

    def test_a_config_has_initial_weights_and_needs_no_database(self):
        said = self.attnlab("xray", "attention=reformer", "attention.chunk=8", *RUN, "--markdown")
        self.assertIn("not stored: no run has these weights", said.stderr)
        self.assertIn("bucket_coverage, share", said.stdout)
        self.assertFalse(os.path.exists(self.db))
        heads = self.attnlab("xray", "attention=none", *RUN, "--heads").stdout
        self.assertEqual(len([line for line in heads.splitlines() if " 100" in line]), 5, "no keys anywhere")

    def test_training_does_it_at_an_interval_and_computes_the_same(self):
        self.attnlab("run", "attention=qk_drop", *RUN, "train.xray_every=8")
        self.attnlab("run", "attention=qk_drop", *RUN)
        chains = self.values("SELECT text FROM facts WHERE name = 'loss_chain'")
        self.assertEqual(len(chains), 2)
        self.assertEqual(chains[0], chains[1])
        steps = "SELECT step FROM metrics JOIN metric_keys ON id = key_id WHERE run_id = ? AND name = 'xray/kept_weight'"
        self.assertEqual(self.values(steps, 1), [8, 16, 20])
        self.assertEqual(self.values(steps, 2), [])
        last = self.stored(1, 20)
        found = self.numbers("1")
        self.assertEqual(found["kept_weight", None, None], last["xray/kept_weight"], "the checkpoint gives what the run saw")
        self.assertEqual(len(found), len(last))

    def test_what_cannot_be_is_refused_with_the_reason(self):
        for words, code, why in (
                ([], 2, "expected a run, a checkpoint or overrides: attnlab xray RUN"),
                (["attention=dense", *RUN, "dataset=digits", "dataset.length=1"], 1, "no query has a key that it may see: T = 1, model.causality=strict"),
                (["attention=dense", *RUN, "--queries", "0"], 2, "--queries"),
                (["attention=dense", *RUN, "--split", "half"], 2, "--split: expected valid, test or train, found 'half'"),
                (["attention=reformer", *RUN, "model.causality=inclusive"], 1, "reformer")):
            self.assertIn(why, self.attnlab("xray", *words, code=code).stderr)


if __name__ == "__main__":
    main()
