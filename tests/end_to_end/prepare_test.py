"""prepare_test.py: `attnlab data prepare` is killed, starved of room and fed with bombs.

ATTNLAB_KILLS sets how often it is killed (6; the long form is 20).
"""
import contextlib
import gzip
import io
import itertools
import json
import os
import pty
import random
import resource
import signal
import subprocess
import tarfile
import time

from lab import ATTNLAB, Lab, main, write_text

KILLS = int(os.environ.get("ATTNLAB_KILLS", "6"))
GIB = 1 << 30


def pack(path, members):
    """A tar of members given as {name: bytes}."""
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def documents(count, seed):
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefghij é", k=draw.randint(1, 9))) for _ in range(500)]
    return [" ".join(draw.choices(words, k=1500)) for _ in range(count)]


def json_lines(texts):
    return "".join(json.dumps({"text": text, "meta": {"url": "x"}}) + "\n" for text in texts).encode()


def ignore_file_size_signal():
    """Beyond the limit a write fails with an error, as on a full disk, instead of a signal."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))


def everything_on(terminal):
    """What was written to it. The other end is closed, which reading tells by an error."""
    said = b""
    with contextlib.suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as screen:
        while True:
            said += screen.read(1 << 16)
    return said.decode()


class Prepare(Lab):
    def setUp(self):
        super().setUp()
        self.archive = os.path.join(self.folder, "web.jsonl.gz.tar")

    def pack_documents(self):
        pack(self.archive, {f"2011-0{month}.jsonl.gz": gzip.compress(json_lines(documents(400, month)), 1)
                            for month in (1, 2)})

    def command(self, out, *more):
        return [ATTNLAB, "data", "prepare", "openwebtext2", "--source", self.archive, "--out",
                os.path.join(self.folder, out), "--tokens", "bytes", "--test-size", "0.05", "--threads", "2", *more]

    def prepare(self, out, *more, code=0, **process):
        done = subprocess.run(self.command(out, *more), capture_output=True, text=True, timeout=120,
                              env=self.environment(), **process)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def files(self, out):
        found = {}
        for name in os.listdir(os.path.join(self.folder, out)):
            with open(os.path.join(self.folder, out, name), "rb") as file:
                found[name] = file.read()
        self.assertIn("manifest.json", found)
        return found

    def exists(self, out):
        return os.path.exists(os.path.join(self.folder, out))

    def test_killed_at_random_moments_it_ends_with_the_same_bytes(self):
        self.pack_documents()
        begin = time.monotonic()
        self.prepare("whole", "--checkpoint", "0")
        taken = time.monotonic() - begin
        draw, kills, resumed, turn = random.Random(), 0, 0, 0
        while kills < KILLS:
            turn += 1
            out = f"out{turn}"
            while not self.exists(out):
                process = subprocess.Popen(self.command(out, "--checkpoint", "0"), stdout=subprocess.PIPE,
                                           stderr=subprocess.STDOUT, env=self.environment())
                try:
                    said, _ = process.communicate(timeout=draw.uniform(0, 0.6 * taken) if kills < KILLS else None)
                    self.assertEqual(process.returncode, 0, said)
                except subprocess.TimeoutExpired:
                    process.send_signal(draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
                    said, _ = process.communicate()
                    kills += 1
                resumed += b"going on with the preparation" in said
            self.assertEqual(self.files(out), self.files("whole"), f"after {kills} kills")
        self.assertGreater(resumed, 0, "no kill left anything to go on from")

    def test_a_disk_that_is_full_again_and_again_ends_with_the_same_bytes(self):
        if os.geteuid() != 0:
            self.skipTest("only root may mount a small file system")
        disk = os.path.join(self.folder, "disk")
        os.mkdir(disk)
        small = ["mount", "-t", "tmpfs", "-o", "size=8k", "attnlab-test", disk]
        if subprocess.run(small, capture_output=True).returncode != 0:
            self.skipTest("no small file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        pack(self.archive, {"1.jsonl": json_lines(documents(60, 1))})
        self.prepare("whole")
        needed = sum(map(len, self.files("whole").values())) // 1024
        refused = ""
        # With a journal in between, and with the first one only: then the manifest is what does not fit.
        for size, checkpoint in itertools.product((8, 64, needed // 2, *range(needed - 16, needed + 64, 4)), ("0", "999")):
            subprocess.run(["mount", "-o", f"remount,size={size}k", disk], check=True)
            done = subprocess.run(self.command("disk/out", "--checkpoint", checkpoint), capture_output=True, text=True,
                                  env=self.environment())
            if done.returncode == 0:
                break
            self.assertIn("No space left on device. Make room and run the same command again: it goes on", done.stderr)
            self.assertFalse(self.exists("disk/out"))
            refused += done.stderr
        self.assertEqual(self.files("disk/out"), self.files("whole"))
        for name in ("train.bin", "journal.json.new", "manifest.json.new"):
            self.assertIn(f"disk/out.part/{name}': No space", refused)

    def test_of_several_at_once_one_works_and_the_others_say_so(self):
        self.pack_documents()
        self.prepare("whole")
        several = [subprocess.Popen(self.command("out", "--checkpoint", "0"), stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, text=True, env=self.environment()) for _ in range(4)]
        ended = [(process.communicate()[1], process.returncode) for process in several]
        self.assertIn(0, [code for _, code in ended])
        for said, code in ended:
            if code != 0:
                self.assertIn("is being written by another process. Wait for it", said)
        self.assertEqual(self.files("out"), self.files("whole"))

    def test_what_is_not_finished_is_not_trained_on(self):
        self.pack_documents()
        self.prepare("out", "--checkpoint", "0", code=1, preexec_fn=ignore_file_size_signal)
        self.assertTrue(self.exists("out.part/train.bin"))
        for path in ("out", "out.part"):
            done = self.attnlab("run", "dataset=openwebtext2", f"dataset.path={self.folder}/{path}", code=1)
            self.assertIn("out.part' was begun and is not finished", done.stderr)
            done = self.attnlab("data", "check", "openwebtext2", "--path", f"{self.folder}/{path}", db=False, code=1)
            self.assertIn("out.part' was begun and is not finished", done.stderr)

    def test_a_write_that_fails_is_said_and_leaves_a_state_to_go_on_from(self):
        self.pack_documents()
        self.prepare("whole")
        said = self.prepare("out", "--checkpoint", "0", code=1, preexec_fn=ignore_file_size_signal)
        self.assertIn("File too large", said)
        self.assertIn("Make room and run the same command again: it goes on where it was.", said)
        self.assertFalse(self.exists("out"))
        self.assertIn("going on with the preparation", self.prepare("out"))
        self.assertEqual(self.files("out"), self.files("whole"))
        self.assertIn("is finished already: nothing to do", self.prepare("out"))

    def test_a_line_of_gigabytes_costs_neither_memory_nor_the_rest(self):
        piece = gzip.compress(b"x" * (64 << 20), 6)
        lines = json_lines(documents(20, 1))
        bomb = gzip.compress(lines + b'{"text": "', 1) + piece * 17 + gzip.compress(b'"}\n' + lines, 1)
        pack(self.archive, {"2011-01.jsonl.gz": bomb})
        terminal, far_end = pty.openpty()
        process = subprocess.Popen(self.command("out"), stdout=subprocess.PIPE, stderr=far_end, text=True,
                                   env=self.environment(TERM="xterm"))
        os.close(far_end)
        said = process.stdout.read()
        process.stdout.close()
        said += everything_on(terminal)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0, said)
        self.assertIn("line 21: longer than the 16,777,216 bytes that --max-line allows", said)
        self.assertIn("1 bad lines", said)
        self.assertRegex(said, r"counting  \d.* of \d.*  \d+%  \d+ documents  .* left")
        self.assertRegex(said, r"tokenising  \d.* of \d.*  \d+%  \d+ documents  .* tokens/s  .* left")
        self.assertLess(usage.ru_maxrss * 1024, GIB)
        manifest = json.loads(self.files("out")["manifest.json"])
        self.assertEqual(manifest["train"]["documents"] + manifest["val"]["documents"], 40)

    def test_what_is_asked_for_wrongly_is_said(self):
        for words, says in (
                ([], "expected one name, openwebtext2 or text, found 0"),
                (["mnist", "--source", "x"], "'mnist' is not prepared from documents."),
                (["text", "--out", "o"], "data prepare text needs --source PATH"),
                (["openwebtext2"], "openwebtext2: no 'openwebtext2.jsonl.zst.tar' was found. Looked in"),
                (["text", "--source", "x"], "data prepare text needs --out DIR"),
                (["text", "--source", "x", "--out", "o", "--tokens", "words"], "--tokens: expected bpe or bytes, found 'words'"),
                (["text", "--source", "x", "--out", "o", "--split-at", "page"], "--split-at: expected file, blank or line, found 'page'"),
                (["text", "--source", "x", "--out", "o", "--test-size", "1"], "--test-size 1 is out of range"),
                (["text", "--source", "x", "--out", "o", "--tokens", "bytes", "--vocab", "v"], "--vocab has no use"),
                (["text", "--source", "x", "--out", "o", "--tokens", "bytes"], "--source 'x' does not exist"),
                (["text", "--source", "x", "--out", "o"], "gpt2_bpe: no 'vocab.bpe' was found")):
            done = subprocess.run([ATTNLAB, "data", "prepare", *words], capture_output=True, text=True,
                                  cwd=self.folder, env=self.environment())
            self.assertIn(done.returncode, (1, 2), words)
            self.assertIn(says, done.stderr)

    def test_a_prepared_text_of_bytes_trains_and_its_content_is_part_of_the_run(self):
        runs = []
        for seed in (1, 2):
            self.pack_documents()
            write_text(os.path.join(self.folder, "book.txt"), "\n\n".join(documents(40, seed)))
            self.archive = os.path.join(self.folder, "book.txt")
            out = f"tokens{seed}"
            self.prepare(out, "--split-at", "blank")
            os.rename(os.path.join(self.folder, out), os.path.join(self.folder, "book"))
            # The manifest names what it was made as; dataset=text takes either.
            self.attnlab("run", "dataset=text", f"dataset.path={self.folder}/book", "dataset.length=64",
                         "dataset.sampling=epoch", "train=smoke", "train.steps=3", "model.width=16")
            os.rename(os.path.join(self.folder, "book"), os.path.join(self.folder, out))
            runs.append(self.sql("SELECT fingerprint, metric, score FROM runs "
                                 "ORDER BY id DESC LIMIT 1")[0])
        self.assertNotEqual(runs[0][0], runs[1][0], "another text is another run")
        for _, metric, score in runs:
            self.assertEqual(metric, "bits_per_byte")
            self.assertTrue(0.1 < score < 9, score)
        refused = self.attnlab("run", "dataset=text", f"dataset.path={self.folder}/tokens2", "dataset.length=64",
                               "train.score_test=true", code=1).stderr
        self.assertIn("train.score_test: text has no test split, only train and valid. Leave it false.", refused)


if __name__ == "__main__":
    main()
