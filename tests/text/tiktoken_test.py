"""tiktoken_test.py: the tokenizer against tiktoken 0.14.0 itself, token for token."""
import json
import os
import random
import sys
import tempfile
import unittest

ROOT = os.environ["ATTNLAB_SOURCE"]
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import reference_python  # noqa: E402

DATA = os.environ.get("ATTNLAB_DATA", os.path.expanduser("~/.cache/attnlab"))
VOCABULARY = os.path.join(DATA, "gpt2_bpe")
if not os.path.exists(os.path.join(VOCABULARY, "vocab.bpe")):
    print(f"SKIPPED: no vocab.bpe in {VOCABULARY}; run `attnlab data fetch gpt2_bpe`")
    sys.exit(0)
reference_python.restart()

from encoded import assert_equal_tokens  # noqa: E402
from gpt2_reference import END_OF_TEXT, corpora, documents, encoding  # noqa: E402

ALL_CODE_POINTS = [*range(0xD800), *range(0xE000, 0x110000)]
# What the splitting pattern treats in ways of its own, and what looks like it.
SPACES = "\t\n\v\f\r \x1c\x1d\x1e\x1f\x85\xa0\u1680\u180e\u2000\u2003\u200a\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
EMOJI = ["😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "1️⃣", "❤️", "🧑🏿‍🚀", "☝🏻"]
MARKS = ["e\u0301", "a\u0308\u0323", "ะ\u0e49", "\u0915\u094d\u0937", "Z\u0351\u036b\u0343", "\u05d0\u05b8", "ｶ\uff9e"]
WORDS = ["the", " The", "'s", "'ll", "'LL", "'", "''", " '", "’s", "I'd", "x've're", "1", "23", " 456", "½", "٣", "Ⅷ",
         "été", " naïve", "Москва", "東京", "あ", "ไทย", "שלום", "한국", "...", " --", "—", "£", "\0", "\x7f",
         END_OF_TEXT, "<|", "_", "ÃÂ", "http://", "a" * 15, "b" * 16, "c" * 17, "q" * 70]


def write_vocabulary(folder, merges, first_rows):
    """vocab.bpe of `merges` and encoder.json, whose ids begin with `first_rows` (tokens as written)."""
    with open(os.path.join(folder, "vocab.bpe"), "w", encoding="utf-8") as file:
        file.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    tokens = [*first_rows, *(a + b for a, b in merges), END_OF_TEXT]
    with open(os.path.join(folder, "encoder.json"), "w", encoding="utf-8") as file:
        json.dump({token: i for i, token in enumerate(tokens)}, file)


def gpt2_files():
    """GPT-2's merges, and how it writes the 256 bytes, in the order of their ids."""
    with open(os.path.join(VOCABULARY, "vocab.bpe"), encoding="utf-8") as file:
        merges = [line.split() for line in file.read().split("\n")[1:-1]]
    with open(os.path.join(VOCABULARY, "encoder.json"), encoding="utf-8") as file:
        ids = json.load(file)
    return merges, [token for token, i in ids.items() if i < 256]


class SameAsTiktoken(unittest.TestCase):
    reference = encoding(VOCABULARY)

    def same(self, texts, *options):
        assert_equal_tokens(self, self.reference, VOCABULARY, texts, *options)

    def test_every_text_at_hand(self):
        found = corpora(DATA)
        if not found:
            self.skipTest(f"no text in {DATA}/text")
        for name, path in found.items():
            with self.subTest(name):
                self.same(documents(path))

    def test_every_code_point_alone(self):
        self.assertEqual(len(ALL_CODE_POINTS), 1_112_064)
        self.same([chr(c) for c in ALL_CODE_POINTS])

    def test_every_code_point_between_others(self):
        contexts = "a{0}a 1{0}1 !{0}! {0}{0} \n{0}\n{0} '{0}s  {0}x  {0}"
        characters = [chr(c) for c in ALL_CODE_POINTS]
        self.same(["".join(contexts.format(c) for c in characters[i:i + 32])
                   for i in range(0, len(characters), 32)])

    def test_random_sequences_of_words_spaces_marks_and_emoji(self):
        draw = random.Random(1)
        parts = [*WORDS, *EMOJI, *MARKS, *SPACES, *SPACES]
        self.same(["".join(draw.choices(parts, k=draw.randint(1, 60))) for _ in range(20_000)])

    def test_random_code_points(self):
        draw = random.Random(2)
        blocks = [(0, 0x80), (0x80, 0x800), (0x800, 0xD800), (0xE000, 0x10000), (0x10000, 0x110000)]
        texts = []
        for _ in range(20_000):
            start, end = draw.choice(blocks)
            near = draw.randrange(start, end)  # neighbours, so that runs of one class come about
            texts.append("".join(chr(draw.randrange(near, min(near + 64, end)))
                                 if draw.random() < 0.8 else chr(draw.choice(ALL_CODE_POINTS))
                                 for _ in range(draw.randint(1, 80))))
        self.same(texts)

    def test_random_bytes_that_are_utf8(self):
        draw = random.Random(3)
        self.same([draw.randbytes(draw.randint(1, 400)).decode(errors="ignore") for _ in range(20_000)])

    def test_bytes_that_are_not_utf8_are_replaced_as_python_does(self):
        draw = random.Random(4)
        edges = [0x20, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1,
                 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF]
        triples = [bytes((a, b, c)) for a in edges for b in edges for c in edges]
        random_ones = [bytes(draw.choices(edges, k=draw.randint(1, 60))) for _ in range(20_000)]
        self.same(triples + random_ones)

    def test_long_runs_of_one_character(self):
        for unit in ["a", " ", "1", "!", "\n", "\t", "é", "東", "😀", "\xa0", "\u0301", "\0", "ab", "a1",
                     "  x", "'s", "ÃÂ", " a", "\r\n", "- "]:
            with self.subTest(unit):
                lengths = [*range(1, 140), 255, 256, 257, 1000, 50_000]
                self.same([unit * n for n in lengths] + [unit * 300 + "x", "x" + unit * 300 + " y"])

    def test_special_tokens_are_read_only_when_asked_for(self):
        texts = [END_OF_TEXT, f"a{END_OF_TEXT}b", END_OF_TEXT * 3, f" {END_OF_TEXT} ", "<|endoftext|",
                 f"<|{END_OF_TEXT}|>", "none at all"]
        self.same(texts)
        self.same(texts, "specials")

    def test_a_vocabulary_of_fewer_merges(self):
        merges, letters = gpt2_files()
        draw = random.Random(5)
        texts = ["".join(draw.choices(WORDS, k=40)) for _ in range(2000)]
        with tempfile.TemporaryDirectory(prefix="attnlab-") as folder:
            write_vocabulary(folder, merges[:3000], letters)
            assert_equal_tokens(self, encoding(folder), folder, texts)
            assert_equal_tokens(self, encoding(folder), folder, [END_OF_TEXT], "specials")

    def test_every_code_point_has_its_class(self):
        # GPT-2 joins few characters beyond Latin to others, so its tokens hardly show their classes.
        # Here a letter, a number and a sign join the first byte of whatever belongs to their piece.
        _, letters = gpt2_files()
        merges = [(first, second) for first in "a1!" for second in letters]
        characters = [chr(c) for c in ALL_CODE_POINTS]
        texts = ["".join(f"a{c}1{c}!{c} {c}\n" for c in characters[i:i + 32])
                 for i in range(0, len(characters), 32)]
        with tempfile.TemporaryDirectory(prefix="attnlab-") as folder:
            write_vocabulary(folder, merges, letters)
            assert_equal_tokens(self, encoding(folder), folder, texts)


if __name__ == "__main__":
    unittest.main(verbosity=2)
