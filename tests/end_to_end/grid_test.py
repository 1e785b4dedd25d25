"""grid_test.py: grids with the real worker: what runs, what is skipped, and that losses repeat."""
import json
import os
import re
import subprocess

from lab import ATTNLAB, FAILED, TINY, Lab, main

THREE_CELLS = ["attention=dense,hash_sparse", "hash_sparse.buckets=2,4"]
LOSSES = """
    SELECT overrides, name, step, value FROM metrics
    JOIN metric_keys ON metric_keys.id = key_id JOIN run_attempts ON run_attempts.id = run_id
    WHERE name LIKE '%loss%' OR name LIKE '%bits%' ORDER BY 1, 2, 3"""


class Grid(Lab):
    def test_a_variants_override_applies_to_it_alone_and_identical_cells_collapse(self):
        self.attnlab("grid", "--study", "three", *THREE_CELLS, *TINY)
        cells = self.sql("SELECT attention, attention_parameters ->> '$.buckets', status FROM runs ORDER BY 1, 2")
        self.assertEqual(cells, [("dense", None, "done"), ("hash_sparse", 2, "done"), ("hash_sparse", 4, "done")])

    def test_a_second_start_runs_nothing_and_says_so(self):
        self.attnlab("grid", *THREE_CELLS, *TINY)
        before = self.sql("SELECT * FROM run_attempts")
        again = self.attnlab("grid", *THREE_CELLS, *TINY)
        self.assertEqual(again.stderr.count("done before"), 3, again.stderr)
        self.assertIn("3 cells: 3 done before", again.stdout)
        self.assertEqual(self.sql("SELECT * FROM run_attempts"), before)

    def test_another_config_is_another_run_and_cosmetic_keys_are_not_config(self):
        self.attnlab("run", "attention=none", *TINY)
        self.attnlab("run", "attention=none", *TINY, "train.log_every=2", "study=other")
        self.assertEqual(len(self.sql("SELECT * FROM runs")), 1)
        self.attnlab("run", "attention=none", *TINY, "train.learning_rate=0.002")
        self.assertEqual(len(self.sql("SELECT * FROM runs")), 2)

    def test_a_folder_that_was_removed_is_no_place_to_fail_in(self):
        lost = ["sh", "-c", 'mkdir lost && cd lost && rmdir ../lost && exec "$0" "$@"', ATTNLAB]
        done = self.ended([*lost, "run", "--db", self.db, "attention=none", *TINY])
        self.assertIn("run 1: none, done in", done.stdout)
        self.assertIn(f"attnlab show 1 --db {self.db}", done.stdout)
        self.assertIn("val/loss", self.ended([*lost, "evaluate", "1", "--db", self.db]).stdout)
        self.assertIn("the current folder cannot be told (No such file or directory), so give a whole path",
                      self.ended([*lost, "run", "attention=none", *TINY], code=1).stderr)

    def test_every_run_is_a_process_of_its_own(self):
        self.attnlab("grid", "attention=none", "seed=0,1,2", *TINY)
        owners = self.values("SELECT owner_pid || ' ' || owner_start_ticks FROM run_attempts")
        self.assertEqual(len(set(owners)), 3)

    def test_losses_are_equal_bit_for_bit_with_one_and_with_two_jobs_at_a_time(self):
        cells = ["attention=dense,hash_sparse,qk_drop,reformer,none", *TINY]
        self.attnlab("grid", "--jobs", "1", *cells)
        first, self.db = self.sql(LOSSES), os.path.join(self.folder, "second", "runs.db")
        self.attnlab("grid", "--jobs", "2", *cells)
        second = self.sql(LOSSES)
        self.assertGreaterEqual(len(first), 5 * 6)
        self.assertEqual(first, second)

    def test_only_runs_beside_each_other_are_marked_shared(self):
        self.attnlab("grid", "--jobs", "2", "attention=none", "seed=0,1", *TINY, "train.steps=300")
        self.assertEqual(self.values("SELECT shared FROM runs"), [1, 1])

    def test_the_end_shows_the_comparison_and_what_to_type_next(self):
        text = self.attnlab("grid", "--study", "mine", "attention=dense,none", *TINY).stdout
        self.assertRegex(text, r"(?m)^ *dense ")
        self.assertRegex(text, r"(?m)^ *none ")
        self.assertIn("2 cells: 2 done", text)
        self.assertIn("attnlab compare --study mine", text)

    def test_progress_without_a_terminal_is_one_line_per_event(self):
        text = self.attnlab("grid", "attention=none", "seed=0,1", *TINY).stderr
        self.assertRegex(text, r"start +run 1: none seed=0\n")
        self.assertRegex(text, r"done +run 2: none seed=1 \| [\d.]+ m?s\n")
        self.assertNotIn("\x1b", text)
        self.assertEqual(self.attnlab("grid", "--quiet", "attention=none", "seed=2", *TINY).stderr, "")

    def test_more_threads_than_cores_are_warned_of(self):
        cores = os.cpu_count()
        crowded = self.attnlab("run", "attention=none", *TINY, f"threads={2 * cores}").stderr
        self.assertIn(f"1 job of {2 * cores} threads on ", crowded)
        self.assertNotIn("warning", self.attnlab("run", "attention=none", *TINY).stderr)

    def test_the_affinity_decides_how_many_cores_there_are(self):
        allowed = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, allowed)
        os.sched_setaffinity(0, {min(allowed)})
        warned = self.attnlab("run", "attention=none", *TINY, "threads=2").stderr
        if os.cpu_count() > 1:
            self.assertIn(f"1 job of 2 threads on 1 of {os.cpu_count()} processors (affinity)", warned)

    def test_json_tells_what_came_of_every_cell(self):
        done = self.attnlab("grid", "--json", "attention=none", "seed=0,1", *TINY)
        cells = json.loads(done.stdout)
        self.assertEqual([cell["status"] for cell in cells], ["done", "done"])
        self.assertEqual([cell["run"] for cell in cells], [1, 2])
        self.assertTrue(os.path.exists(cells[0]["log"]))

    def test_one_run_ends_with_its_metrics_and_what_to_type_next(self):
        text = self.attnlab("run", "attention=none", *TINY).stdout
        self.assertRegex(text, r"^run 1: none, done in ")
        self.assertRegex(text, r"(?m)^train/loss +\d")
        self.assertIn(f"attnlab show 1 --db {self.db}", text)

    def test_a_refused_cell_is_stored_as_skipped_with_the_reason_and_the_rest_runs(self):
        words = ["attention=reformer,none", *TINY, "model.shared_keys=false"]
        self.assertRegex(self.attnlab("grid", *words, "--plan").stdout, r"1 +skipped +reformer +\S*.*shared")
        text = self.attnlab("grid", *words).stdout
        self.assertRegex(text, r"reformer \(run 1\) skipped: .*shared")
        self.attnlab("grid", *words)
        self.assertEqual(self.sql("SELECT attention, status FROM runs ORDER BY id"),
                         [("reformer", "skipped"), ("none", "done")])
        self.attnlab("run", "attention=reformer", *TINY, "model.shared_keys=false", code=FAILED)

    def test_provenance_stands_beside_the_run(self):
        self.attnlab("run", "attention=dense", *TINY)
        stored = json.loads(self.values("SELECT content FROM environments")[0])
        for name in ("host", "cpu", "cores", "memory_bytes", "compiler", "torch", "plugin", "plugin_sha256",
                     "plugin_source", "data_digest", "sqlite", "command"):
            self.assertTrue(stored.get(name), f"{name} in {sorted(stored)}")
        self.assertTrue(stored["command"].startswith("attnlab run --db "))


