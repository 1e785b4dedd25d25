"""tensorboard_test.py: `attnlab export --tensorboard`, read back by TensorBoard's own reader."""
import contextlib
import hashlib
import math
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import reference_python  # noqa: E402
import simulated_store as store  # noqa: E402

reference_python.restart(reference_python.TENSORBOARD)
import numpy  # noqa: E402
from tensorboard.backend.event_processing import event_accumulator, plugin_event_multiplexer  # noqa: E402
from tensorboard.plugins.hparams import metadata as hparams  # noqa: E402

ATTNLAB = os.path.join(os.environ["ATTNLAB_BUILD"], "bin", "attnlab")
STUDY = "<script>/../größe"
NUMBERS = ("SELECT name, step, wall_ms, value FROM metrics JOIN metric_keys ON id = key_id JOIN events USING (run_id, step) "
           "WHERE run_id = ? ORDER BY name, step")


def digests(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(Path(folder).rglob("*")) if path.is_file()}


class TensorBoard(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = os.path.join(folder.name, "tb")
        self.db = store.fill(os.path.join(folder.name, "runs.db"), STUDY, variants=3, seeds=2, logged=40, validated=5)
        self.addCleanup(self.db.close)
        self.db.execute("UPDATE events SET wall_ms = 1700000000250 + step * 500")
        self.db.execute("UPDATE run_attempts SET created_ms = 1700000000000 + id, ended_ms = 1700000600000")
        self.db.execute("UPDATE metrics SET value = NULL WHERE run_id = 1 AND key_id = 2 AND step = 50")
        self.db.execute("UPDATE metrics SET value = 1e999 WHERE run_id = 1 AND key_id = 2 AND step = 75")
        self.db.commit()

    def export(self, *words):
        return subprocess.run([ATTNLAB, "export", "--db", os.path.join(os.path.dirname(self.out), "runs.db"),
                               "--tensorboard", self.out, *words],
                              check=True, capture_output=True, text=True, timeout=60).stdout

    def folders(self):
        """Of each run's file, by the run's number."""
        found = {}
        for file in Path(self.out).rglob("*tfevents*"):
            run = int(file.parent.name.rsplit("_run", 1)[1])
            self.assertNotIn(run, found)
            found[run] = file.parent
        return found

    def assert_curves(self, run, folder):
        """Every number of the run stands in TensorBoard, at its step and time, and no other."""
        reader = event_accumulator.EventAccumulator(str(folder), size_guidance={event_accumulator.SCALARS: 0})
        reader.Reload()
        expected = {}
        for name, step, wall_ms, value in self.db.execute(NUMBERS, (run,)):
            value = math.nan if value is None else float(numpy.float32(value))
            expected.setdefault(name, []).append((step, wall_ms / 1000, value))
        self.assertEqual(sorted(reader.Tags()["scalars"]), sorted(expected))
        for name, points in expected.items():
            found = [(point.step, point.wall_time, point.value) for point in reader.Scalars(name)]
            self.assertEqual(repr(found), repr(points), name)  # NaN is equal to itself here

    def test_every_number_of_every_run(self):
        self.assertRegex(self.export(), r"^tensorboard: 6 runs, 294 numbers; tensorboard --logdir ")
        folders = self.folders()
        self.assertEqual(sorted(folders), [1, 2, 3, 4, 5, 6])
        names = sorted(folder.name for folder in folders.values())
        self.assertEqual(names, ["dense_seed0_run1", "dense_seed1_run2", "hash_sparse_seed0_run3", "hash_sparse_seed1_run4",
                                 "none_seed0_run5", "none_seed1_run6"])
        for run, folder in folders.items():
            self.assertRegex(str(folder.parent.relative_to(self.out)), r"^_script__.*größe-[0-9a-f]{6}$")
            self.assert_curves(run, folder)

    def test_pages_of_parameters_and_text(self):
        self.db.execute("UPDATE run_attempts SET status = 'failed' WHERE id = 2")
        self.db.commit()
        self.export()
        # As TensorBoard's server reads a folder.
        server = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(self.out)
        server.Reload()
        self.assertEqual(len(server.Runs()), 6)
        runs = server.PluginRunToTagToContent(hparams.PLUGIN_NAME)
        for name, tags in runs.items():
            start = hparams.parse_session_start_info_plugin_data(tags[hparams.SESSION_START_INFO_TAG])
            end = hparams.parse_session_end_info_plugin_data(tags[hparams.SESSION_END_INFO_TAG])
            run = int(name.rsplit("_run", 1)[1])
            found = {key: value.number_value if value.HasField("number_value") else value.string_value
                     for key, value in start.hparams.items()}
            self.assertEqual(found, dict(self.db.execute("SELECT key, value FROM configs WHERE run_id = ?", (run,))))
            self.assertEqual(end.status, 2 if run == 2 else 1)
            self.assertAlmostEqual(start.start_time_secs, 1700000000 + run / 1000)
            (event,) = server.Tensors(name, "config")
            text = event.tensor_proto.string_val[0].decode()
            self.assertIn(f"Run {run} of attnlab\n", text)
            self.assertIn("\n    model.width: 256\n", text)
        self.assertEqual(len(runs), 6)
        self.assertEqual(len(server.PluginRunToTagToContent("text")), 6)
        self.assertEqual(len(server.PluginRunToTagToContent("scalars")), 6)

    def test_twice_is_once(self):
        self.export()
        before = digests(self.out)
        self.export()
        self.assertEqual(digests(self.out), before)

    def test_a_study_alone(self):
        run = store.add_run(self.db, "other", {"name": "dense"}, 0)
        self.db.execute("INSERT INTO events VALUES (?, 1, 1, 1, 1700000000000)", (run,))
        self.db.execute("INSERT INTO metrics VALUES (?, 2, 1, 3.5)", (run,))
        self.db.execute("INSERT INTO run_last VALUES (?, 2, 3.5, 1, 3.5, 3.5, 1)", (run,))
        self.db.commit()
        self.assertIn("1 run, 1 numbers", self.export("--study", "other"))
        self.assertEqual([str(f.relative_to(self.out)) for f in self.folders().values()], [f"other/dense_seed0_run{run}"])

    def test_a_running_run_gives_what_there_is_and_its_file_grows(self):
        self.db.execute("UPDATE run_attempts SET status = 'running', heartbeat_ms = ? WHERE id = 1", (time.time_ns() // 1000000,))
        rest = self.db.execute("SELECT * FROM metrics WHERE run_id = 1 AND step > 500").fetchall()
        self.db.execute("DELETE FROM metrics WHERE run_id = 1 AND step > 500")
        self.db.commit()
        self.export()
        folder = self.folders()[1]
        (file,) = folder.iterdir()
        before = file.read_bytes()
        self.assert_curves(1, folder)
        with contextlib.closing(open(file, "rb")) as held:  # as TensorBoard holds it
            self.db.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?)", rest)
            self.db.commit()
            self.export()
            self.assertTrue(held.read().startswith(before))
            self.assertEqual(held.seek(0, os.SEEK_END), file.stat().st_size)
        self.assertGreater(file.stat().st_size, len(before))
        self.assert_curves(1, folder)

    def test_a_run_that_went_on_is_one_curve(self):
        self.db.execute("UPDATE run_attempts SET status = 'interrupted' WHERE id = 1")
        self.db.commit()
        self.export()
        self.assertIn(1, self.folders())
        columns = [row[1] for row in self.db.execute("PRAGMA table_info(run_attempts)")]
        given = {"id": "99", "attempt": "2", "status": "'done'", "continues_id": "1", "continues_step": "500"}
        self.db.execute(f"INSERT INTO run_attempts SELECT {', '.join(given.get(c, c) for c in columns)} FROM run_attempts WHERE id = 1")
        for table in ("metrics", "events", "run_last", "configs"):
            names = [row[1] for row in self.db.execute(f"PRAGMA table_info({table})")]
            self.db.execute(f"INSERT INTO {table} SELECT {', '.join('99' if n == 'run_id' else n for n in names)} FROM {table} WHERE run_id = 1")
        self.db.execute("INSERT INTO study_runs SELECT study_id, 99 FROM study_runs WHERE run_id = 1")
        self.db.commit()
        self.export()
        folders = self.folders()
        self.assertEqual(sorted(folders), [2, 3, 4, 5, 6, 99])
        self.assertFalse(any(folder.name.endswith("_run1") for folder in Path(self.out).rglob("*")), "the old one is gone")
        self.assert_curves(99, folders[99])


if __name__ == "__main__":
    unittest.main()
