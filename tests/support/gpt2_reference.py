"""gpt2_reference.py: tiktoken's own `gpt2`, built from two local files (get_encoding would fetch them),
and the documents that lie under ATTNLAB_DATA/text. For scripts that called reference_python.restart.
"""
import gzip
import io
import json
import os
import tarfile

os.environ["TIKTOKEN_CACHE_DIR"] = ""  # it would remember files by their path

import tiktoken  # noqa: E402
import tiktoken.load  # noqa: E402
import tiktoken_ext.openai_public  # noqa: E402
import zstandard  # noqa: E402

END_OF_TEXT = "<|endoftext|>"


def encoding(folder):
    ranks = tiktoken.load.data_gym_to_mergeable_bpe_ranks(
        os.path.join(folder, "vocab.bpe"), os.path.join(folder, "encoder.json"))
    return tiktoken.Encoding("gpt2", pat_str=tiktoken_ext.openai_public.r50k_pat_str,
                             mergeable_ranks=ranks, special_tokens={END_OF_TEXT: len(ranks)})


def text_of(line):
    value = json.loads(line)
    value = value if isinstance(value, str) else value["text"]
    return value if isinstance(value, str) else "\n\n".join(value)


def documents(path):
    """The texts of a .jsonl, .jsonl.gz, .zst.tar or plain file, in order."""
    with open(path, "rb") as file:
        content = file.read()
    if path.endswith(".gz"):
        content = gzip.decompress(content)
    if path.endswith(".tar"):
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            members = [tar.extractfile(member).read() for member in tar if member.isfile()]
        unpack = zstandard.ZstdDecompressor()
        content = b"".join(unpack.stream_reader(member, read_across_frames=True).read()
                           for member in members)
    if path.endswith(".txt"):
        return [content.decode()]
    return [text_of(line) for line in content.decode().split("\n") if line]


def corpora(data):
    """{name: path} of all text under DATA/text."""
    found = {}
    for folder, _, files in os.walk(os.path.join(data, "text")):
        for name in files:
            if not name.endswith(".md"):
                path = os.path.join(folder, name)
                found[os.path.relpath(path, os.path.join(data, "text"))] = path
    return dict(sorted(found.items()))
