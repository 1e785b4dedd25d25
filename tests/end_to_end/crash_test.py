"""crash_test.py: what a results database is worth after kill -9, Ctrl-C and two grids at once."""
import contextlib
import os
import signal
import sqlite3

from lab import AGAIN, ATTNLAB, INTERRUPTED, LONG, TINY, Lab, is_worker, main

# One cell is over quickly, two take a while: a grid that can be killed with something done.
STEPS = "train.steps=6,1000"
CELLS = ["attention=dense,none", "seed=0,1", *[word for word in TINY if not word.startswith("train.steps")], STEPS]
CELL_COUNT = 8


class Crash(Lab):
    def metrics(self, runs="1"):
        return set(self.sql(f"SELECT run_id, key_id, step, value FROM metrics JOIN run_attempts ON id = run_id WHERE {runs}"))

    def assert_readers_see_no_running_run(self):
        self.assertEqual(self.values("SELECT count(*) FROM run_attempts WHERE status = 'running'"), [1])
        for command in (["runs", "--status", "running", "--csv"], ["query", "--csv", "SELECT id FROM runs WHERE status = 'running'"]):
            self.assertEqual(len(self.attnlab(*command).stdout.splitlines()), 1, "the header alone")
        self.assertIn("ended without a word", self.attnlab("runs", "--csv").stdout)

    def finished(self):
        return self.sql("SELECT id, fingerprint, attempt FROM run_attempts WHERE status = 'done' ORDER BY id")

    def assert_complete(self, finished_before, metrics_before):
        self.assertEqual(set(finished_before) - set(self.finished()), set())
        self.assertEqual(metrics_before - self.metrics(), set())
        done = self.values("SELECT fingerprint FROM run_attempts WHERE status = 'done'")
        self.assertEqual((len(done), len(set(done))), (CELL_COUNT, CELL_COUNT))
        self.assertEqual(self.values("SELECT count(*) FROM run_attempts WHERE status = 'running'"), [0])
        self.assert_sound()

    def wait_in_the_middle(self):
        self.wait_until("a run is done", self.finished, 60)
        self.wait_for_metrics()

    def test_after_kill_9_of_the_grid_the_same_command_completes(self):
        grid = self.start("grid", *CELLS)
        self.wait_in_the_middle()
        grid.send_signal(signal.SIGSTOP)  # so that no cell ends and no other begins while we look
        self.assertTrue(self.workers())
        grid.send_signal(signal.SIGKILL)
        grid.wait()
        self.wait_until("the orphans have ended", lambda: not self.workers(), 2)
        metrics, finished = self.metrics(), self.finished()
        self.assert_sound()
        self.attnlab("grid", *CELLS)
        self.assert_complete(finished, metrics)

    def test_after_kill_9_of_a_worker_the_rest_goes_on_and_the_same_command_completes(self):
        grid = self.start("grid", *CELLS)
        self.wait_in_the_middle()
        victim = self.values("SELECT owner_pid FROM run_attempts WHERE status = 'running'")[0]
        os.kill(victim, signal.SIGKILL)
        output, _ = grid.communicate(timeout=60)
        self.assertEqual(grid.returncode, 3, output)
        self.assertIn("killed by SIGKILL from outside", output)
        self.assertEqual(self.values("SELECT count(*) FROM run_attempts WHERE status = 'failed'"), [1])
        metrics, finished = self.metrics(), self.finished()
        self.assertEqual(len(finished), CELL_COUNT - 1)
        self.attnlab("grid", *CELLS)
        self.assert_complete(finished, metrics)

    def test_after_kill_9_of_grid_and_worker_at_once_the_same_command_completes(self):
        grid = self.start("grid", *CELLS)
        self.wait_in_the_middle()
        grid.send_signal(signal.SIGSTOP)  # it would begin the next cell when it sees the worker's end
        for worker in self.workers():
            os.kill(worker, signal.SIGKILL)
        grid.send_signal(signal.SIGKILL)
        grid.wait()
        self.wait_until("the workers are gone", lambda: not self.workers(), 10)
        self.assert_readers_see_no_running_run()
        metrics, finished = self.metrics(), self.finished()
        self.attnlab("grid", *CELLS)
        self.assert_complete(finished, metrics)
        self.assertEqual(self.values("SELECT count(*) FROM run_attempts WHERE status = 'interrupted'") +
                         self.values("SELECT count(*) FROM run_attempts WHERE status = 'failed'"), [1, 0])


