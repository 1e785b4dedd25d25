"""surface_test.py: what every command shares, asked of the program itself: where its output goes,
paths that lead nowhere, and names that are not meant well."""
import os
import re
import shlex
import sqlite3
import subprocess
import tempfile
import unittest
from pathlib import Path

BUILD, SOURCE = os.environ["ATTNLAB_BUILD"], os.environ["ATTNLAB_SOURCE"]
ATTNLAB = os.path.join(BUILD, "bin", "attnlab")
EVIL = "a'; touch X; '\x1b[31m\x7f\u009b\u202e=1"


def shell(command, folder=None, data=b""):
    return subprocess.run(["bash", "-c", command], cwd=folder, input=data, capture_output=True, timeout=60,
                          close_fds=False)


def make_database(path):
    """One run of a study with a hostile name, as the store would have written it."""
    store = os.path.join(SOURCE, "framework", "store")
    text = {f: Path(store, f).read_text(encoding="utf-8") for f in os.listdir(store)}
    steps = sorted(f for f in text if re.fullmatch(r"schema(_\d+)?\.sql", f))
    with sqlite3.connect(path) as db:
        for name in steps + ["views.sql"]:
            db.executescript(text[name])
        magic = int(re.search(r"kApplicationId = (0x\w+)", text["open.h"])[1], 16)
        db.executescript(f"PRAGMA application_id = {magic}; PRAGMA user_version = {len(steps)}")
        db.execute("INSERT INTO studies VALUES (1, ?, 0)", (EVIL,))
        db.execute("INSERT INTO run_attempts (id, study_id, fingerprint, attempt, status, reason, "
                   "fingerprint_parts, config_json, overrides, created_ms, started_ms) VALUES "
                   "(1, 1, 'abcdef', 1, 'failed', ?, '{}', '{\"attention\":{\"name\":\"dense\"}}', ?, 0, 0)",
                   (EVIL, "=" + EVIL))
        db.execute("INSERT INTO study_runs VALUES (1, 1)")
        db.execute("INSERT INTO facts VALUES (1, 'data', ?)", (EVIL,))