def megabytes(*command, **options):
    """What a program that ends well held in memory at most."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, **options) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise AssertionError(f"exit code {process.returncode}: {command}")
    return used.ru_maxrss / 1000


class Plan(Lab):
    def plan(self, *words):
        cells = json.loads(self.attnlab("grid", "--plan", "--json", *words).stdout)
        return [(cell["status"], cell["why"]) for cell in cells]

    def test_it_runs_and_writes_nothing(self):
        self.assertEqual(self.plan("attention=none", "seed=0,1", *TINY), [("run", "new")] * 2)
        self.assertFalse(os.path.exists(os.path.dirname(self.db)))

    def test_ten_thousand_cells_take_less_than_100_megabytes(self):
        sweeps = ["hash_sparse.buckets=range(2,42,2)", "seed=range(0,5)", "model.layers=range(1,11)",
                  f"train.learning_rate={','.join(str(i / 100) for i in range(1, 11))}"]
        command = [ATTNLAB, "grid", "--plan", "--db", self.db, "attention=hash_sparse", "dataset=copy", *sweeps]
        used = megabytes(*command, cwd=self.folder, env=self.environment())
        self.assertLess(used, 100)
        few = megabytes(*command[:-3], cwd=self.folder, env=self.environment())
        self.assertLess(used - few, 60, "10,000 cells beside 20")

    def test_it_tells_done_from_new(self):
        self.attnlab("run", "attention=none", "seed=1", *TINY)
        self.assertEqual(self.plan("attention=none", "seed=0,1", *TINY), [("run", "new"), ("done", "as run 1")])

    def test_it_names_the_part_of_the_fingerprint_that_changed(self):
        self.attnlab("run", "attention=none", *TINY)
        self.rewrite_parts("'$.plugin', 'older', '$.compiler', 'older'")
        [(status, why)] = self.plan("attention=none", *TINY)
        self.assertEqual(status, "run")
        self.assertRegex(why, r"^changed since run 1 \(done\): (plugin, compiler|compiler, plugin)$")
        self.assertEqual(self.plan("--reuse=config", "attention=none", *TINY), [("done", "as run 1")])

    def test_reuse_does_not_take_other_data_for_the_same(self):
        self.attnlab("run", "attention=none", *TINY)
        self.rewrite_parts("'$.data', 'older'")
        [(status, why)] = self.plan("--reuse=config", "attention=none", *TINY)
        self.assertEqual((status, why), ("run", "changed since run 1 (done): data"))

    def test_it_shows_a_table_to_people(self):
        text = self.attnlab("grid", "--plan", "attention=dense,none", *TINY).stdout
        self.assertTrue(re.search(r"(?m)^ *1 +run +dense +new$", text), text)

    def rewrite_parts(self, changes):
        """As if the run had been made by other code: another fingerprint, other parts."""
        import contextlib
        import sqlite3
        with contextlib.closing(sqlite3.connect(self.db)) as db, db:
            db.execute(f"UPDATE run_attempts SET fingerprint = 'f' || substr(fingerprint, 2) || 'x', "
                       f"fingerprint_parts = json_set(fingerprint_parts, {changes})")


if __name__ == "__main__":
    main()
