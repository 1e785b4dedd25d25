"""documents_test.py: model.documents=isolated, from a prepared text to rows of results."""
import array
import os

from lab import ATTNLAB, FAILED, Lab, main

T, END = 48, 256  # of --tokens bytes
TRAIN = [f"dataset.length={T}", "model.layers=1", "model.width=16", "model.heads=2", "train.steps=4", "train.batch_size=2",
         "train.log_every=1", "train.eval_every=0", "train.eval_sequences=6"]


class Documents(Lab):
    def setUp(self):
        super().setUp()
        lines = "\n".join("a line of its own " * (1 + i % 3) + str(i) for i in range(80))
        self.text = [*self.prepared(lines, split_at="line", test_size="0.4"), *TRAIN]

    def earlier_in_document(self):
        """Mean over the scored windows, from the file: rows of the same document before each."""
        with open(os.path.join(self.folder, "tokens", "val.bin"), "rb") as file:
            tokens = array.array("H", file.read())
        inputs = [END, *tokens]
        counts = []
        for window in range(6):
            before = 0
            for token in inputs[window * T:(window + 1) * T]:
                counts.append(before)
                before = 0 if token == END else before + 1
        return sum(counts) / len(counts)

    def test_every_variant_that_can_trains_on_them_and_says_what_was_seen(self):
        self.attnlab("grid", "attention=dense,hash_sparse,qk_drop,sliding_window,reformer,moba,sink,none",
                     "model.documents=joined,isolated", "reformer.chunk=8", "moba.block=8", "hash_sparse.buckets=4", *self.text)
        rows = self.sql("SELECT attention, c.value, status FROM runs JOIN configs AS c ON c.run_id = runs.id "
                        "WHERE c.key = 'model.documents'")
        self.assertEqual((len(rows), {row[2] for row in rows}), (16, {"done"}))
        pairs = {(attention, documents): value for attention, documents, value in self.sql(
            "SELECT attention, c.value, last FROM run_last JOIN runs ON runs.id = run_last.run_id "
            "JOIN metric_keys AS k ON k.id = key_id JOIN configs AS c ON c.run_id = runs.id "
            "WHERE c.key = 'model.documents' AND k.name = 'attention/pairs_per_query'")}
        self.assertAlmostEqual(pairs["dense", "joined"], (T - 1) / 2)
        self.assertAlmostEqual(pairs["dense", "isolated"], self.earlier_in_document())
        for attention in ("hash_sparse", "qk_drop", "sliding_window", "reformer", "moba"):
            self.assertLess(pairs[attention, "isolated"], pairs[attention, "joined"], attention)
        batches = self.values("SELECT DISTINCT text FROM facts WHERE name = 'training_batches'")
        self.assertEqual(len(batches), 1, "the same tokens for all")

    def test_what_cannot_keep_them_apart_is_refused_before_it_runs(self):
        for words, why in ((["attention=fastmax", *self.text], "'fastmax' does not keep documents apart"),
                           (["attention=dense", "dataset=copy", *TRAIN], "no sequence of 'copy' is made of several documents"),
                           (["attention=dense", "dataset=digits", *TRAIN], "no sequence of 'digits' is made of")):
            self.assertRegex(self.attnlab("run", *words, "model.documents=isolated", "--plan").stdout, "skipped.*")
            self.attnlab("run", *words, "model.documents=isolated", code=FAILED)
            self.assertIn(why, self.values("SELECT reason FROM run_attempts ORDER BY id DESC")[0])
        self.assertEqual(set(self.values("SELECT status FROM run_attempts")), {"skipped"})

    def test_steps_are_timed_on_them(self):
        train = ["bench", "train", "--db", self.db, "--quiet", "attention=hash_sparse", "attention.buckets=4", "--lengths", "32",
                 "--tokens", "64", "--samples", "3", "--seconds", "0", "--threads", "1", "model.documents=isolated"]
        self.ended([ATTNLAB, *train, *self.text])
        self.assertLess(self.values("SELECT last FROM run_last JOIN metric_keys ON id = key_id WHERE name = 'peer/keys_per_query'")[0], 15)


if __name__ == "__main__":
    main()