class TwoGrids(Lab):
    def test_started_together_they_do_every_cell_once(self):
        cells = ["attention=dense,none", "seed=0,1,2", *TINY, "train.steps=100"]
        grids = [self.start("grid", *cells) for _ in range(2)]
        for grid in grids:
            output, _ = grid.communicate(timeout=90)
            self.assertEqual(grid.returncode, 0, output)
            self.assertRegex(output, r"6 cells: .*done")
        self.assertEqual(self.values("SELECT count(*) FROM run_attempts"), [6])
        self.assertEqual(self.values("SELECT DISTINCT status FROM run_attempts"), ["done"])
        self.assert_sound()

    def test_a_cell_of_a_grid_that_dies_is_taken_over(self):
        cell = ["attention=none", *TINY, "train.steps=3000"]
        first = self.start("grid", *cell)
        self.wait_for_metrics()
        worker, = self.workers()
        os.kill(worker, signal.SIGSTOP)  # however fast the machine is, it is not done yet
        second = self.start("grid", *cell)
        self.wait_until("the second grid has the database open", lambda: self.has_open(second.pid))
        self.assertEqual(len(self.sql("SELECT id FROM run_attempts")), 1)
        first.send_signal(signal.SIGKILL)
        os.kill(worker, signal.SIGCONT)
        output, _ = second.communicate(timeout=60)
        self.assertEqual(second.returncode, 0, output)
        self.assertEqual(self.values("SELECT status FROM run_attempts ORDER BY id"), ["interrupted", "done"])


class Stop(Lab):
    def stop(self, number):
        grid = self.start("grid", "attention=none", "seed=0,1,2", "--jobs", "2", *LONG)
        self.wait_for_metrics(2)
        workers = self.workers()
        grid.send_signal(number)
        output, _ = grid.communicate(timeout=20)
        self.assertEqual(grid.returncode, INTERRUPTED if number == signal.SIGINT else AGAIN, output)
        self.assertFalse(any(map(is_worker, workers)))
        self.assertEqual(self.values("SELECT status FROM run_attempts"), ["interrupted"] * 2)
        self.assertGreater(self.values("SELECT count(*) FROM metrics")[0], 0)
        self.assertIn("1 not started", output)
        self.assert_sound()

    def test_sigterm_leaves_interrupted_rows_with_their_metrics(self):
        self.stop(signal.SIGTERM)

    def test_ctrl_c_leaves_interrupted_rows_with_their_metrics(self):
        self.stop(signal.SIGINT)

    def test_what_timeout_and_batch_systems_send_does_the_same(self):
        for signals in ([signal.SIGUSR1], [signal.SIGTERM] * 2):
            grid = self.start("grid", "attention=none", f"seed={signals[0]}", *LONG)
            self.wait_for_metrics()
            for number in signals:
                grid.send_signal(number)
            output, _ = grid.communicate(timeout=60)
            self.assertEqual(grid.returncode, AGAIN, output)
            self.assertNotIn("had to be killed", output)
        self.assertEqual(self.values("SELECT status FROM run_attempts"), ["interrupted"] * 2)

    def test_sigterm_to_a_worker_interrupts_its_run_alone(self):
        grid = self.start("grid", "attention=none", "train.steps=6,20000",
                          *[word for word in TINY if not word.startswith("train.steps")])
        self.wait_until("the short run is done and the long one has metrics",
                        lambda: self.values("SELECT count(*) FROM run_attempts WHERE status = 'done'") == [1])
        self.wait_for_metrics()
        os.kill(self.values("SELECT owner_pid FROM run_attempts WHERE status = 'running'")[0], signal.SIGTERM)
        output, _ = grid.communicate(timeout=20)
        self.assertEqual(grid.returncode, AGAIN, output)
        self.assertEqual(self.values("SELECT status FROM run_attempts ORDER BY id"), ["done", "interrupted"])


class Surroundings(Lab):
    """What others do to the database and the process while runs go on."""

    def test_an_ignored_sigchld_hides_no_end(self):
        self.ended(["bash", "-c", "trap '' CHLD; exec \"$@\"", "_", ATTNLAB, "run", "--db", self.db, "attention=none", *TINY])

    def test_a_database_that_another_program_locks_over_the_end_of_a_run_is_waited_for(self):
        grid = self.start("grid", "attention=none", *TINY, "train.steps=1500")
        self.wait_for_metrics()
        with contextlib.closing(sqlite3.connect(self.db, isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            self.wait_until("the worker has ended or given up", lambda: not self.workers(), 90)
            other.execute("ROLLBACK")
        output, _ = grid.communicate(timeout=60)
        self.assertEqual(grid.returncode, 0, output)
        self.assertEqual(self.values("SELECT status FROM run_attempts"), ["done"])
        self.assertEqual(self.values("SELECT max(last_step) FROM run_last"), [1500])
        self.assertEqual(self.values("SELECT count(*) FROM events WHERE step BETWEEN 1 AND 1500"), [1500])

    def test_a_database_that_is_renamed_or_removed_ends_the_grid_within_seconds_and_is_never_made_anew(self):
        for take_away in (lambda: os.rename(self.db, self.db + ".old"),
                          lambda: [os.remove(self.db + suffix) for suffix in ("", "-wal", "-shm")]):
            grid = self.start("grid", "attention=none", "seed=0,1", *LONG)
            self.wait_for_metrics()
            take_away()
            output, _ = grid.communicate(timeout=60)
            self.assertEqual(grid.returncode, 1, output)
            self.assertIn("the results database was taken away while runs use it", output)
            self.assertFalse(os.path.exists(self.db))
            os.path.exists(self.db + "-wal") and os.remove(self.db + "-wal")


if __name__ == "__main__":
    main()
