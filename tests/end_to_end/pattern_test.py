"""pattern_test.py: variants by layer, from the command line to the table of results."""
import json

from lab import TINY, Lab, main

FOUR = [*TINY, "model.layers=4"]
MIXED = "model.attention_pattern='dense,hash_sparse*2,dense'"


class Pattern(Lab):
    def test_a_mix_stands_beside_its_variants_and_lies_between_them(self):
        self.attnlab("grid", "attention=dense,hash_sparse", "model.attention_pattern='','dense,hash_sparse*2,dense'",
                     "hash_sparse.buckets=4", "dense.kernel=libtorch", *FOUR)
        rows = dict(self.sql("SELECT attention, attention_parameters FROM runs WHERE status = 'done'"))
        self.assertEqual(set(rows), {"dense", "hash_sparse", "dense,hash_sparse*2,dense"})
        mixed = json.loads(rows["dense,hash_sparse*2,dense"])
        self.assertEqual((mixed["hash_sparse"]["buckets"], mixed["dense"]["kernel"]), (4, "libtorch"))
        facts = dict(self.sql("SELECT runs.attention, text FROM facts JOIN runs ON runs.id = run_id WHERE name = 'kernel'"))
        self.assertIn("scaled_dot_product", facts["dense,hash_sparse*2,dense"])
        self.assertIn("segment_attention", facts["dense,hash_sparse*2,dense"])
        pairs = dict(self.sql("SELECT attention, pairs_per_query FROM runs"))
        self.assertLess(pairs["hash_sparse"], pairs["dense,hash_sparse*2,dense"])
        self.assertLess(pairs["dense,hash_sparse*2,dense"], pairs["dense"])
        weights = self.values("SELECT DISTINCT text FROM facts WHERE name = 'initial_weights'")
        self.assertEqual(len(weights), 1, "all start with the same bits")
        table = self.attnlab("compare").stdout
        self.assertIn("dense,hash_sparse*2,dense", table)

    def test_a_pattern_of_one_variant_computes_what_that_variant_does(self):
        self.attnlab("grid", "attention=hash_sparse", "model.attention_pattern='','hash_sparse*4'", *FOUR)
        chains = self.values("SELECT text FROM facts WHERE name = 'loss_chain'")
        self.assertEqual(len(chains), 2)
        self.assertEqual(len(set(chains)), 1)

    def test_every_variants_code_is_in_the_fingerprint_and_a_finished_run_is_found_again(self):
        self.attnlab("run", MIXED, *FOUR)
        parts = json.loads(self.values("SELECT fingerprint_parts FROM run_attempts")[0])
        self.assertEqual(len(parts["plugin"].split()), 2)
        again = self.attnlab("run", MIXED, *FOUR)
        self.assertIn("done before", again.stderr)

    def test_a_refusal_names_the_layers(self):
        done = self.attnlab("grid", MIXED, "attention.hash_sparse.keys=shared", *FOUR, "model.shared_keys=false", code=0)
        rows = self.sql("SELECT status, reason FROM runs")
        self.assertEqual(len(rows), 1, done.stdout)
        self.assertEqual(rows[0][0], "skipped")
        self.assertRegex(rows[0][1], r"^layers 1-2: ")

    def test_a_checkpoint_of_a_pattern_is_scored_and_forked(self):
        self.attnlab("run", MIXED, *FOUR, "train.checkpoint_every=1")
        score, = self.values("SELECT score FROM runs")
        told = json.loads(self.attnlab("evaluate", "1", "--json").stdout)
        self.assertIn(score, [row["value"] for row in told])
        self.attnlab("fork", "1", "train.learning_rate=0.01")
        self.attnlab("fork", "1", "attention=none")
        self.assertEqual(len(set(self.values("SELECT attention FROM runs ORDER BY id")[:2])), 1)
        self.assertEqual(self.values("SELECT attention FROM runs ORDER BY id")[2], "none")

    def test_bad_patterns_end_before_anything_runs(self):
        for words, message in (
                (["model.attention_pattern='dense*3'"], "names 3 layers; expected model.layers = 4"),
                (["model.attention_pattern='dense*3,dens'"], "unknown attention 'dens'"),
                (["model.attention_pattern='dense*x'"], "is no term of a pattern"),
                ([MIXED, "attention.buckets=3"], "has no key 'buckets'"),
                ([MIXED, "hash_sparse.buckets=3"], "attention.hash_sparse.buckets: 3 is odd"),
                ([MIXED, "qk_drop.drop=0.5"], "for the attention qk_drop, which no cell has")):
            with self.subTest(words=words):
                done = self.attnlab("grid", *words, *FOUR, code=1)
                self.assertIn(message, done.stderr)
        done = self.attnlab("bench", "train", MIXED, "model.layers=4", "--lengths", "32", "--db", self.db, db=False, code=2)
        self.assertIn("a timing is of one variant", done.stderr)
        self.assertEqual(self.sql("SELECT * FROM runs"), [])


if __name__ == "__main__":
    main()
