"""benchmark_tokenizer.py: the tokenizer beside tiktoken's encode_ordinary, in turn, in one run.

    ATTNLAB_DATA=DIR ATTNLAB_BUILD=build/release python3 tests/text/benchmark_tokenizer.py [ROUNDS]

First the answers are compared, token for token; a difference ends it. Then, ROUNDS times (default 5),
tiktoken on one thread, ours on one, ours on two, each over all documents and with nothing remembered
from the round before. Printed are medians; MB are 10^6 bytes of UTF-8.
"""
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import reference_python  # noqa: E402

DATA = os.environ.get("ATTNLAB_DATA", os.path.expanduser("~/.cache/attnlab"))
VOCABULARY = os.path.join(DATA, "gpt2_bpe")
if not os.path.exists(os.path.join(VOCABULARY, "vocab.bpe")):
    sys.exit(f"no vocab.bpe in {VOCABULARY}; set ATTNLAB_DATA or run `attnlab data fetch gpt2_bpe`")
os.environ.setdefault("ATTNLAB_BUILD", os.path.join(ROOT, "build", "release"))
reference_python.restart()

from encoded import PROGRAM, assert_equal_tokens, write_documents  # noqa: E402
from gpt2_reference import documents, encoding  # noqa: E402


def files(*names):
    return [text for name in names for text in documents(os.path.join(DATA, "text", name))]


def new_words(seed):
    """Words that hardly ever come twice: nothing to remember, much to merge."""
    draw = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [" ".join("".join(draw.choices(letters, k=draw.randint(5, 14))) for _ in range(500))
            for _ in range(600)]


def random_characters(seed):
    draw = random.Random(seed)
    blocks = [range(0x20, 0x7F), range(0xC0, 0x250), range(0x400, 0x500), range(0x4E00, 0x9FA5),
              range(0x1F300, 0x1F650)]
    return ["".join(chr(draw.choice(draw.choice(blocks))) for _ in range(2000)) for _ in range(400)]


CORPORA = {
    "web, English": lambda: files("openwebtext-1000/openwebtext-1000.jsonl", "us-gov-web/18f_posts.jsonl",
                                  "us-gov-web/digitalgov_news.jsonl"),
    "of it openwebtext-1000": lambda: files("openwebtext-1000/openwebtext-1000.jsonl"),
    "IMDb reviews": lambda: files("imdb/aclImdb_train_25k.jsonl.gz")[:8000],
    "Common Crawl, many languages": lambda: files(
        "commoncrawl-697/CC-MAIN-20190717121559-20190717143559-00140.jsonl.gz"),
    "words never seen before": lambda: new_words(1),
    "random characters": lambda: random_characters(2),
    "one letter, 4 x 1 MB": lambda: ["a" * 1_000_000] * 4,
    "one space, 4 x 1 MB": lambda: [" " * 1_000_000] * 4,
}


class Ours:
    """The program, waiting with its documents for a number of threads."""

    def __init__(self, path):
        self.process = subprocess.Popen([PROGRAM, VOCABULARY, path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def seconds(self, threads):
        print(threads, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline().split()[0])

    def end(self):
        self.process.communicate()


def tiktoken_seconds(reference, texts):
    start = time.perf_counter()
    for text in texts:
        reference.encode_ordinary(text)
    return time.perf_counter() - start


def measure(reference, texts, rounds):
    """MB/s of tiktoken, ours, ours on two threads."""
    assert_equal_tokens(unittest.TestCase(), reference, VOCABULARY, texts)
    raw = [text.encode() for text in texts]
    megabytes = sum(map(len, raw)) / 1e6
    times = ([], [], [])
    with tempfile.TemporaryDirectory(prefix="attnlab-") as folder:
        path = os.path.join(folder, "documents")
        write_documents(path, raw)
        ours = Ours(path)
        for _ in range(rounds):
            times[0].append(tiktoken_seconds(reference, texts))
            times[1].append(ours.seconds(1))
            times[2].append(ours.seconds(2))
        ours.end()
    return megabytes, [megabytes / statistics.median(t) for t in times]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    reference = encoding(VOCABULARY)
    print(f"{os.cpu_count()} cores, {platform.machine()}; tiktoken 0.14.0; medians of {rounds} rounds\n")
    print("| text | MB | tiktoken MB/s | one thread MB/s | times tiktoken | two threads MB/s | times tiktoken |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, texts in CORPORA.items():
        megabytes, (theirs, one, two) = measure(reference, texts(), rounds)
        print(f"| {name} | {megabytes:.1f} | {theirs:.1f} | {one:.1f} | {one / theirs:.1f} | {two:.1f} "
              f"| {two / theirs:.1f} |", flush=True)


if __name__ == "__main__":
    main()
