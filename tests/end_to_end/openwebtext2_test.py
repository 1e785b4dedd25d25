"""openwebtext2_test.py: real web text in OpenWebText2's form, from the archive to perplexity.

ATTNLAB_LONG=1 also trains dense, hash-sparse and no attention for the table in
datasets/openwebtext2/README.md, which takes about 18 minutes on two cores.
"""
import io
import itertools
import json
import math
import os
import subprocess
import sys
import tarfile

ROOT = os.environ["ATTNLAB_SOURCE"]
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import reference_python  # noqa: E402

DATA = os.environ.get("ATTNLAB_DATA", "")
TEXTS = [os.path.join(DATA, "text", name) for name in
         ("us-gov-web/18f_posts.jsonl", "us-gov-web/digitalgov_news.jsonl", "openwebtext-1000/openwebtext-1000.jsonl")]
BLNS = os.path.join(DATA, "text", "lm_dataformat", "blns.jsonl.zst.tar")
VOCABULARY = os.path.join(DATA, "gpt2_bpe")
for needed in (*TEXTS, BLNS, os.path.join(VOCABULARY, "vocab.bpe")):
    if not os.path.exists(needed):
        print(f"SKIPPED: no '{needed}'; ATTNLAB_DATA must name the folder of the data")
        sys.exit(0)
reference_python.restart()

import numpy  # noqa: E402
import zstandard  # noqa: E402

from gpt2_reference import documents, encoding  # noqa: E402
from lab import ATTNLAB, Lab, main, read_text, write_text  # noqa: E402

END_OF_TEXT = 50256
SURROGATE = "lone \ud83d here"  # json.dumps writes it as an escape, as in the real archive


def official_form(lines):
    """One zstd stream flushed as frames, ASCII-escaped JSON lines."""
    packed = b""
    for begin in range(0, len(lines), 500):
        text = "".join(json.dumps(line) + "\n" for line in lines[begin:begin + 500])
        packed += zstandard.ZstdCompressor(level=3).compress(text.encode())
    return packed


def read(folder, name, dtype=numpy.uint16):
    return numpy.fromfile(os.path.join(folder, name), dtype=dtype)


def larger_vocabulary(folder, tokens):
    """GPT-2's merges, then joins of its frequent words, up to so many tokens in all. Returns them."""
    os.mkdir(folder)
    merges = [line.split() for line in read_text(VOCABULARY, "vocab.bpe").split("\n")[1:-1]]
    names = [name for name, number in json.loads(read_text(VOCABULARY, "encoder.json")).items() if number < 256]
    names += [first + second for first, second in merges]
    known, frequent = set(names), [name for name in names[256:2500] if name.isascii() and name.isalpha()]
    for first, second in itertools.product(frequent, frequent):
        if len(names) == tokens - 1:
            break
        if first + second not in known:
            merges.append((first, second))
            names.append(first + second)
            known.add(first + second)
    write_text(os.path.join(folder, "vocab.bpe"), "#version: 0.2\n" + "".join(f"{first} {second}\n" for first, second in merges))
    with open(os.path.join(folder, "encoder.json"), "w", encoding="utf-8") as file:
        json.dump({name: number for number, name in enumerate([*names, "<|endoftext|>"])}, file)
    return names