class Surface(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        make_database(os.path.join(cls.folder, "a.db"))
        reader, cls.nobody = os.pipe()  # a pipe whose reader is gone
        os.close(reader)
        os.set_inheritable(cls.nobody, True)
        cls.reading = ["runs --db a.db", "checkpoints 1 --db a.db", "show 1 --db a.db", "show 1 --db a.db --json", "compare --db a.db",
                       "compare --db a.db --csv", "compare --db a.db --against dense", "report --db a.db --out a.html",
                       "export --db a.db --csv csv", "export --db a.db --jsonl lines",
                       "export --db a.db --tensorboard tb", "export --db a.db --bundle b.tar.zst", "import --db b.db b.tar.zst",
                       "compare --db a.db --markdown", "runs --db a.db --json",
                       "query --db a.db 'SELECT * FROM runs' --csv", "query --db a.db --schema",
                       "query --db a.db 'SELECT * FROM runs' --json", "query --db a.db 'SELECT name FROM studies'"]

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def attnlab(self, words, end="", folder=None):
        return shell(f"{ATTNLAB} {words} {end}", folder or self.folder)

    def test_output_that_cannot_be_written_is_an_error_of_every_command(self):
        commands = ["--version", "--help", "runs --help", "plugins", "plugins --json", "describe", "data list",
                    "data list --json", "plugin --help", "bench --help", "completion bash", "describe train", *self.reading]
        for words in commands:
            self.assertEqual(self.attnlab(words).returncode, 0, words)
            for sink, why in ((">/dev/full", b"No space left on device"), (">&-", b"Bad file descriptor"),
                              (f">&{self.nobody}", b"Broken pipe")):
                ended = self.attnlab(words, sink)
                self.assertEqual(ended.returncode, 1, (words, sink, ended))
                self.assertIn(b"attnlab: cannot write to standard output: " + why, ended.stderr, (words, sink))

    def test_a_reader_that_leaves_ends_an_endless_answer(self):
        endless = "query --db a.db --csv 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c'"
        ended = self.attnlab(endless, "| head -n 2; exit ${PIPESTATUS[0]}")
        self.assertEqual((ended.returncode, ended.stdout), (1, b"x\n1\n"), ended.stderr)

    def test_closed_streams_take_no_part_of_a_file(self):
        for streams in (">&-", "2>&-", "<&-", "<&- >&- 2>&-"):
            self.attnlab("runs --db a.db", streams)
            self.assertEqual(self.attnlab("query --db a.db 'SELECT count(*) FROM runs' --csv").stdout,
                             b"count(*)\n1\n", streams)

    def test_no_name_commands_a_terminal(self):
        commands = [*self.reading, f"runs --db a.db --study {shlex.quote(EVIL)}x", f"show {shlex.quote(EVIL)} --db a.db",
                    f"query --db a.db {shlex.quote('SELECT ' + EVIL)}", f"{shlex.quote(EVIL)}", f"runs --{shlex.quote(EVIL)}",
                    f"describe {shlex.quote(EVIL)}", f"runs --db {shlex.quote(EVIL)}", f"runs --db a.db --sort {shlex.quote(EVIL)}",
                    f"bench attention --device {shlex.quote(EVIL)}", f"run {shlex.quote('attention=' + EVIL)}"]
        for words in commands:
            ended = self.attnlab(words)
            shown = (ended.stdout + ended.stderr).decode("utf-8")
            self.assertNotRegex(shown, "[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u202a-\u202e\u2066-\u2069]", words)

    def test_no_field_of_csv_is_a_formula(self):
        fields = self.attnlab("query --db a.db 'SELECT overrides FROM runs' --csv").stdout.decode()
        self.assertTrue(fields.startswith("overrides\n'=a';"), fields)
        self.assertNotIn("\r", fields)

    def test_paths_that_lead_nowhere_are_ordinary_errors(self):
        paths = ["''", "x" * 300, "/" + "y/" * 2500, "/dev/null", "/proc/self/mem/x", ".", "a.db/b"]
        options = ["runs --db", "show 1 --db", "checkpoints 1 --db", "evaluate 1 --db", "fork 1@2 --db", "query 'SELECT 1' --db", "compare --db", "run attention=none --plan --db",
                   "grid attention=none --plan --db", "plugins --plugin", "describe --plugin", "run attention=none --cfg --plugin",
                   "run attention=none --cfg --config-dir", "run --cfg attention=none --data", "plugin check",
                   "bench attention attention=none --lengths 16 --samples 1 --seconds 0.01 --db",
                   "bench attention attention=none --lengths 16 --samples 1 --seconds 0.01 --plot", "data list --data", "compare --db a.db --plot",
                   "delete 1 --yes --db", "rename --study a b --db", "tag 1 +x --db", "merge m.db",
                   "report --out a.html --db", "report --db a.db --out", "serve --port 0 --db", "export --csv e --db", "export --db a.db --jsonl",
                   "export --db a.db --tensorboard", "export --db a.db --bundle", "export --bundle b.tar.zst --db", "import --db b.db", "import a.db --db",
                   "bench attention --preset"]
        for option in options:
            for path in paths:
                ended = self.attnlab(f"{option} {path}", "</dev/null")
                self.assertIn(ended.returncode, (0, 1, 2, 3), (option, path, ended))
                self.assertNotIn(b"internal error", ended.stderr, (option, path))
                self.assertTrue(Path("/dev/null").is_char_device(), (option, path))
                if path == "''" and "check" not in option:
                    self.assertEqual(ended.returncode, 2, (option, ended.stderr))

    def test_a_working_folder_that_is_gone_is_an_ordinary_error(self):
        for words in ("runs", "runs --db b.db", "run attention=none", "plugins --plugin x", "describe", "data list",
                      "compare", "query 'SELECT 1'", "plugin new x", "bench attention"):
            ended = shell(f"mkdir -p gone && cd gone && rmdir ../gone && {ATTNLAB} {words}", self.folder)
            self.assertIn(ended.returncode, (0, 1, 2), (words, ended))
            self.assertNotIn(b"internal error", ended.stderr, words)

    def test_a_wrong_option_of_bench_ends_it_at_once_and_leaves_nothing(self):
        wrong = ["--lengths x", "--lengths ''", "--lengths 16,", "--lengths 0", "--lengths 9999999999999999", "--lengths 1e3",
                 "--batch 0", "--batch x", "--dtype float8", "--pass sideways", "--peer nobody", "--samples 0",
                 "--samples 1.5", "--least-samples x", "--seconds x", "--seconds -1", "--heads 0", "--heads 99999999999",
                 "--head-dim x", "--threads 0", "--device tpu", "--preset nothing", "--preset /dev/null/x.yaml", "--rows x",
                 "--plot no/folder/x.svg", "--plot .", "--csv --json", "--no-such-option"]
        of_train = ["--lengths x", "--peer nobody", "--vocabulary 0", "--tokens x", "--samples 0", "--device tpu"]
        for what, options in (("attention", wrong), ("train", of_train)):
            for option in options:
                ended = self.attnlab(f"bench {what} attention=dense --db new/b.db {option}")
                self.assertEqual(ended.returncode, 2, (option, ended))
                self.assertFalse(os.path.exists(os.path.join(self.folder, "new")), option)


if __name__ == "__main__":
    unittest.main()
