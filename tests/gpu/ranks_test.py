"""ranks_test.py: ranks on GPUs, each on one of its own, against one process on one. The GPUs are pretended, and so is
NCCL (tests/gpu/pretended): what the real one does was measured nowhere yet."""
import os
import signal

from failures_test import EMULATED, PRETENDED, Gpu, lab, preload

NCCL = os.path.join(PRETENDED, "libattnlab_pretended_nccl.so")
WORDS = [*[word for word in lab.TINY if not word.startswith(("train.batch_size", "train.steps"))], "device=cuda",
         "train.precision=float32", "train.batch_size=4", "train.steps=12", "train.eval_every=6"]


class Ranks(Gpu):
    def several(self, **more):
        """Three GPUs that nobody else claims."""
        return {"ATTNLAB_PRETENDED_DEVICES": "3", "ATTNLAB_NCCL_LIBRARY": NCCL, **more,
                "ATTNLAB_RUNTIME_DIR": os.path.join(self.folder, "claims")}

    def trained(self, *words):
        """Digests of losses and batches, losses, and the GPUs of a run in a database of its own."""
        self.db += "x"
        self.on_gpu("run", *WORDS, *words, **self.several())
        facts = dict(self.sql("SELECT name, text FROM facts"))
        losses = self.values("SELECT value FROM metrics JOIN metric_keys ON id = key_id WHERE name = 'train/loss' ORDER BY step")
        return facts["loss_chain"], facts["training_batches"], losses, facts["cuda_visible_devices"]

    def test_two_on_two_gpus_have_the_losses_of_one(self):
        one, two, again = (self.trained("attention=dense", f"train.ranks={ranks}") for ranks in (1, 2, 2))
        self.assertEqual(one[1], two[1], "batches")
        self.assertEqual(two[0], again[0], "losses, bit by bit")
        for a, b in zip(one[2], two[2], strict=True):
            self.assertAlmostEqual(a, b, delta=1e-5 * abs(a))
        self.assertEqual((one[3], two[3]), ("0", "0,1"))

    def test_buffers_and_checkpoints_are_those_of_the_whole_batch(self):
        words = ["attention=hash_sparse", "attention.buckets=2", "attention.hash_space=whitened", "train.accumulation=2",
                 "train.checkpoint_every=4"]
        one, two = (self.trained(*words, f"train.ranks={ranks}") for ranks in (1, 2))
        self.assertEqual(one[:2], two[:2], "two ranks add up what the micro-batches of one process do")

    def test_a_rank_that_is_killed_ends_the_run(self):
        run = self.start("run", *WORDS, "attention=dense", "train.ranks=2", "train.steps=100000", "train.eval_every=0",
                         LD_PRELOAD=preload("driver nvml gpu"), ATTNLAB_CUDA_LIBRARY=EMULATED, OMP_WAIT_POLICY="passive",
                         **self.several())
        self.wait_until("it has begun", lambda: self.values("SELECT 1 FROM metrics LIMIT 1"))
        first, = self.workers()
        with open(f"/proc/{first}/task/{first}/children", encoding="ascii") as file:
            os.kill(int(file.read().split()[0]), signal.SIGKILL)
        output, _ = run.communicate(timeout=60)
        self.assertEqual(run.returncode, lab.FAILED, output)
        self.assertRegex(self.values("SELECT reason FROM run_attempts")[0], r"^rank 1: killed by SIGKILL")

    def test_what_is_missing_is_named_before_anything_runs(self):
        words = ["run", *WORDS, "attention=dense", "train.ranks=2"]
        none = self.on_gpu(*words, code=1, **self.several(ATTNLAB_NCCL_LIBRARY="/no/libattnlab_nccl.so"))
        self.assertIn("train.ranks=2 on device=cuda needs '/no/libattnlab_nccl.so', which is not there", none.stderr)
        few = self.on_gpu(*words, code=1, **self.several(ATTNLAB_PRETENDED_DEVICES="1"))
        self.assertIn("train.ranks=2 on device=cuda needs as many GPUs, one for each rank; 1 is usable here", few.stderr)
        self.assertEqual(self.values("SELECT count(*) FROM run_attempts"), [0])


if __name__ == "__main__":
    lab.main()
