"""benchmark_prepare.py: `attnlab data prepare` beside the tokenizer alone and tiktoken, in turn, in one run.

    ATTNLAB_DATA=DIR ATTNLAB_BUILD=build/release python3 tests/corpus/benchmark_prepare.py [ROUNDS] [COPIES]

All English web text under ATTNLAB_DATA/text, COPIES times (default 6), packed in OpenWebText2's official form.
First the bins are compared with tiktoken, token for token; a difference ends it. A preparation is timed
as a user waits for it: the whole process with both passes, all checks and the files durable on the disk.
Medians of ROUNDS rounds (default 5); MB are 10^6 bytes of UTF-8.
"""
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "support"), os.path.join(ROOT, "tests", "text")]
import reference_python  # noqa: E402

DATA = os.environ.get("ATTNLAB_DATA", os.path.expanduser("~/.cache/attnlab"))
VOCABULARY = os.path.join(DATA, "gpt2_bpe")
if not os.path.exists(os.path.join(VOCABULARY, "vocab.bpe")):
    sys.exit(f"no vocab.bpe in {VOCABULARY}; set ATTNLAB_DATA or run `attnlab data fetch gpt2_bpe`")
os.environ.setdefault("ATTNLAB_BUILD", os.path.join(ROOT, "build", "release"))
reference_python.restart()

import numpy  # noqa: E402
import zstandard  # noqa: E402

from encoded import PROGRAM, write_documents  # noqa: E402
from gpt2_reference import documents, encoding  # noqa: E402

ATTNLAB = os.path.join(os.environ["ATTNLAB_BUILD"], "bin", "attnlab")
FILES = ("us-gov-web/18f_posts.jsonl", "us-gov-web/digitalgov_news.jsonl",
         "openwebtext-1000/openwebtext-1000.jsonl", "imdb/aclImdb_train_25k.jsonl.gz")
END_OF_TEXT = 50256


def pack(path, corpora, copies):
    with tarfile.open(path, "w") as tar:
        for number, texts in enumerate(corpora * copies):
            lines = "".join(json.dumps({"text": text, "meta": {"reddit_score": [3]}}) + "\n" for text in texts)
            content = zstandard.ZstdCompressor(level=3).compress(lines.encode())
            info = tarfile.TarInfo(f"2011-{number:03}.jsonl.zst")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def prepare(archive, out, threads):
    """Seconds."""
    command = [ATTNLAB, "data", "prepare", "openwebtext2", "--source", archive, "--out", out, "--data", DATA,
               "--threads", str(threads), "--restart"]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def assert_same_tokens(out, reference, corpora, copies):
    once = numpy.concatenate([numpy.array([*reference.encode_ordinary(text), END_OF_TEXT], dtype=numpy.uint16)
                              for texts in corpora for text in texts])
    ours = numpy.sort(numpy.concatenate([numpy.fromfile(os.path.join(out, part), dtype=numpy.uint16)
                                         for part in ("train.bin", "val.bin")]))
    if not numpy.array_equal(ours, numpy.sort(numpy.tile(once, copies))):
        sys.exit("the bins do not hold tiktoken's tokens")


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    copies = int(sys.argv[2]) if len(sys.argv) > 2 else 6
    corpora = [documents(os.path.join(DATA, "text", name)) for name in FILES]
    raw = [text.encode() for texts in corpora for text in texts]
    once = sum(map(len, raw)) / 1e6
    reference = encoding(VOCABULARY)
    times = {}
    with tempfile.TemporaryDirectory(prefix="attnlab-") as folder:
        archive, listing, out = (os.path.join(folder, name) for name in ("a.jsonl.zst.tar", "documents", "out"))
        pack(archive, corpora, copies)
        write_documents(listing, raw * copies)
        prepare(archive, out, 2)
        assert_same_tokens(out, reference, corpora, copies)
        with subprocess.Popen([PROGRAM, VOCABULARY, listing], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as tokenizer:
            for _ in range(rounds):
                start = time.perf_counter()
                for texts in corpora:
                    for text in texts:
                        reference.encode_ordinary(text)
                times.setdefault(("tiktoken", 1), []).append((time.perf_counter() - start) * copies)
                for threads in (1, 2):
                    print(threads, file=tokenizer.stdin, flush=True)
                    seconds = float(tokenizer.stdout.readline().split()[0])
                    times.setdefault(("tokenizer alone", threads), []).append(seconds)
                    times.setdefault(("data prepare", threads), []).append(prepare(archive, out, threads))
            tokenizer.communicate()
    speed = {key: once * copies / statistics.median(seconds) for key, seconds in times.items()}
    print(f"{os.cpu_count()} cores, {platform.machine()}; {once * copies:.0f} MB of text; "
          f"tiktoken 0.14.0; medians of {rounds} rounds\n")
    print("| threads that tokenise | tiktoken MB/s | tokenizer alone MB/s | data prepare MB/s | share of the tokenizer's |")
    print("|---:|---:|---:|---:|---:|")
    for threads in (1, 2):
        theirs = f"{speed['tiktoken', 1]:.1f}" if threads == 1 else ""
        alone, whole = speed["tokenizer alone", threads], speed["data prepare", threads]
        print(f"| {threads} | {theirs} | {alone:.1f} | {whole:.1f} | {100 * whole / alone:.0f} % |")


if __name__ == "__main__":
    main()
