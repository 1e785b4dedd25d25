"""refusals_test.py: what the real command line says to what it cannot do, and its exit codes."""
import contextlib
import os
import shutil
import sqlite3
import subprocess

from lab import ATTNLAB, FAILED, TINY, Lab, main, other_build, write_text

ERROR, USAGE = 1, 2


class Refusals(Lab):
    def refused(self, *words, code=ERROR, **env):
        """What is said; nothing has started and nothing is claimed."""
        done = self.attnlab(*words, code=code, **env)
        self.assertEqual(self.sql("SELECT * FROM run_attempts"), [])
        self.assertTrue(done.stderr.startswith("attnlab: "), done.stderr)
        self.assertNotIn("internal error", done.stderr)
        return done.stderr


class Usage(Refusals):
    def test_unknown_command(self):
        text = self.attnlab("gird", code=USAGE, db=False).stderr
        self.assertRegex(text, r"unknown command 'gird'.* 'grid'")

    def test_version_and_summary_need_nothing(self):
        self.assertRegex(self.attnlab("--version", db=False).stdout, r"^attnlab \d+\.\d+\.\d+, LibTorch \d")
        self.assertIn("attnlab COMMAND --help", self.attnlab("--help", db=False).stdout)
        self.attnlab("", code=USAGE, db=False)

    def test_unknown_option(self):
        self.assertIn("--jobs", self.refused("grid", "--jobbs", "2", code=USAGE))

    def test_help_has_every_option_and_examples(self):
        text = self.attnlab("grid", "--help", db=False).stdout
        for word in ("--jobs", "--plan", "--where", "--reuse", "--study", "--fail-fast", "examples"):
            self.assertIn(word, text)

    def test_no_worker(self):
        text = self.refused("run", "attention=none", *TINY, ATTNLAB_WORKER="/no/such/worker")
        self.assertIn("there is no worker at '/no/such/worker'", text)

    def test_half_a_build(self):
        """As after `ninja attnlab_core` alone: the library that all share is newer than the worker."""
        self.attnlab("run", "attention=none", *TINY, code=FAILED, **other_build("source_digest", "newer"))
        (status, reason), = self.sql("SELECT status, reason FROM run_attempts")
        self.assertEqual(status, "failed")
        self.assertIn("were built from different sources", reason)


