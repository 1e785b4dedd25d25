"""completion_test.py: what bash and zsh offer on a line of attnlab, asked of the shells themselves.

  python3 tests/cli/completion_test.py --benchmark     milliseconds of a completion, start of the program included
"""
import os
import pty
import select
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import simulated_store as store  # noqa: E402

ATTNLAB = os.path.join(os.environ.get("ATTNLAB_BUILD", "build/release"), "bin", "attnlab")
STUDIES = ["demo", "two words", "it's", '"quoted" $HOME `x`', "a=b:c"]
ASK = r"""
source <(attnlab completion bash)
COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(attnlab) COMPREPLY=()
compopt() { echo "OPT $*"; }
_attnlab
printf '%s\n' "${COMPREPLY[@]}"
"""


class Shells(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        db = store.create(os.path.join(cls.folder, "runs.db"))
        for i, study in enumerate(STUDIES):
            store.add_run(db, study, {"name": "hash_sparse", "buckets": 4}, i)
        db.commit()
        db.close()

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def environment(self, **more):
        return {**{k: v for k, v in os.environ.items() if not k.startswith("ATTNLAB_")}, "HOME": self.folder, "INPUTRC": "/dev/null",
                "PATH": os.path.dirname(os.path.abspath(ATTNLAB)) + ":" + os.environ["PATH"], "TERM": "dumb",
                "ATTNLAB_DB": os.path.join(self.folder, "runs.db"), **more}

    def bash(self, line, **more):
        """What stands in COMPREPLY, and what compopt was told."""
        done = subprocess.run(["bash", "--norc", "-c", ASK, "bash", line], capture_output=True, text=True, timeout=60,
                              env=self.environment(**more), cwd=self.folder)
        self.assertEqual(done.stderr, "", line)
        replies = [word for word in done.stdout.split("\n") if word]
        return [word for word in replies if not word.startswith("OPT")], [word for word in replies if word.startswith("OPT")]

    def offers(self, line, **more):
        return self.bash(line, **more)[0]

    def test_commands_actions_and_options(self):
        self.assertIn("compare", self.offers("attnlab "))
        self.assertNotIn("complete", self.offers("attnlab co"))
        self.assertEqual(self.offers("attnlab gr"), ["grid"])
        self.assertEqual(self.offers("attnlab data fe"), ["fetch"])
        self.assertEqual(self.offers("attnlab plugin "), ["check", "new"])
        self.assertEqual(self.offers("attnlab runs --st"), ["--status", "--study"])
        self.assertIn("--help", self.offers("attnlab bench attention --"))
        self.assertEqual(self.offers("attnlab nothing "), [])
        self.assertEqual(self.offers("attnlab grid --no-such"), [])

    def test_groups_keys_and_values(self):
        words, told = self.bash("attnlab run att")
        self.assertEqual((words, told), (["attention.", "attention="], ["OPT -o nospace"]))
        self.assertIn("dense", self.offers("attnlab run attention="))
        self.assertEqual(self.offers("attnlab run attention=den"), ["dense"])
        self.assertEqual(self.offers("attnlab grid attention=dense,ha"), ["dense,hash_sparse"])
        self.assertEqual(self.offers("attnlab grid attention=dense,den"), [])  # it is there already
        self.assertEqual(self.offers("attnlab grid --jobs 2 attention=hash_sparse attention.bu"), ["attention.buckets="])
        self.assertIn("hash_sparse.buckets=", self.offers("attnlab grid attention=dense,hash_sparse hash_sparse."))
        self.assertEqual(self.offers("attnlab grid attention=hash_sparse attention.hash_space=c"), ["centred"])
        self.assertEqual(self.offers("attnlab run train.precision="), ["bfloat16", "float32"])
        self.assertEqual(self.offers("attnlab run model.shared_keys=t"), ["true"])
        self.assertEqual(self.offers("attnlab run dataset=enw"), ["enwik8"])
        self.assertIn("tiny", self.offers("attnlab run model="))
        self.assertEqual(self.offers("attnlab run +train.learning"), ["+train.learning_rate="])
        self.assertEqual(self.offers("attnlab run 'attention=den"), ["attention=dense"])
        self.assertEqual(self.offers('attnlab run "attention=dense" device=cu'), ["cuda"])
        self.assertEqual(self.offers("attnlab plugins show hash_s"), ["hash_sparse"])
        self.assertEqual(self.offers("attnlab describe dataset/enw"), ["dataset/enwik8"])

    def test_studies_runs_and_files(self):
        self.assertEqual(self.offers("attnlab compare --study de"), ["demo"])
        self.assertEqual(self.offers("attnlab compare --study=de"), ["demo"])
        self.assertEqual(self.offers("attnlab compare --study two"), ["two\\ words"])
        self.assertEqual(self.offers("attnlab compare --study 'two w"), ["two words"])
        self.assertEqual(self.offers("attnlab compare --study it"), ["it\\'s"])
        self.assertEqual(self.offers('attnlab compare --study \'"q'), ['"quoted" $HOME `x`'])
        self.assertEqual(self.offers('attnlab compare --study "\\"q'), ['\\"quoted\\" \\$HOME \\`x\\`'])
        self.assertEqual(self.offers("attnlab compare --study a=b:"), ["c"])
        self.assertEqual(self.offers("attnlab show "), ["5", "4", "3", "2", "1"])
        self.assertEqual(self.offers("attnlab show 3 "), [])
        words, told = self.bash("attnlab runs --db ")
        self.assertEqual((words, told), ([], ["OPT -o bashdefault -o default"]))
        self.assertEqual(self.offers(f"attnlab show --db {self.folder}/runs.db 4"), ["4"])

    def test_what_was_offered_reads_back(self):
        for study in STUDIES:
            for begin in (study[:1], study[:3]):
                quoted = "'" + begin.replace("'", "'\\''")
                reply = [word for word in self.offers(f"attnlab compare --study {quoted}")]
                if "'" not in study:
                    self.assertEqual(reply, [study], (begin, study))

    def test_stores_that_give_nothing_are_silent(self):
        empty = os.path.join(self.folder, "empty.db")
        open(empty, "w", encoding="utf-8").close()
        for path in ("/nothing/here.db", empty, "/", "/dev/null", os.path.abspath(ATTNLAB)):
            self.assertEqual(self.offers("attnlab compare --study ", ATTNLAB_DB=path), [], path)
            self.assertEqual(self.offers("attnlab show ", ATTNLAB_DB=path), [], path)
        locked = os.path.join(self.folder, "locked.db")
        shutil.copy(os.path.join(self.folder, "runs.db"), locked)
        with sqlite3.connect(locked) as db:
            db.executescript("PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE studies SET name = name")
            begun = time.monotonic()
            self.assertEqual(self.offers("attnlab compare --study ", ATTNLAB_DB=locked), [])
            self.assertLess(time.monotonic() - begun, 5)  # a reader would wait 10 s
            db.rollback()
        db.close()

    def test_asking_what_a_command_takes_does_nothing(self):
        path = os.path.join(self.folder, "runs.db")
        with open(path, "rb") as file:
            before = file.read()
        def listed():  # SQLite's own two files beside a database come and go with its readers
            return sorted(name for name in os.listdir(self.folder) if not name.startswith("runs.db-"))
        files = listed()
        for words in (["delete", "1"], ["delete", "1", "--yes"], ["tag", "1", "+good"], ["rename", "--study", "demo", "new"], ["merge", "a.db", "b.db"],
                      ["run", "attention=none", "dataset=copy"], ["plugin", "new", "x"], ["export", "--csv", "out"], ["serve"], ["data", "fetch", "mnist"],
                      ["report", "--out", "x.html"], ["bench", "attention"], ["xray", "1"], ["fork", "1"], ["evaluate", "1"]):
            for last in ("", "--", "-"):
                done = subprocess.run([ATTNLAB, "complete", "words", *words, last], capture_output=True, text=True, timeout=60,
                                      env=self.environment(), cwd=self.folder)
                self.assertEqual((done.returncode, done.stderr), (0, ""), words)
                self.assertTrue(last != "--" or "--help" in done.stdout, words)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), before)
        self.assertEqual(listed(), files)
        self.assertEqual(self.offers("attnlab delete 1 2"), ["2"])
        self.assertEqual(self.offers("attnlab xray attention=den"), ["dense"])
        self.assertEqual(self.offers("attnlab fork 1 attention=den"), ["dense"])

    def test_lines_that_are_none_do_no_harm(self):
        for line in ("attnlab", "attnlab '", "attnlab \\", 'attnlab run "${x', "attnlab run a=[1,(2,{", "attnlab run =", "attnlab run .=.",
                     "attnlab -- ", "attnlab --db= runs ", "attnlab runs --db", "attnlab run \x1b[31m\xff", "attnlab " + "x" * 100_000,
                     "attnlab run attention=" + "dense," * 20_000, "attnlab run ~data", "attnlab query 'SELECT "):
            self.bash(line)
        for words in ([], ["bash"], ["bash", "-1", "x", ""], ["bash", "999", "attnlab ", "="], ["words"], ["words", ""], ["fish", "x"]):
            done = subprocess.run([ATTNLAB, "complete", *words], capture_output=True, timeout=60, env=self.environment())
            self.assertEqual((done.returncode, done.stderr), (0, b""), words)

    def typed(self, shell, start, keys, until):
        """What a terminal shows after these keys."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execvpe(shell[0], shell, self.environment(PS1="READY>", PROMPT="READY>"))
        shown = b""

        def read_until(text):
            nonlocal shown
            limit = time.monotonic() + 30
            while text not in shown and time.monotonic() < limit:
                if select.select([terminal], [], [], 0.2)[0]:
                    try:
                        shown += os.read(terminal, 65536)
                    except OSError:
                        break
        try:
            os.write(terminal, start.encode())
            read_until(b"STARTED")
            shown = b""
            os.write(terminal, keys.encode())
            read_until(until)
        finally:
            os.kill(pid, 9)
            os.close(terminal)
            os.waitpid(pid, 0)
        return shown

    def test_keys_in_a_real_bash(self):
        start = "source <(attnlab completion bash); echo START''ED\r"
        for keys, until in (("attnlab run attention=de\t", b"attention=dense "), ("attnlab grid attention=dense,ha\t", b"attention=dense,hash_sparse "),
                            ("attnlab run train.prec\tfl\t", b"train.precision=float32 "), ("attnlab compare --study tw\t", b"--study two\\ words ")):
            self.assertIn(until, self.typed(["bash", "--norc", "-i"], start, keys, until))

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_keys_in_a_real_zsh(self):
        start = "autoload -U compinit; compinit -u -D; source <(attnlab completion zsh); echo START''ED\r"
        for keys, until in (("attnlab gri\t", b"grid "), ("attnlab run attention=de\t", b"nse"), ("attnlab compare --study tw\t", b"o\\ words")):
            self.assertIn(until, self.typed(["zsh", "-f", "-i"], start, keys, until))


def benchmark():
    """The least of 30 of each."""
    lines = ["attnlab ", "attnlab grid attention=dense,ha", "attnlab run train.", "attnlab compare --study ", "attnlab show "]
    for line in lines:
        times = []
        for _ in range(30):
            begun = time.perf_counter()
            subprocess.run([ATTNLAB, "complete", "bash", str(len(line)), line, " \t\n\"'@><=;|&(:"], capture_output=True, check=True)
            times.append(time.perf_counter() - begun)
        print(f"{min(times) * 1000:6.1f} ms least, {sorted(times)[15] * 1000:6.1f} ms usual   {line}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--benchmark"]:
        benchmark()
    else:
        unittest.main(verbosity=2)
