"""encoded.py: documents through the program encode_documents, and the comparison with tiktoken."""
import array
import os
import struct
import subprocess
import tempfile

PROGRAM = os.path.join(os.environ["ATTNLAB_BUILD"], "bin", "encode_documents")


def write_documents(path, documents):
    with open(path, "wb") as file:
        for document in documents:
            file.write(struct.pack("<I", len(document)) + document)


def encode(vocabulary, documents, *options):
    """Our tokens of each document (bytes), as an array of uint32."""
    with tempfile.TemporaryDirectory(prefix="attnlab-") as folder:
        source, target = os.path.join(folder, "documents"), os.path.join(folder, "tokens")
        write_documents(source, documents)
        done = subprocess.run([PROGRAM, vocabulary, source, target, *options], capture_output=True)
        if done.returncode != 0:
            raise AssertionError(done.stderr.decode(errors="replace")[:2000])
        with open(target, "rb") as file:
            words = array.array("I", file.read())
    result, at = [], 0
    for _ in documents:
        result.append(words[at + 1:at + 1 + words[at]])
        at += 1 + words[at]
    return result


def difference(reference, document, ours, theirs):
    """The first place where two lists of tokens part, in words."""
    at = next((i for i, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1]),
              min(len(ours), len(theirs)))
    return (f"token {at} of {document[:40]!r}...: ours {list(ours[at:at + 6])}, "
            f"tiktoken's {list(theirs[at:at + 6])}: {reference.decode(theirs[max(0, at - 2):at + 4])!r}")


def assert_equal_tokens(test, reference, vocabulary, documents, *options):
    """Of documents given as str or as any bytes. At least one; all are compared."""
    test.assertTrue(documents)
    raw = [d if isinstance(d, bytes) else d.encode() for d in documents]
    theirs_of = (lambda text: reference.encode(text, allowed_special="all")) if options \
        else reference.encode_ordinary
    for document, ours in zip(raw, encode(vocabulary, raw, *options)):
        theirs = theirs_of(document.decode(errors="replace"))
        if ours != array.array("I", theirs):
            test.fail(difference(reference, document, ours, theirs))