class OpenWebText2(Lab):
    """One archive, prepared once; the tests look at it."""

    @classmethod
    def setUpClass(cls):
        import shutil
        import tempfile
        cls.shared = tempfile.mkdtemp(prefix="attnlab-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.reference = encoding(VOCABULARY)
        cls.texts = [document for path in TEXTS for document in documents(path)] + [SURROGATE]
        cls.tokens = cls.prepare_archive("openwebtext2", cls.texts)

    @classmethod
    def prepare_archive(cls, name, texts):
        archive = os.path.join(cls.shared, f"{name}.jsonl.zst.tar")
        third = len(texts) // 3
        with tarfile.open(archive, "w") as tar:
            for month, begin in enumerate(range(0, len(texts), third)):
                content = official_form([{"text": text, "meta": {"url": "x", "reddit_score": [3, 5]}}
                                         for text in texts[begin:begin + third]])
                info = tarfile.TarInfo(f"2011-{month + 1:02}.jsonl.zst")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        tokens = os.path.join(cls.shared, name, "tokens")
        cls.prepare("openwebtext2", archive, tokens, "--test-size", "0.05")
        return tokens

    @classmethod
    def prepare(cls, name, source, out, *more):
        done = subprocess.run([ATTNLAB, "data", "prepare", name, "--source", source, "--out", out, "--data", DATA,
                               *more], capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        return done.stdout

    def expected(self, texts, test_size):
        """Both parts by tiktoken and numpy, in reading order."""
        count = len(texts)
        held_out = set(numpy.random.default_rng(2357).permutation(count)[:math.ceil(test_size * count)].tolist())
        parts = {"train": [], "val": []}
        for number, text in enumerate(texts):
            part = parts["val" if number in held_out else "train"]
            part.append([*self.reference.encode_ordinary(text), END_OF_TEXT])
        return parts

    def assert_same(self, folder, texts, test_size):
        for part, wanted in self.expected(texts, test_size).items():
            found = read(folder, f"{part}.bin")
            flat = numpy.array([token for document in wanted for token in document], dtype=numpy.uint16)
            self.assertTrue(numpy.array_equal(found, flat), part)
            starts = numpy.cumsum([0, *(len(document) for document in wanted)])
            self.assertTrue(numpy.array_equal(read(folder, f"{part}.index", numpy.uint64), starts), part)

    def test_every_token_is_tiktokens_and_the_split_is_numpys(self):
        self.assertGreater(len(self.texts), 3000)
        self.assert_same(self.tokens, self.texts, 0.05)

    def test_the_split_is_numpys_for_any_count_and_seed(self):
        source = os.path.join(self.shared, "numbers.jsonl")
        for count, seed in ((2, 2357), (3, 0), (97, 2357), (1000, 1), (4097, 2**63 - 1)):
            with open(source, "w", encoding="utf-8") as file:
                file.writelines(f'"{number}"\n' for number in range(count))
            out = os.path.join(self.shared, f"numbers{count}")
            self.prepare("text", source, out, "--tokens", "bytes", "--test-size", "0.1", "--seed", str(seed))
            text = bytes(byte if byte < 256 else 10 for byte in read(out, "val.bin").tolist())
            order = numpy.random.default_rng(seed).permutation(count)[:math.ceil(0.1 * count)]
            self.assertEqual([int(line) for line in text.split()], sorted(order.tolist()))

    def test_the_real_archive_of_that_form_is_read_as_python_reads_it(self):
        out = os.path.join(self.shared, "blns")
        self.prepare("text", BLNS, out, "--test-size", "0.3")
        self.assert_same(out, documents(BLNS), 0.3)

    def test_a_megabyte_of_one_letter_in_every_thread_stays_below_a_gibibyte(self):
        source = os.path.join(self.shared, "letters.jsonl")
        with open(source, "w", encoding="utf-8") as file:
            file.writelines(json.dumps("a" * (15 << 20)) + "\n" for _ in range(4))
        process = subprocess.Popen([ATTNLAB, "data", "prepare", "text", "--source", source, "--out",
                                    os.path.join(self.shared, "letters"), "--data", DATA, "--threads", "4"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = process.stderr.read()
        process.stderr.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0, said)
        self.assertLess(usage.ru_maxrss * 1024, 1 << 30)

    def test_a_vocabulary_of_more_than_65536_tokens_is_prepared_trained_on_and_scored(self):
        folder = os.path.join(self.folder, "wide")
        words = larger_vocabulary(folder, 70_000)[-1000:]
        reference = encoding(folder)
        source = os.path.join(self.folder, "few.jsonl")
        few = [*self.texts[:40], "\n".join(words)]
        with open(source, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(text) + "\n" for text in few)
        out = os.path.join(self.folder, "wide.tokens")
        self.assertIn("vocabulary 70,000, uint32", self.prepare("text", source, out, "--vocab", folder,
                                                                "--test-size", "0.1"))
        tokens = numpy.concatenate([read(out, f"{part}.bin", numpy.uint32) for part in ("train", "val")])
        wanted = [token for text in few for token in [*reference.encode_ordinary(text), 69_999]]
        self.assertEqual(sorted(tokens.tolist()), sorted(wanted))
        self.assertGreaterEqual(sum(65_535 < token < 69_999 for token in wanted), 1000)
        self.attnlab("run", "dataset=text", f"dataset.path={out}", "dataset.length=64", "train=smoke", "train.steps=2",
                     "model.width=16")
        perplexity = self.values("SELECT score FROM runs WHERE metric = 'perplexity'")[0]
        self.assertTrue(1000 < perplexity < 2 * 70_000, perplexity)

    def grid(self, tokens, *words):
        """Perplexity by attention. It may take long: lab's own limit is for the short tests."""
        self.ended([ATTNLAB, "grid", "--db", self.db, "--jobs", "2", "experiment=openwebtext2_cpu", f"dataset.path={tokens}", *words],
                   timeout=None)
        return dict(self.sql("SELECT attention, score FROM runs WHERE metric = 'perplexity'"))

    def unigram(self):
        stated = json.loads(read_text(self.tokens, "manifest.json"))["val_unigram_perplexity"]
        counts = numpy.bincount(read(self.tokens, "val.bin"))
        share = counts[counts > 0] / counts.sum()
        self.assertAlmostEqual(stated, math.exp(-(share * numpy.log(share)).sum()), places=6)
        return stated

    def test_it_trains_and_scores_every_validation_token(self):
        tokens = self.prepare_archive("few", self.texts[-61:])
        scores = self.grid(tokens, "attention=dense", "train.steps=2", "train.batch_size=1", "model.width=16",
                           "dataset.length=512")
        self.assertLess(scores["dense"], 3 * 50257)
        windows = math.ceil(len(read(tokens, "val.bin")) / 512)
        self.assertEqual(self.values("SELECT text FROM facts WHERE name = 'validated'"),
                         [f"{windows} of {windows} sequences"])
        self.assertEqual(self.values("SELECT text FROM facts WHERE name = 'stride_rule'"),
                         ["windows of T tokens, stride T, each token of val.bin scored once"])
        nats, bits = (self.values(f"SELECT last FROM run_last JOIN metric_keys ON id = key_id WHERE name = 'val/{name}'")[0]
                      for name in ("loss", "bits_per_byte"))
        ids = read(tokens, "val.bin")
        text = encoding(VOCABULARY).decode_bytes([token for token in ids.tolist() if token != 50256])
        self.assertAlmostEqual(bits, nats * len(ids) / math.log(2) / len(text), places=9)
        self.assertIn("not the official archive", self.values("SELECT text FROM facts WHERE name = 'data'")[0])

    def test_attention_learns_from_the_text_what_no_attention_cannot(self):
        if not os.environ.get("ATTNLAB_LONG"):
            self.skipTest("set ATTNLAB_LONG=1")
        scores = self.grid(self.tokens, "attention=dense,hash_sparse,none", "hash_sparse.buckets=4")
        for attention in ("dense", "hash_sparse"):
            self.assertLess(scores[attention], self.unigram() / 2)
            self.assertLess(scores[attention], 0.95 * scores["none"])


if __name__ == "__main__":
    main()
