"""train_peers.py: framework/bench/python/train_peers.py in a small form, and its model beside attnlab's."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SCRIPT = os.path.join(ROOT, "framework", "bench", "python", "train_peers.py")
ATTNLAB = os.path.join(os.environ["ATTNLAB_BUILD"], "bin", "attnlab")
TINY = ["--layers", "1", "--width", "32", "--heads", "2", "--vocabulary", "17", "--tokens", "64", "--device", "cpu",
        "--threads", "1", "--rounds", "1", "--seconds", "0"]

sys.path.insert(0, os.path.dirname(SCRIPT))


class TrainPeers(unittest.TestCase):
    def told(self, *words):
        done = subprocess.run([sys.executable, SCRIPT, ATTNLAB, *TINY, "--json", *words], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["results"]

    def test_both_sides_are_timed_at_every_length(self):
        told = self.told("--lengths", "16,32", "--sides", "attnlab,eager")
        self.assertEqual([(r["length"], r["side"]) for r in told],
                         [(16, "attnlab"), (16, "eager"), (32, "attnlab"), (32, "eager")])
        for each in told:
            self.assertGreater(each.get("tokens_per_second", 0), 0, each)

    def test_a_side_that_cannot_run_is_named_with_the_reason(self):
        told = self.told("--lengths", "16", "--sides", "attnlab,eager", "--attention", "hash_sparse,hash_sparse.buckets=3")
        reason = {r["side"]: r.get("cannot_run") for r in told}
        self.assertIsNone(reason["eager"])
        self.assertIn("buckets", reason["attnlab"])

    def test_the_models_have_as_many_parameters(self):
        import train_peers
        sys.argv = ["train_peers.py", ATTNLAB, *TINY]
        model = train_peers.Model(train_peers.arguments(), length=16)
        with tempfile.TemporaryDirectory() as folder:
            db = os.path.join(folder, "bench.db")
            command = [ATTNLAB, "bench", "train", "attention=dense", "model.layers=1", "model.width=32", "model.heads=2", "--vocabulary",
                       "17", "--lengths", "16", "--tokens", "64", "--random-tokens", "--peer", "none", "--device", "cpu", "--seconds", "0", "--quiet", "--db", db]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            ask = [ATTNLAB, "query", "--db", db, "--csv", "SELECT value FROM curves WHERE key = 'parameters'"]
            said = subprocess.run(ask, check=True, capture_output=True, text=True).stdout
        self.assertEqual(sum(p.numel() for p in model.parameters()), float(said.split()[-1]))


unittest.main()
