"""conditions_test.py: a comparison differs in the attention alone, and attention is what it measures."""
import math
import os

from lab import TINY, Lab, main

SOURCE = os.environ["ATTNLAB_SOURCE"]
VARIANTS = ["dense", "qk_drop", "hash_sparse", "reformer", "none"]
SHIPPED = sorted(name[:-5] for name in os.listdir(os.path.join(SOURCE, "experiments", "experiment")))
COPY = ["dataset=copy", "dataset.length=32", "model.layers=1", "model.init_std=0.1", "train.steps=200",
        "train.batch_size=16", "train.learning_rate=0.01", "train.eval_every=0", "train.eval_sequences=64"]


class Conditions(Lab):
    def assert_equal_but_for_the_attention(self, study):
        for fact in ("initial_weights", "training_batches", "validated"):
            rows = self.sql("SELECT count(*), count(DISTINCT text) FROM facts JOIN runs ON runs.id = run_id "
                            "WHERE name = ? AND study = ?", fact, study)
            self.assertEqual(rows, [(len(VARIANTS), 1)], fact)
        rest = self.sql("SELECT DISTINCT parameters, causality, key_norm, dataset, length, steps, batch_size FROM runs "
                        "WHERE study = ?", study)
        self.assertEqual(len(rest), 1, rest)

    def test_initial_weights_batches_and_parameter_counts_are_equal_for_all_variants(self):
        self.attnlab("grid", "--study", "all", "--jobs", "2", "attention=" + ",".join(VARIANTS), *TINY)
        self.assert_equal_but_for_the_attention("all")
        chains = self.values("SELECT text FROM facts WHERE name = 'loss_chain'")
        self.assertEqual(len(set(chains)), len(VARIANTS), "variants that train alike are not five variants")

    def test_so_they_are_in_every_shipped_experiment(self):
        for place, experiment in enumerate(SHIPPED):
            # Generated data of the same form, because the test may have none, of a length
            # of its own, lest cells be those of another preset; few steps, because it waits.
            data = ["dataset=digits"] if experiment == "demo" else ["dataset=copy", f"dataset.length={64 + 2 * place}"]
            self.attnlab("grid", "--study", experiment, "--jobs", "2", f"experiment={experiment}", *data,
                         "attention=" + ",".join(VARIANTS), "train.steps=2", "train.batch_size=1",
                         "train.eval_sequences=2", "seed=0", "hash_sparse.hash_space=raw")  # some sweep these
            self.assert_equal_but_for_the_attention(experiment)
            self.assertEqual(self.sql("SELECT DISTINCT causality, key_norm FROM runs WHERE study = ?", experiment),
                             [("strict", "per_head")])


class CopyTask(Lab):
    def test_dense_attention_solves_it_and_no_attention_does_not(self):
        self.attnlab("grid", "--jobs", "2", "attention=dense,none", "seed=0,1", *COPY)
        guessing = math.log2(16)
        bits = dict(self.sql("SELECT attention, max(score) FROM runs WHERE attention = 'dense'"))
        self.assertLess(bits["dense"], 0.05 * guessing)
        bits = dict(self.sql("SELECT attention, min(score) FROM runs WHERE attention = 'none'"))
        self.assertGreater(bits["none"], 0.95 * guessing)


if __name__ == "__main__":
    main()
