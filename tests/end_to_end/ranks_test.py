"""ranks_test.py: runs of several processes against one: the same batches, losses equal to rounding, one row;
what becomes of a rank that dies, hangs or is told to stop."""
import contextlib
import glob
import os
import signal
import socket
import threading

from lab import AGAIN, BUILD, FAILED, TINY, Lab, main

RUN = [*[word for word in TINY if not word.startswith(("train.steps", "train.batch_size", "train.eval"))],
       "attention=sink", "train.batch_size=4", "train.steps=40", "train.eval_every=20", "train.eval_sequences=10"]
LONG = [*RUN, "train.ranks=2", "train.steps=1000", "train.eval_every=500", "train.log_every=100",
        "train.checkpoint_every=100"]

WHITENED = [word for word in RUN if not word.startswith("attention")] + [
    "attention=hash_sparse", "attention.buckets=4", "attention.hash_space=whitened"]


@contextlib.contextmanager
def watched_workers():
    """The process ids of all workers on this machine meanwhile."""
    seen, over = set(), threading.Event()

    def watch():
        while not over.wait(0.02):
            for name in glob.glob("/proc/[0-9]*/comm"):
                with contextlib.suppress(OSError), open(name, encoding="utf-8", errors="replace") as file:
                    if file.read().strip() == "attnlab-worker":
                        seen.add(name)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


