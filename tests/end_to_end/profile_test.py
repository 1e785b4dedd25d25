"""profile_test.py: train.profile says where a step's time goes and changes no number of the run."""
import json

from lab import TINY, Lab, main, read_text


class Profile(Lab):
    def test_it_is_an_artifact_with_metrics_beside_and_losses_keep_their_bits(self):
        self.attnlab("run", "attention=dense", *TINY)
        self.attnlab("run", "attention=dense", *TINY, "train.profile=2")
        self.assertEqual(self.sql("SELECT count(*), count(DISTINCT text) FROM facts WHERE name = 'loss_chain'"), [(2, 1)])
        files = dict(self.sql("SELECT kind, path FROM artifacts WHERE kind LIKE 'profile%'"))
        self.assertEqual(sorted(files), ["profile", "profile_json", "profile_trace"])
        profile = json.loads(read_text(files["profile_json"]))
        self.assertEqual(profile["steps"], 2)
        parts = {part["name"]: part for part in profile["parts"]}
        for name in ("attention", "mlp", "projections", "loss", "optimiser", "batches"):
            self.assertIn(name, parts)
        self.assertGreater(parts["attention"]["backward_seconds"], 0)
        self.assertEqual(self.values("SELECT max(step) FROM curves WHERE key = 'profile/attention'"), [4])
        self.assertTrue(json.loads(read_text(files["profile_trace"]))["traceEvents"])
        self.assertIn("attention", read_text(files["profile"]))

    def test_more_steps_than_there_are_profile_all(self):
        self.attnlab("run", "attention=none", *TINY, "train.profile=100")
        path, = self.values("SELECT path FROM artifacts WHERE kind = 'profile_json'")
        self.assertEqual(json.loads(read_text(path))["steps"], 6)


if __name__ == "__main__":
    main()
