"""resume_test.py: runs that are killed, stopped and started again end as if nothing had happened.

ATTNLAB_KILLS sets how often each one is killed (4).
"""
import json
import os
import random
import resource
import signal
import time

import checkpoint_reader
from lab import AGAIN, FAILED, TINY, Lab, main, read_text

KILLS = int(os.environ.get("ATTNLAB_KILLS", "4"))
STEPS = 1200
RUN = [*[word for word in TINY if not word.startswith(("train.steps", "train.eval_every"))], f"train.steps={STEPS}",
       "train.eval_every=400", "train.log_every=7"]
FAST = "train.checkpoint_every=50"


class Resume(Lab):
    def digests(self, run):
        return dict(self.sql("SELECT name, text FROM facts WHERE run_id = ? AND name IN ('loss_chain', 'training_batches')", run))

    def undisturbed(self, *words):
        """Digests and curve of the same run in a database of its own."""
        self.db, kept = self.db + ".undisturbed", self.db
        self.attnlab("run", *words)
        found = self.digests(1), self.sql("SELECT key, step, value FROM curves WHERE key NOT LIKE '%second%' AND "
                                          "key NOT LIKE '%peak%' ORDER BY 1, 2")
        self.db = kept
        return found

    def checkpoints(self, attempt=None):
        """{step: path} of the checkpoints in an attempt's folder, or in those of all."""
        found = {}
        for log in self.values("SELECT path FROM artifacts JOIN run_attempts ON id = run_id WHERE artifacts.kind = 'log' AND attempt = ifnull(?, attempt)",
                               attempt):
            folder = os.path.join(os.path.dirname(log), "checkpoints")
            if os.path.isdir(folder):
                found.update({int(name[5:]): os.path.join(folder, name) for name in os.listdir(folder) if "." not in name})
        return found

    def newest_checkpoint(self):
        return max(self.checkpoints() or [0])

    def stop_after_some_steps(self, words, number=signal.SIGTERM):
        """Starts a run, sends it a signal once it is further than any before it, and returns what it said."""
        before = self.newest_checkpoint()
        run = self.start("run", *words)
        self.wait_until("it is further than any before it", lambda: self.values(
            "SELECT 1 FROM metrics JOIN run_attempts ON id = run_id WHERE status = 'running' AND step > ? LIMIT 1", before), 60)
        run.send_signal(number)
        output, _ = run.communicate(timeout=60)
        self.assertEqual(run.returncode, AGAIN, output)
        return output

    def assert_as(self, digests, curve):
        run, = self.values("SELECT id FROM run_attempts WHERE status = 'done'")
        self.assertEqual(self.digests(run), digests)
        self.assertEqual(self.sql("SELECT key, step, value FROM curves WHERE key NOT LIKE '%second%' AND key NOT LIKE '%peak%' "
                                  "ORDER BY 1, 2"), curve, "one curve without gap or overlap")
        self.assertEqual(self.values("SELECT count FROM run_last JOIN metric_keys ON id = key_id WHERE name = 'train/loss' AND "
                                     "run_id = ?", run), [sum(1 for key, _, _ in curve if key == "train/loss")])
        self.assert_sound()

    def test_killed_at_random_moments_it_ends_as_if_nothing_had_happened(self):
        words = ["attention=hash_sparse", "attention.buckets=2", "attention.hash_space=whitened", *RUN, FAST]
        draw = random.Random(os.environ.get("ATTNLAB_SEED", str(time.time_ns())))
        begun = []
        for _ in range(KILLS):
            before = self.newest_checkpoint()
            command = self.start("run", *words)
            begun.append(command)
            self.wait_until("another checkpoint stands or it is over",
                            lambda: self.newest_checkpoint() > before or command.poll() is not None, 60)
            time.sleep(draw.uniform(0, 0.15))
            for victim in draw.sample([command.pid, *self.workers()], 1):
                try:
                    os.kill(victim, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            command.communicate()
            self.wait_until("the orphan has ended", lambda: not self.workers(), 10)
        said = self.attnlab("run", *words).stderr
        self.assert_as(*self.undisturbed(*words))
        if self.values("SELECT count(*) FROM run_attempts") > [1]:
            self.assertRegex(said + "".join(self.values("SELECT text FROM facts WHERE name = 'continues'")),
                             r"continues attempt \d+ at step [\d,]+")

    def test_what_batch_systems_send_and_the_time_limit_end_it_with_a_checkpoint_and_75(self):
        words = ["attention=none", *RUN, "train.steps=1000000", "train.eval_every=0"]
        numbers = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
        for number in numbers:
            self.stop_after_some_steps(words, number)
        self.attnlab("run", *words, "--time-limit", "3s", code=AGAIN)
        rows = self.sql("SELECT status, reason, attempt, continues_id, continues_step FROM run_attempts ORDER BY attempt")
        before = None
        for (status, reason, attempt, continues, step), cause in zip(rows, [*(n.name for n in numbers), "time limit"], strict=True):
            self.assertEqual(status, "interrupted")
            self.assertRegex(reason, rf"^stopped after step \d+ of 1000000 \({cause}\)$")
            self.assertEqual((continues, step), (attempt - 1, before) if before else (None, None))
            before = int(reason.split()[3])
        self.assertEqual(list(self.checkpoints()), [before], "the newest alone")
        self.assertEqual(self.values("SELECT run_id FROM artifacts WHERE kind = 'checkpoints' ORDER BY 1")[:3], [1, 2, 3])

    def test_stopped_in_the_middle_of_an_epoch_it_goes_on_with_the_next_window(self):
        draw = random.Random(1)
        text = self.prepared("\n\n".join("".join(draw.choices("abcdefgh ", k=300)) for _ in range(40)))
        for sampling in ("epoch", "offsets"):
            words = ["attention=none", *RUN, *text, f"dataset.sampling={sampling}",
                     "train.steps=1000", FAST]
            run = self.start("run", *words)
            self.wait_until("it has a checkpoint", lambda: self.newest_checkpoint() > 0 or run.poll() is not None, 60)
            run.send_signal(signal.SIGTERM)
            run.communicate(timeout=60)
            self.attnlab("run", *words)
            self.assert_as(*self.undisturbed(*words))
            os.rename(self.db, self.db + sampling)
            os.rename(self.db + ".undisturbed", self.db + sampling + ".undisturbed")

    def test_from_scratch_begins_anew_and_what_was_before_is_given_up(self):
        words = ["attention=none", *RUN, "train.steps=1000000"]
        self.assertNotIn("continues", self.stop_after_some_steps(words))
        before = self.newest_checkpoint()
        run = self.start("run", *words, "--from-scratch")
        self.wait_until("it has numbers", lambda: self.values("SELECT 1 FROM metrics WHERE run_id = 2 AND step > 0"), 60)
        run.send_signal(signal.SIGTERM)
        self.assertNotIn("continues", run.communicate(timeout=60)[0])
        step = max(self.checkpoints(2))
        self.attnlab("run", *words, "--time-limit", "3s", code=AGAIN)
        self.assertEqual(self.sql("SELECT continues_id, continues_step FROM run_attempts ORDER BY attempt"), [(None, None)] * 2 + [(2, step)])
        self.assertIn(before, self.checkpoints(1), "another line's")

    def test_a_crash_goes_on_too_and_a_damaged_checkpoint_is_passed_over(self):
        words = ["attention=none", *RUN, FAST, "train.keep=3", "train.steps=1000000", "train.eval_every=0"]
        run = self.start("run", *words)
        self.wait_until("three checkpoints stand", lambda: len(self.checkpoints()) >= 3, 60)
        os.kill(self.workers()[0], signal.SIGKILL)
        output, _ = run.communicate(timeout=60)
        self.assertEqual(run.returncode, FAILED, output)
        steps = self.checkpoints(1)
        newest, second = sorted(steps)[-1], sorted(steps)[-2]
        with open(os.path.join(steps[newest], "model.safetensors"), "r+b") as file:
            file.truncate(200)
        run = self.start("run", *words)
        self.wait_until("it goes on", lambda: self.values("SELECT 1 FROM facts WHERE name = 'continues'"), 60)
        run.send_signal(signal.SIGTERM)
        self.assertIn(f"continues attempt 1 at step {second:,}", run.communicate(timeout=60)[0])
        log, = self.values("SELECT path FROM artifacts WHERE kind = 'log' AND run_id = 2")
        self.assertRegex(read_text(log), rf"not used: the checkpoint '.*{newest:09}' is not whole: model.safetensors has 200 bytes")

    def test_a_full_disk_costs_no_run(self):
        limit = 900_000  # bytes of a file: the database has room, the optimiser's moments have not
        words = ["attention=none", *RUN, "train.steps=60", "model.width=256", FAST]
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            self.attnlab("run", *words)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        log, = self.values("SELECT path FROM artifacts WHERE kind = 'log'")
        self.assertRegex(read_text(log), r"no checkpoint at step 50: cannot write '.*safetensors': File too large. The run goes on")
        self.assertEqual(self.checkpoints(1), {})
        self.assertEqual(os.listdir(os.path.join(os.path.dirname(log), "checkpoints")), [])

    def test_a_python_reader_finds_the_names_that_it_expects(self):
        self.attnlab("run", "attention=sink", *TINY)
        path, = self.checkpoints(1).values()
        model, optimizer = (checkpoint_reader.read(os.path.join(path, name + ".safetensors")) for name in ("model", "optimizer"))
        self.assertEqual(model["blocks.0.attention_in.weight"][:2], ("F32", [32, 16]))
        self.assertEqual(model["blocks.0.attention.sink"][:2], ("F32", [2]))
        self.assertIn("token_embedding.weight", model)
        self.assertEqual({f"state.{name}.{what}" for name in model for what in ("exp_avg", "exp_avg_sq", "step")}, set(optimizer))
        self.assertEqual(set(optimizer["state.final_norm.weight.step"][2]), set(b"\0\0\xc0\x40"), "6 as a float")
        state = json.loads(read_text(path, "state.json"))
        self.assertEqual((state["state"]["step"], state["config"]["attention"]["name"]), (6, "sink"))
        try:
            import safetensors
        except ImportError:
            return
        with safetensors.safe_open(os.path.join(path, "model.safetensors"), "np") as file:
            self.assertEqual(set(file.keys()), set(model))


if __name__ == "__main__":
    main()