class Ranks(Lab):
    undisturbed = None  # digests of LONG

    def facts(self, run=1):
        return dict(self.sql("SELECT name, text FROM facts WHERE run_id = ?", run))

    def curve(self, run=1):
        return {(key, step): value for key, step, value in self.sql(
            "SELECT name, step, value FROM metrics JOIN metric_keys ON id = key_id WHERE run_id = ? AND name NOT LIKE "
            "'%second%' AND name NOT LIKE '%peak%'", run)}

    def fresh(self):
        """From here on another database."""
        self.db += "x"

    def other_ranks(self, pid):
        """Process ids of the ranks that rank 0 started."""
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                return [int(word) for word in file.read().split()]
        return []

    def start_long(self, **env):
        """Once it has a checkpoint; with the pids of rank 0 and rank 1."""
        run = self.start("run", *LONG, **env)
        self.wait_until("it has a checkpoint", lambda: self.values("SELECT 1 FROM artifacts WHERE kind = 'checkpoints'"))
        first, = self.workers()
        second, = self.other_ranks(first)
        return run, first, second

    def chains(self, run):
        return [self.facts(run)[name] for name in ("loss_chain", "training_batches")]

    def assert_as_undisturbed(self):
        run, = self.values("SELECT id FROM run_attempts WHERE status = 'done'")
        self.assertTrue(self.facts(run)["continues"].startswith("continues attempt 1 at step "))
        chains = self.chains(run)
        if not Ranks.undisturbed:
            self.fresh()
            self.attnlab("run", *LONG)
            Ranks.undisturbed = self.chains(1)
        self.assertEqual(chains, Ranks.undisturbed)

    def test_two_ranks_have_the_losses_of_one_and_the_same_bits_again(self):
        several = ["train.accumulation=2", "train.grad_clip=0.5", "train.precision=bfloat16"]
        for words, rounding in ((RUN, 1e-5), ([*RUN, *several], 2e-2)):
            self.attnlab("run", *words)
            one, batches = self.curve(), self.facts()["training_batches"]
            self.fresh()
            with watched_workers() as seen:
                self.attnlab("run", *words, "train.ranks=2")
            two, facts = self.curve(), self.facts()
            self.assertEqual(self.values("SELECT count(*) FROM run_attempts"), [1], "one row")
            self.assertEqual(facts["training_batches"], batches)
            if len(seen) == 2:  # none of another test
                self.assertEqual(facts["shared"], "0", "its ranks are no other runs")
            self.assertEqual(set(one), set(two))
            for key, value in one.items():
                self.assertAlmostEqual(two[key], value, delta=rounding * max(1, abs(value)), msg=str(key))
            self.assertGreater(self.values("SELECT min(value) FROM metrics JOIN metric_keys ON id = key_id WHERE name = "
                                           "'train/reduce_seconds'"), [0])
            self.fresh()
            self.attnlab("run", *words, "train.ranks=2")
            self.assertEqual(self.facts()["loss_chain"], facts["loss_chain"])
            self.fresh()

    def test_buffers_are_those_of_the_whole_batch(self):
        one_process = ["train.accumulation=2", "train.xray_every=20"]  # two ranks add up what its micro-batches do
        reformer = [word.replace("hash_sparse", "reformer") for word in WHITENED if "buckets" not in word]
        for words, rounding in (([*WHITENED, *one_process], 0), ([*reformer, *one_process], 0), (WHITENED, 1e-4)):
            chains, curves = [], []
            for ranks in (1, 2, 2):
                self.attnlab("run", *words, f"train.ranks={ranks}")
                chains.append(self.chains(1))
                curves.append(self.curve())
                self.fresh()
            self.assertEqual(chains[1], chains[2], "the same bits again")
            self.assertEqual(chains[0][1], chains[1][1], "the same batches")
            if rounding == 0:
                self.assertEqual(chains[0][0], chains[1][0], "the same losses")
            for key, value in curves[0].items():
                if key[0].startswith(("train/loss", "val/", "grad_norm")):
                    self.assertAlmostEqual(curves[1][key], value, delta=rounding * max(1, abs(value)), msg=str(key))

    def test_buffers_of_ranks_go_on_from_a_checkpoint(self):
        words = [*WHITENED, "train.ranks=2", "train.steps=400", "train.checkpoint_every=40", "train.eval_every=0"]
        self.attnlab("run", *words)
        undisturbed = self.chains(1)
        self.fresh()
        run = self.start("run", *words)
        self.wait_until("it has a checkpoint", lambda: self.values("SELECT 1 FROM artifacts WHERE kind = 'checkpoints'"))
        for first in self.workers():
            for pid in self.other_ranks(first):
                os.kill(pid, signal.SIGKILL)
        run.communicate(timeout=60)
        self.attnlab("run", *words)
        self.assertEqual(self.values("SELECT status FROM run_attempts ORDER BY id"), ["failed", "done"])
        self.assertEqual(self.chains(2), undisturbed)

    def test_a_rank_that_is_killed_ends_the_run_which_goes_on_as_if_nothing_had_happened(self):
        run, _, second = self.start_long()
        os.kill(second, signal.SIGKILL)
        output, _ = run.communicate(timeout=60)
        self.assertEqual(run.returncode, FAILED, output)
        self.assertEqual(self.values("SELECT status FROM run_attempts"), ["failed"])
        self.assertRegex(self.values("SELECT reason FROM run_attempts")[0], r"^rank 1: killed by SIGKILL")
        self.attnlab("run", *LONG)
        self.assert_as_undisturbed()

    def test_when_rank_0_is_killed_the_others_end_too(self):
        run, first, second = self.start_long()
        os.kill(first, signal.SIGKILL)
        self.assertEqual(run.wait(60), FAILED)
        self.wait_until("rank 1 has ended", lambda: not os.path.exists(f"/proc/{second}"), 10)

    def test_a_rank_that_hangs_is_named(self):
        run, _, second = self.start_long(ATTNLAB_RANK_PATIENCE="1")
        os.kill(second, signal.SIGSTOP)
        output, _ = run.communicate(timeout=60)
        self.assertEqual(run.returncode, FAILED, output)
        self.assertRegex(self.values("SELECT reason FROM run_attempts")[0], r"^rank 1 did not answer for \d")
        self.assertFalse(os.path.exists(f"/proc/{second}"), "nothing is left of it")

    def test_a_stop_ends_all_at_one_step_with_a_checkpoint(self):
        run, _, second = self.start_long()
        run.send_signal(signal.SIGTERM)
        output, _ = run.communicate(timeout=60)
        self.assertEqual(run.returncode, AGAIN, output)
        self.assertRegex(self.values("SELECT reason FROM run_attempts")[0], r"^stopped after step \d+ of 1000 \(SIGTERM\)$")
        self.wait_until("rank 1 has ended", lambda: not os.path.exists(f"/proc/{second}"), 10)
        self.attnlab("run", *LONG)
        self.assert_as_undisturbed()

    def test_what_several_ranks_cannot_do_is_refused(self):
        words = [word for word in RUN if not word.startswith("attention")]
        planted = ["attention=planted_learned", "--plugin", os.path.join(BUILD, "lib", "attnlab", "planted_plugins")]
        self.attnlab("run", *words, *planted, "train.ranks=2", code=FAILED, ATTNLAB_PLANT="defect=collects_nothing")
        self.assertEqual(self.values("SELECT status FROM run_attempts"), ["skipped"])
        self.assertIn("train.ranks=2: the attention owns buffers (blocks.0.attention.energy) and does not give "
                      "in collected() what it moves them by", self.values("SELECT reason FROM run_attempts")[0])
        self.attnlab("run", *RUN, "train.ranks=2", code=FAILED, ATTNLAB_RANK_PATIENCE="soon")
        self.assertIn("ATTNLAB_RANK_PATIENCE='soon': expected seconds", self.values("SELECT reason FROM run_attempts")[1])
        self.assertIn("ranks 3 do not divide the 4 sequences", self.attnlab("run", *RUN, "train.ranks=3", code=1).stderr)

    def test_ranks_that_others_started_meet_over_tcp(self):
        words = [*RUN, "train.ranks=2", "train.eval_every=0"]
        self.attnlab("run", *words)
        chain = self.facts()["loss_chain"]
        self.fresh()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        here = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        self.db, mine = os.path.join(self.folder, "other", "runs.db"), self.db
        second = self.start("run", *words, RANK="1", **here)
        self.db = mine
        self.attnlab("run", *words, RANK="0", **here)
        said, _ = second.communicate(timeout=60)
        self.assertEqual(second.returncode, 0, said)
        self.assertIn("rank 1 of 2 has met the others", said)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "other")), "rank 0 alone stores")
        self.assertEqual(self.facts()["loss_chain"], chain, "the way they met changes no bit")
        self.attnlab("run", *words, RANK="1", **here)  # it is done before
        self.assertIn("expected as many as ranks", self.attnlab("run", *RUN, "train.ranks=4", RANK="1", code=1, **here).stderr)
        self.assertIn("expected one run", self.attnlab("grid", *words, "seed=0,1", RANK="1", code=1, **here).stderr)


if __name__ == "__main__":
    main()
