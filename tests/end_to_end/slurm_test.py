"""slurm_test.py: a grid whose cells are tasks of Slurm job arrays (slurm_lab.py)."""
import glob
import json
import os
import shutil
import signal
import subprocess
import time

from lab import AGAIN, ATTNLAB, FAILED, INTERRUPTED, TINY, is_worker, write_text
from slurm_lab import ENDLESS, RUN, SLURM, SlurmLab, main_with_slurm


class Slurm(SlurmLab):
    bed_options = {"max_array": 3}

    def test_cells_become_arrays_and_their_numbers_are_those_of_local_runs(self):
        words = ["attention=dense,none", "seed=0,1", *TINY]
        said = self.attnlab("grid", *words, *SLURM).stderr
        self.assertEqual(said.count("submitted "), 2, said)
        self.assertEqual(self.values("SELECT status FROM run_attempts"), ["done"] * 4)
        for array, tasks in zip(self.arrays(), ("0-2", "0-0"), strict=True):
            with open(os.path.join(array, "job.sh"), encoding="utf-8") as file:
                self.assertIn(f"#SBATCH --array={tasks}\n", file.read())
        digests, curve = self.undisturbed("attention=dense", "seed=1", *TINY)
        run, = self.values("SELECT id FROM runs WHERE attention = 'dense' AND seed = 1")
        self.assertEqual((self.digest(run), self.curve(run)), (digests, curve))
        self.assertRegex(self.values("SELECT text FROM facts WHERE name = 'slurm_job' AND run_id = ?", run)[0], r"^\d+_[01]$")
        facts = json.loads(self.values("SELECT content FROM environments JOIN run_attempts AS a ON environment_id = environments.id WHERE a.id = ?", run)[0])
        self.assertIn("--launcher slurm", facts["command"])
        self.assertEqual(facts["host"], self.values("SELECT host FROM runs WHERE id = ?", run)[0])
        again = self.attnlab("grid", *words, *SLURM)
        self.assertNotIn("submitted", again.stderr)
        self.assertIn("4 done before", again.stdout)
        self.assert_sound()

    def test_detached_killed_and_requeued_it_ends_as_if_nothing_had_happened(self):
        words = ["attention=hash_sparse", "attention.buckets=2", *RUN, "train.steps=1500"]
        said = self.attnlab("grid", *words, *SLURM, "--detach").stderr
        self.assertIn("left         1 job to Slurm", said)
        self.assertEqual(self.values("SELECT status FROM run_attempts"), ["running"])
        time.sleep(0.5)
        other = self.follow(*words)  # a second grid, without Slurm, leaves it to its owner
        job = self.job()
        self.wait_for_checkpoint()
        follower = self.follow(*words, *SLURM)
        self.wait_until("numbers come in while it runs or it is over", lambda: self.values("SELECT 1 FROM metrics LIMIT 1"), 60)
        follower.kill()
        follower.wait()
        self.bed.ask("scontrol", "requeue", job)
        said = self.attnlab("grid", *words, *SLURM).stderr
        self.assertNotIn("submitted", said)
        self.assertEqual(self.sql("SELECT status, attempt FROM run_attempts"), [("done", 1)], said)
        self.assertEqual(self.values("SELECT text FROM facts WHERE name = 'lives'"), ["2"])
        self.assertRegex(self.values("SELECT text FROM facts WHERE name = 'continues'")[0], r"continues attempt 1 at step [\d,]+")
        self.assertEqual((self.digest(1), self.curve(1)), self.undisturbed(*words))
        other.wait(timeout=60)
        self.assertIn("1 done before", self.said(other))
        self.assertEqual(len(self.arrays()), 1)
        self.assert_sound()

    def test_the_ranks_of_a_run_are_started_on_its_node_with_processors_for_all(self):
        words = ["attention=sink", *[word for word in RUN if not word.startswith("train.batch_size")], "train.batch_size=4", "train.steps=200",
                 "train.ranks=2"]
        self.attnlab("grid", *words, *SLURM)
        with open(os.path.join(self.arrays()[0], "job.sh"), encoding="utf-8") as file:
            self.assertIn("#SBATCH --cpus-per-task=2\n", file.read())
        self.assertEqual((self.digest(1), self.curve(1)), self.undisturbed(*words))

    def test_a_job_that_was_cancelled_while_nobody_followed_leaves_its_cell_to_a_grid_without_slurm(self):
        words = ["attention=none", *RUN, "train.steps=3000"]
        self.attnlab("grid", *words, *SLURM, "--detach")
        job = self.job()
        self.wait_for_checkpoint()
        grid = self.follow(*words)
        self.wait_until("it says what it waits for", lambda: f"Slurm job {job} has it (RUNNING)" in self.said(grid), 20)
        self.bed.ask("scancel", job)
        self.assertEqual(grid.wait(timeout=90), 0, self.said(grid))
        self.assertIn(f"Slurm job {job} is over and nobody followed it: interrupted, stopped after step", self.said(grid))
        self.assertEqual(self.sql("SELECT status, continues_id FROM run_attempts"), [("interrupted", None), ("done", 1)])
        self.assertRegex(self.values("SELECT reason FROM run_attempts WHERE id = 1")[0], r"\(SIGTERM\): cancelled in Slurm$")
        self.assertEqual((self.digest(2), self.curve(2)), self.undisturbed(*words))

    def test_the_ranks_of_a_run_are_spread_over_nodes_by_srun(self):
        words = ["attention=sink", *[word for word in RUN if not word.startswith("train.batch_size")], "train.batch_size=4", "train.steps=1000",
                 "train.ranks=2"]
        grid = self.follow(*words, *SLURM, "--nodes", "2", MASTER_ADDR="127.0.0.1")  # where the bed's nodes are
        job = self.job()
        self.wait_for_checkpoint()
        self.assertEqual(self.bed.node_of(job), "n[1-2]")
        self.bed.ask("scancel", "-b", "-s", "USR1", job)
        self.assertEqual(grid.wait(timeout=120), 0, self.said(grid))
        self.assertEqual(self.values("SELECT text FROM facts WHERE name = 'lives'"), ["2"], self.said(grid))
        self.assertEqual((self.digest(1), self.curve(1)), self.undisturbed(*words), "how they were started changes no bit")
        refused = [(["train.ranks=1"], "train.ranks=1 is fewer processes than nodes"), (["train.ranks=2,4"], "a job array has one shape")]
        for ranks, told in refused:
            for plan in ([], ["--plan"], ["--until-significant", "--against", "sink", "--plan"]):
                said = self.attnlab("grid", *words[:-1], *ranks, *SLURM, "--nodes", "2", *plan, code=2).stderr
                self.assertIn(told, said)

    def test_a_run_beside_another_job_on_its_node_is_marked_shared(self):
        stranger = self.bed.ask("sbatch", "--parsable", "--output=/dev/null", "--wrap", "sleep 60").strip()
        self.bed.wait_until("it runs", lambda: self.bed.ask("squeue", "-h", "-t", "running", "-j", stranger))
        self.attnlab("grid", "attention=none", *RUN, "train.steps=600", *SLURM)
        self.assertEqual(self.values("SELECT shared FROM runs"), [1])
        self.bed.ask("scancel", stranger)

    def test_preempted_and_warned_of_the_time_limit_it_goes_on_from_its_checkpoint(self):
        grid = self.follow("attention=none", *ENDLESS, *SLURM, "--sbatch", "--exclusive", "--sbatch", "--nodelist=n1")
        job = self.job()
        self.wait_for_checkpoint()
        self.bed.ask("sbatch", "-p", "hi", "--nodelist=n1", "--exclusive", "--output=/dev/null", "--wrap", "sleep 1")
        self.wait_until("it was preempted and begins again", lambda: self.values("SELECT text FROM facts WHERE name = 'lives'") == ["2"], 60)
        self.wait_until("it says from where", lambda: self.values("SELECT text FROM facts WHERE name = 'continues'"))
        began, = self.values("SELECT text FROM facts WHERE name = 'continues'")
        self.wait_until("it is further", lambda: self.values("SELECT 1 FROM metrics WHERE step > ? LIMIT 1", int(began.split()[-1].replace(",", ""))))
        self.bed.ask("scancel", "-b", "-s", "USR1", job)  # what Slurm sends a minute before a time limit
        self.wait_until("it was put into the queue again by its own script", lambda: self.values("SELECT text FROM facts WHERE name = 'lives'") == ["3"], 60)
        self.wait_until("it says from where", lambda: self.values("SELECT text FROM facts WHERE name = 'continues'") != [began])
        self.bed.ask("scontrol", "update", f"jobid={job}", "requeue=0")  # as where a site forbids it
        self.bed.ask("scancel", "-b", "-s", "USR1", job)
        self.wait_until("it was submitted anew", lambda: self.values("SELECT 1 FROM metrics WHERE run_id = 2 LIMIT 1"), 60)
        self.assertRegex(self.values("SELECT reason FROM run_attempts WHERE id = 1")[0], r"^stopped after step \d+ of 1000000 \(SIGUSR1\)$")
        self.assertEqual(self.values("SELECT continues_id FROM run_attempts WHERE id = 2"), [1])
        self.bed.ask("scancel", self.job())
        self.assertEqual(grid.wait(timeout=60), AGAIN, self.said(grid))
        status, reason = self.sql("SELECT status, reason FROM run_attempts WHERE id = 2")[0]
        self.assertEqual(status, "interrupted")
        self.assertRegex(reason, r"^stopped after step \d+ of 1000000 \(SIGTERM\): cancelled in Slurm$")
        loss = self.values("SELECT step FROM curves WHERE run_id = 2 AND key = 'train/loss' ORDER BY step")
        self.assertEqual(loss, list(range(loss[0], loss[-1] + 1, 100)), "one curve without gap or overlap")
        self.assertEqual(len(self.arrays()), 2)

    def test_a_node_that_fails_is_left_for_another_and_ctrl_c_twice_cancels(self):
        grid = self.follow("attention=none", *ENDLESS, *SLURM)
        job = self.job()
        self.wait_for_checkpoint()
        node = self.bed.node_of(job)
        zombie, = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and is_worker(pid) and self.of_this_test(pid)]
        self.bed.kill(node)
        os.kill(zombie, signal.SIGSTOP)  # as if its node hung: what it does when it comes back is seen below
        try:
            self.wait_until("it begins again on the other node", lambda: self.values("SELECT text FROM facts WHERE name = 'lives'") == ["2"], 60)
            self.assertNotEqual(self.bed.node_of(job), node)
            os.kill(zombie, signal.SIGCONT)
            self.wait_until("the worker of the lost node has seen that it was given up", lambda: not is_worker(zombie), 20)
        finally:
            self.bed.start_node(node)
        with open(glob.glob(os.path.join(os.path.dirname(self.db), "*-1", "log.txt"))[0], encoding="utf-8") as log:
            self.assertRegex(log.read(), r"no checkpoint at step \d+: another process has this attempt now")
        self.press_ctrl_c_twice(grid)
        self.assertEqual(grid.wait(timeout=90), INTERRUPTED, self.said(grid))
        self.assertEqual(self.values("SELECT status FROM run_attempts"), ["interrupted"], self.said(grid))

    def press_ctrl_c_twice(self, grid):
        grid.send_signal(signal.SIGINT)
        self.wait_until("it says what Ctrl-C means", lambda: "Again within 5 s cancels them" in self.said(grid), 4)
        time.sleep(0.6)
        grid.send_signal(signal.SIGINT)

    def test_ctrl_c_is_heard_while_slurm_keeps_a_question_waiting(self):
        busy = os.path.join(self.folder, "busy")
        env = self.with_program("squeue", f'while [ -e "{busy}" ]; do sleep 0.1; done\nexec "$squeue" "$@"')
        grid = self.follow("attention=none", *ENDLESS, *SLURM, PATH=env["PATH"])
        job = self.job()
        self.wait_for_checkpoint()
        with open(busy, "w", encoding="ascii"):
            time.sleep(1.5)  # the next question has begun
        self.press_ctrl_c_twice(grid)
        self.wait_until("Slurm was told to cancel it", lambda: self.bed.jobs()[job] == "CANCELLED", 10)
        os.remove(busy)
        self.assertEqual(grid.wait(timeout=60), INTERRUPTED, self.said(grid))
        self.assertRegex(self.values("SELECT reason FROM run_attempts WHERE status = 'interrupted'")[0], r"\(SIGTERM\): cancelled in Slurm$")

    def test_a_job_that_writes_is_there_whatever_squeue_says(self):
        odd = os.path.join(self.folder, "odd")
        env = self.with_program("squeue", f'if [ -e "{odd}" ]; then cat "{odd}"; exit 0; fi\nexec "$squeue" "$@"')
        grid = self.follow("attention=none", *ENDLESS, *SLURM, PATH=env["PATH"])
        job = self.job()
        self.wait_for_checkpoint()
        for answer in ("slurmctld: failing over\n", ""):  # a message instead of an answer; a controller that forgot
            write_text(odd, answer)
            time.sleep(4)
        os.remove(odd)
        self.assertEqual(list(self.bed.jobs("PENDING", "RUNNING")), [job], self.said(grid))
        self.press_ctrl_c_twice(grid)
        self.assertEqual(grid.wait(timeout=60), INTERRUPTED, self.said(grid))

    def of_this_test(self, pid):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return self.folder.encode() in file.read()

    def test_a_job_that_slurm_kills_for_memory_is_named_as_that(self):
        said = self.attnlab("grid", "attention=none", *ENDLESS, *SLURM, "--sbatch", "--mem=20", code=FAILED).stderr
        status, reason = self.sql("SELECT status, reason FROM run_attempts")[0]
        self.assertEqual(status, "failed", said)
        self.assertRegex(reason, r"^killed for memory by Slurm \(Slurm job \d+_0 on n[12]\). Ask for more, as with --sbatch --mem=16G")

    def with_program(self, name, script):
        """An environment in which that script takes the program's place; the real one is "$name"."""
        tools = os.path.join(self.folder, "tools")
        os.mkdir(tools)
        with open(os.path.join(tools, name), "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\n{name}='{shutil.which(name)}'\n{script}\n")
        os.chmod(file.name, 0o755)
        return {**self.environment(), "PATH": tools + ":" + self.bed.environment["PATH"]}

    def test_where_the_queue_takes_no_more_cells_wait_and_smaller_arrays_are_tried(self):
        env = self.with_program("sbatch", 'grep -q "array=0-0$" job.sh || { echo "sbatch: error: Job violates accounting/QOS policy (job submit limit)" >&2; exit 1; }\n'
                               'exec "$sbatch" "$@"')
        done = subprocess.run([ATTNLAB, "grid", "--db", self.db, "attention=none", "seed=0,1", *TINY, *SLURM], cwd=self.folder, env=env, text=True,
                              capture_output=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("waiting      sbatch refused", done.stderr)
        self.assertEqual(self.sql("SELECT status, attempt FROM run_attempts"), [("done", 1)] * 2)
        self.assertEqual(len(self.arrays()), 2)

    def test_an_array_whose_number_was_never_heard_is_found_again(self):
        env = self.with_program("sbatch", '"$sbatch" "$@" >/dev/null && kill -9 $PPID')
        words = ["attention=none", "seed=0,1", *TINY, *SLURM]
        killed = subprocess.run([ATTNLAB, "grid", "--db", self.db, *words], cwd=self.folder, capture_output=True, check=False, env=env)
        self.assertEqual(killed.returncode, -signal.SIGKILL)
        self.assertEqual(self.values("SELECT status FROM run_attempts"), ["running"] * 2)
        said = self.attnlab("grid", *words).stderr
        self.assertRegex(said, r"found again  Slurm job \d+ \(2 tasks\)")
        self.assertNotIn("submitted  ", said)
        self.assertEqual(self.sql("SELECT status, attempt FROM run_attempts"), [("done", 1)] * 2)

    def test_what_sbatch_refuses_leaves_nothing_behind(self):
        said = self.attnlab("grid", "attention=none", *TINY, *SLURM, "--partition", "nowhere", code=1).stderr
        self.assertRegex(said, "sbatch refused .*invalid partition")
        self.assertEqual(self.values("SELECT count(*) FROM run_attempts"), [0])
        self.assertEqual(self.arrays(), [])
        for words, told in ((["--sbatch", "--array=0-9"], "is set by attnlab itself"), (["--time-limit", "3h"], "expected --time"),
                            (["--sbatch", "mem"], "is no option of sbatch")):
            self.assertIn(told, self.attnlab("grid", "attention=none", *TINY, *SLURM, *words, code=2).stderr)
        self.assertIn("is an option of --launcher slurm", self.attnlab("grid", "attention=none", *TINY, "--gres", "gpu:1", code=2).stderr)


if __name__ == "__main__":
    main_with_slurm()