class Config(Refusals):
    def test_unknown_key_names_the_nearest(self):
        text = self.refused("run", "attention=none", *TINY, "train.stepz=3")
        self.assertIn("stepz", text)
        self.assertIn("steps", text)

    def test_unknown_variant_names_the_nearest(self):
        text = self.refused("run", "attention=hash_sparce", *TINY)
        self.assertRegex(text, r"hash_sparce[\s\S]*hash_sparse")

    def test_wrong_type(self):
        self.assertRegex(self.refused("run", "attention=none", *TINY, "train.steps=many"),
                         r"train\.steps[\s\S]*many[\s\S]*integer")

    def test_out_of_range(self):
        self.assertRegex(self.refused("run", "attention=none", *TINY, "train.steps=0"), r"train\.steps[\s\S]*0[\s\S]*1")

    def test_odd_buckets(self):
        self.assertRegex(self.refused("run", "attention=hash_sparse", *TINY, "attention.buckets=15"),
                         r"attention\.buckets[\s\S]*15[\s\S]*even")

    def test_first_weights_that_are_half_named(self):
        hash_of = "0" * 64
        for words, told in ((["train.initial_path=/x"], "initial_path '/x' without train.initial"),
                            ([f"train.initial='{hash_of}'"], "initial without train.initial_path"),
                            (["train.initial=/x", "train.initial_path=/x"], "initial '/x' is no SHA-256"),
                            (["train.initial=/x"], "initial '/x' is no SHA-256")):
            text = self.refused("run", "attention=none", *TINY, *words)
            self.assertIn(told, text)
            self.assertIn("attnlab fork RUN", text)

    def test_width_that_heads_do_not_divide(self):
        self.assertIn("width 16 is not divisible by heads 3",
                      self.refused("run", "attention=none", *TINY, "model.heads=3"))

    def test_length_beyond_the_data(self):
        self.assertRegex(self.refused("run", "attention=none", *TINY, "dataset=digits", "dataset.length=785"),
                         r"dataset\.length[\s\S]*785[\s\S]*784")

    def test_empty_sweep(self):
        self.assertIn("train.steps=range(5,5)",
                      self.refused("grid", "attention=none", *TINY, "train.steps=range(5,5)"))

    def test_sweep_in_a_single_run(self):
        self.assertIn("attnlab grid", self.refused("run", "attention=dense,none", *TINY))

    def test_where_that_leaves_nothing(self):
        self.assertIn("no cell is left: --where 'train.steps>100' holds for none of 2",
                      self.refused("grid", "attention=dense,none", *TINY, "--where", "train.steps>100"))

    def test_duplicate_key_in_a_file_names_both_lines(self):
        os.makedirs(os.path.join(self.folder, "groups", "train"))
        write_text(os.path.join(self.folder, "groups", "train", "twice.yaml"), "steps: 3\nbatch_size: 2\nsteps: 4\n")
        text = self.refused("run", "--config-dir", os.path.join(self.folder, "groups"), "attention=none", "train=twice")
        self.assertRegex(text, r"twice\.yaml:3")
        self.assertIn("steps", text)

    def test_an_experiment_without_its_package_line_is_named(self):
        os.makedirs(os.path.join(self.folder, "groups", "experiment"))
        words = ["--config-dir", os.path.join(self.folder, "groups"), "attention=none", *TINY, "experiment=mine"]
        file = os.path.join(self.folder, "groups", "experiment", "mine.yaml")
        write_text(file, "train:\n  steps: 5\n")
        text = self.refused("run", *words)
        self.assertIn("mine.yaml: unknown key 'experiment'", text)
        self.assertIn("expected '# @package _global_' as its first line", text)
        write_text(file, "\ufeff# @package _global_\nseed: 5\n")
        self.assertIn("run     none  new", self.attnlab("run", *words, "--plan").stdout)
        self.assertNotIn("@package", self.refused("run", *words, "experimint={a: 1}"))
        self.assertIn("is not UTF-8", self.refused("run", *words, b"study=\xff", code=USAGE))

    def test_interpolation_cycle(self):
        text = self.refused("run", "attention=none", *TINY, "train.steps=${train.batch_size}",
                            "train.batch_size=${train.steps}")
        self.assertRegex(text, r"train\.steps[\s\S]*train\.batch_size")

    def test_an_error_in_one_cell_of_a_grid_ends_it_before_the_first_run_and_names_the_cell(self):
        text = self.refused("grid", "attention=dense,hash_sparse", "hash_sparse.buckets=8,15", *TINY)
        self.assertRegex(text, r"cell 3[\s\S]*hash_sparse[\s\S]*15")


class Data(Refusals):
    def test_missing_data_says_where_it_looked_and_how_to_get_it(self):
        text = self.refused("run", "attention=none", *TINY, "dataset=mnist", "dataset.length=32")
        self.assertIn("attnlab data fetch mnist", text)


class Plugin(Refusals):
    def test_a_plugin_path_that_is_not_there(self):
        self.assertIn("/no/such.so", self.refused("run", "--plugin", "/no/such.so", "attention=none", *TINY))

    def test_a_library_without_the_note(self):
        library = os.path.join(self.folder, "attention_mine.so")
        shutil.copy(ATTNLAB, library)
        text = self.refused("run", "--plugin", library, "attention=mine", *TINY)
        self.assertIn("note", text)


