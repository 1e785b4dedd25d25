"""bench_test.py: `attnlab bench` from the command line: what is stored, printed, refused.

Lengths are tiny; nothing here looks at how fast anything was.
"""
import csv
import io
import json
import os
import signal
import subprocess

import lab

TINY = ["--lengths", "32,64", "--heads", "2", "--head-dim", "16", "--samples", "3", "--seconds", "0.1",
        "--threads", "1", "--quiet"]
MIB = 2**20


class Bench(lab.Lab):
    def bench(self, *words, code=0, **env):
        command = [lab.ATTNLAB, "bench", "attention", "--db", self.db, *words]
        return self.run_command(command, code, **env)

    def run_command(self, command, code, **env):
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, timeout=300,
                              env=self.environment(**env))
        self.assertEqual(done.returncode, code, f"{command}\n{done.stdout}\n{done.stderr}")
        return done

    def test_each_variant_is_a_run_with_metrics_per_length(self):
        out = self.bench(*TINY, "attention=dense,hash_sparse", "hash_sparse.buckets=2,4").stdout
        runs = self.sql("SELECT study, kind, status, attention, kernel FROM runs ORDER BY id")
        self.assertEqual([r[:4] for r in runs], [("bench", "time", "done", "dense")] +
                         [("bench", "time", "done", "hash_sparse")] * 2)
        self.assertTrue(runs[0][4].startswith("segment_attention cpu float32"), runs[0])
        self.assertTrue(runs[1][4].startswith("segment_attention cpu float32"), runs[1])
        rows = self.sql("SELECT length, samples, seconds, sdpa_seconds, ratio, pairs, peak_bytes, dtype, "
                        "head_dim, batch, pass FROM timings WHERE run_id = 2 ORDER BY length")
        self.assertEqual([r[0] for r in rows], [32, 64])
        for length, samples, seconds, sdpa, ratio, pairs, peak, *rest in rows:
            self.assertEqual(samples, 3)
            self.assertAlmostEqual(ratio, sdpa / seconds)
            self.assertLess(0, pairs)
            self.assertLess(pairs, length * (length - 1))  # two heads
            self.assertLess(0, peak)
            self.assertEqual(rest, ["float32", 16, 1, "both"])
        self.assertIn("hash_sparse buckets=4", out)
        self.assertIn("pairs / even", out)
        evens = self.values("SELECT pairs_over_even FROM timings ORDER BY run_id")
        self.assertEqual(evens[:2], [None, None])  # dense has no buckets
        self.assertTrue(all(0.5 < even < 4 for even in evens[2:]), evens)
        self.assertIn("time grows as T^", out)
        self.assertIn("dense: checked T=32: 16 rows of each head, output and gradients against float64; they see "
                      "all keys", out)
        self.assertIn("q, v, gradient ~ N(0, 1), seed 0; k = q, of unit length per head", out)
        facts = dict(self.sql("SELECT name, text FROM facts WHERE run_id = 2"))
        self.assertEqual(len(json.loads(facts["samples T=64"])), 3)
        self.assertIn("rows of each head, output and gradients against float64", facts["checked T=64"])
        self.assertIn(facts["shared"], "01")  # other tests may run workers meanwhile
        self.assertEqual(self.values("SELECT count(*) FROM environments"), [2])  # by plugin

    def test_a_second_start_measures_again(self):
        for _ in range(2):
            self.bench(*TINY, "attention=none", "--peer", "none")
        self.assertEqual(self.values("SELECT count(*) FROM runs WHERE status = 'done'"), [2])

    def test_other_commands_see_timings_and_compare_says_where_they_are(self):
        self.bench(*TINY, "attention=none")
        self.assertIn("none", self.attnlab("runs").stdout)
        self.assertIn("seconds_median", self.attnlab("show", "1").stdout)
        refused = self.attnlab("compare", "--study", "bench", code=1).stderr
        self.assertIn("the study 'bench' holds no training runs; its timings: attnlab query", refused)

    def test_a_preset_has_rows_and_goals(self):
        preset = os.path.join(self.folder, "mine.yaml")
        with open(preset, "w", encoding="utf-8") as file:
            file.write("title: My goals\nbench: {lengths: '32'}\nrows:\n"
                       "  - {label: one, overrides: [attention=none], goals: {32: 0}}\n"
                       "  - {label: two, overrides: [attention=engine], dtype: bfloat16, goals: {32: 1e9}}\n")
        small = ["--heads", "1", "--head-dim", "8", "--samples", "2", "--seconds", "0", "--quiet"]
        out = self.bench(*small, "--preset", preset, "--plot", "f.svg").stdout
        self.assertIn("My goals", out)
        self.assertIn("of 0x: yes", out)
        self.assertRegex(out, r"of 1000000000x: no|of 1e\+09x: no")
        self.assertEqual(self.values("SELECT dtype FROM timings ORDER BY run_id"), ["float32", "bfloat16"])
        with open(os.path.join(self.folder, "f.svg"), encoding="utf-8") as file:
            self.assertIn("<svg", file.read())
        self.bench(*small, "--preset", preset, "--rows", "two")
        self.assertEqual(self.values("SELECT count(*) FROM runs"), [3])
        self.assertIn("--rows: no row's label has 'three' in it:\n  one\n  two",
                      self.bench("--preset", preset, "--rows", "three", code=2).stderr)

    def test_every_shipped_row_runs(self):
        self.bench(*TINY, "--preset", "goals_cpu", "--roofline")
        self.assertEqual(self.values("SELECT DISTINCT status FROM runs"), ["done"])
        shares = self.values("SELECT roofline_share FROM timings")
        self.assertTrue(shares and all(share > 0 for share in shares), shares)

    def test_exports_are_exact(self):
        text = self.bench(*TINY, "attention=none", "--csv", "--pass", "forward").stdout
        rows = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual([r["T"] for r in rows], ["32", "64"])
        stored = self.values("SELECT seconds FROM timings ORDER BY length")
        self.assertEqual([float(r["seconds"]) for r in rows], stored)

    def test_refusals_name_what_was_expected(self):
        def refusal(*words, code=1):
            return self.bench(*words, code=code).stderr
        self.assertIn("Did you mean 'lengths'", refusal("--length", "32", code=2).replace("--", ""))
        for words, expected in (
                (["--lengths", "1k"], "lengths: '1k' in '1k' is no sequence length"),
                (["--lengths", "16,"], "is no sequence length; expected positive integers"),
                (["--lengths", "0"], "is no sequence length"),
                (["--dtype", "half"], "--dtype: bench.dtype: 'half' is not known; expected one of float32, bfloat16"),
                (["--samples", "0"], "bench.samples: 0 is out of range"),
                (["--seconds", "-1"], "bench.seconds: -1 is out of range"),
                (["--seconds", "x"], "bench.seconds"),
                (["--pass", "sideways"], "bench.pass: 'sideways' is not known"),
                (["--heads", "0"], "--heads"),
                (["--threads", "x"], "--threads")):
            self.assertIn(expected, refusal(*words, "attention=none", code=2))
        for words in (["attention=nothing"], ["model.heads=0"], ["attention=none", "seed=x"]):
            refusal(*words, code=1)
        self.assertEqual(os.listdir(self.folder), [])  # what is wrong leaves nothing behind
        self.assertIn("unknown kind 'atention' of 'attnlab bench'. Did you mean 'attention'",
                      self.run_command([lab.ATTNLAB, "bench", "atention"], 2).stderr)
        self.assertIn("reshape.segments=16 does not divide T = 30",
                      self.bench("--quiet", "--lengths", "30", "attention=reshape", code=3).stdout)

    def test_lengths_that_a_subject_cannot_cut_are_left_out_and_the_others_timed(self):
        out = self.bench(*TINY[2:], "--lengths", "30,32,33,64", "attention=reshape").stdout
        self.assertIn("left out T=30: reshape.segments=16 does not divide T = 30", out)
        self.assertIn("left out T=33: reshape.segments=16 does not divide T = 33", out)
        self.assertEqual(self.values("SELECT length FROM timings ORDER BY length"), [32, 64])

    def test_lengths_that_cannot_fit_are_left_out_with_the_estimate(self):
        huge = "32,34359738368"
        out = self.bench(*TINY[2:], "attention=dense", "--lengths", huge).stdout
        self.assertRegex(out, r"dense: left out T=34359738368: needs an estimated [0-9.]+ TiB; this process may use")
        self.assertEqual(self.values("SELECT length FROM timings"), [32])
        out = self.run_command([lab.ATTNLAB, "bench", "train", "--db", self.db, "--quiet", "--lengths", "34359738368",
                                "--random-tokens", "attention=none", "model.width=16", "model.heads=2", "model.layers=1"], 0).stdout
        self.assertIn("T = 34359738368: needs an estimated", out)

    def test_training_steps_are_timed_against_another_variant(self):
        words = ["train", "--db", self.db, "--quiet", "--lengths", "32,64", "--tokens", "128",
                 "--samples", "3", "--seconds", "0", "--threads", "1", "model.width=16", "model.heads=2",
                 "model.layers=1"]
        out = self.run_command([lab.ATTNLAB, "bench", *words, "attention=hash_sparse", "attention.buckets=4",
                                "train.precision=bfloat16", "dataset=copy", "--warm-steps", "5"], 0).stdout
        rows = self.sql("SELECT kind, runs.status, timings.length, batch, samples, timings.tokens_per_second, peer_tokens_per_second, "
                        "ratio, flop_utilisation, peak_bytes, peer_peak_bytes FROM timings JOIN runs ON runs.id = run_id "
                        "ORDER BY timings.length")
        self.assertEqual([(r[0], r[1], r[2], r[3], r[4]) for r in rows],
                         [("time", "done", 32, 4, 3), ("time", "done", 64, 2, 3)])
        for *_, ours, peers, ratio, utilisation, peak, peer_peak in rows:
            self.assertAlmostEqual(ratio, ours / peers)
            self.assertLess(0, min(utilisation, peak, peer_peak))
        facts = dict(self.sql("SELECT name, text FROM facts"))
        self.assertTrue(facts["kernel"].startswith("segment_attention"), facts)
        self.assertIn("segment_attention", facts["peer_kernel"])
        self.assertIn("6 x weights of matrix products", facts["flop_formula"])
        self.assertIn("tokens/s", out)
        self.assertIn("pairs / even", out)
        self.assertRegex(facts["inputs"], r"copy.*, seed 0; after 7 training steps")
        evens = self.sql("SELECT pairs_over_even, peer_pairs_over_even, loss FROM timings")
        for even, peers, loss in evens:
            self.assertTrue(0.2 < even <= 4.01, evens)  # of few rows, by chance below 1
            self.assertIsNone(peers)
            self.assertLess(0, loss)
        alone = self.run_command([lab.ATTNLAB, "bench", *words, "attention=none", "--peer", "none", "--random-tokens",
                                  "--vocabulary", "50"], 0).stdout
        self.assertIn("none", alone)
        self.assertIn("uniformly random tokens, vocabulary 50",
                      self.values("SELECT text FROM facts WHERE name = 'inputs' ORDER BY run_id DESC")[0])

    def test_training_steps_need_data_that_is_long_enough_or_random_tokens(self):
        train = [lab.ATTNLAB, "bench", "train", "--db", self.db, "--quiet", "attention=none"]
        for words, expected in (
                (["dataset=digits", "--lengths", "64,4096"], "T = 4096 is longer than digits can serve"),
                (["dataset=enwik8"], "enwik8")):
            told = self.run_command([*train, *words], 1).stderr
            self.assertRegex(told, expected)
            self.assertIn("--random-tokens does without", told)
        self.assertEqual(os.listdir(self.folder), [])

    def test_ctrl_c_keeps_the_lengths_that_are_done(self):
        command = [lab.ATTNLAB, "bench", "attention", "--db", self.db, "attention=engine", "--lengths",
                   "32,2048", "--threads", "1", "--samples", "1000000", "--seconds", "0.2"]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment(), text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(self.end, process)
        self.wait_until("the first length is stored", lambda: self.values("SELECT length FROM timings") != [])
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), lab.INTERRUPTED)
        self.assertIn(32, self.values("SELECT length FROM timings"))

    def test_memory_grows_linearly_to_a_hundred_and_thirty_thousand_tokens(self):
        """T = 131,072 with one head stays below 1 GiB beyond LibTorch, forward and backward."""
        words = ["--quiet", "--heads", "1", "--lengths", "32768,131072", "--peer", "none", "--samples", "1",
                 "--least-samples", "1", "--seconds", "0", "attention=hash_sparse", "attention.buckets=256"]
        self.bench(*words)
        rows = self.sql("SELECT process_peak_bytes, peak_bytes FROM timings ORDER BY length")
        self.assertEqual(len(rows), 2)
        self.assertLess(rows[1][0], 1024 * MIB)
        self.assertLess(rows[1][1], 4.5 * rows[0][1])


if __name__ == "__main__":
    lab.main()