class Store(Refusals):
    """What the store refuses reaches the user by way of the command, before anything is started."""

    def write_database(self, data):
        os.makedirs(os.path.dirname(self.db))
        with open(self.db, "wb") as file:
            file.write(data)

    def command(self, *prefix, code=ERROR, **env):
        return self.ended([*prefix, ATTNLAB, "run", "--db", self.db, "attention=none", *TINY], code, **env).stderr

    def as_another_user(self):
        """Root may write everywhere, so that the test steps down where it is root."""
        if os.geteuid() != 0:
            return []
        if not shutil.which("setpriv"):
            self.skipTest("root without setpriv")
        os.chmod(self.folder, 0o755)
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if subprocess.run([*prefix, ATTNLAB, "--help"], capture_output=True, check=False).returncode != 0:
            self.skipTest("another user may not run what root has built here")
        return prefix

    def test_no_database_but_some_text(self):
        self.write_database(b"this is no database at all, only a file that somebody wrote")
        self.assertIn(self.db, self.command())

    def test_names_that_no_database_can_have_are_refused_by_whoever_writes_or_reads(self):
        os.makedirs(os.path.dirname(self.db))
        for name, told in (("", "found nothing"), (self.folder, "it is a folder"), ("/dev/null", "it is a device"),
                           ("x" * 300, "too long"), (b"p/\xff/a.db", "no valid UTF-8")):
            for command in (["run", "attention=none", *TINY], ["runs"], ["query", "SELECT 1"], ["compare"], ["show", "1"]):
                done = subprocess.run([ATTNLAB, command[0], "--db", name, *command[1:]], capture_output=True,
                                      cwd=self.folder, timeout=60, env=self.environment(), check=False)
                text = done.stderr.decode(errors="replace")
                self.assertIn(done.returncode, (ERROR, USAGE), text)
                self.assertIn(told, text)
                self.assertNotIn("internal error", text)
        self.assertEqual(os.listdir(self.folder), ["results"])

    def test_a_schema_version_that_nobody_wrote(self):
        self.attnlab("run", "attention=none", *TINY)
        for version in (-100000, -1, 0):
            with contextlib.closing(sqlite3.connect(self.db)) as db, db:
                db.execute(f"PRAGMA user_version = {version}")
            self.assertIn(f"schema version {version}, which no attnlab wrote", self.command())
            self.assertIn(f"schema version {version}", self.attnlab("runs", code=ERROR).stderr)

    def test_a_corrupt_database(self):
        self.attnlab("run", "attention=none", *TINY)
        with contextlib.closing(sqlite3.connect(self.db)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with open(self.db, "r+b") as file:
            file.seek(4096)
            file.write(os.urandom(3 * 4096))
        self.assertRegex(self.command(), r"corrupt|damaged|malformed")

    def test_a_newer_database(self):
        self.attnlab("run", "attention=none", *TINY)
        with contextlib.closing(sqlite3.connect(self.db)) as db, db:
            db.execute("PRAGMA user_version = 999")
        self.assertRegex(self.command(), r"999[\s\S]*newer|newer[\s\S]*999")

    def test_a_folder_that_cannot_be_written(self):
        prefix = self.as_another_user()
        os.makedirs(os.path.dirname(self.db))
        os.chmod(os.path.dirname(self.db), 0o555)
        self.assertIn("cannot write to the folder", self.command(*prefix))

    def test_a_home_that_cannot_be_written_is_no_hindrance(self):
        prefix = self.as_another_user()
        home = os.path.join(self.folder, "home")
        os.makedirs(home, 0o555)
        os.makedirs(os.path.dirname(self.db))
        os.chmod(os.path.dirname(self.db), 0o777)
        self.command(*prefix, code=0, HOME=home, XDG_CACHE_HOME="")

    def test_a_disk_that_fills_up_while_logging_fails_the_run_with_words_and_keeps_what_was_written(self):
        disk = os.path.dirname(self.db)
        os.makedirs(disk)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=360k", "tmpfs", disk],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("no right to mount a small disk")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        done = subprocess.run([ATTNLAB, "run", "--db", self.db, "attention=none", *TINY, "train.steps=3000", "--patience", "2"],
                              capture_output=True, text=True, cwd=self.folder, timeout=100, env=self.environment())
        self.assertIn(done.returncode, (ERROR, FAILED), done.stdout + done.stderr)
        self.assertRegex(done.stdout + done.stderr, r"disk|full")
        self.assert_sound()
        self.assertGreater(self.values("SELECT count(*) FROM metrics")[0], 0)


if __name__ == "__main__":
    main()
