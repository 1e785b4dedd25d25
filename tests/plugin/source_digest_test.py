"""source_digest_test.py: a plugin's source digest follows its sources and nothing else."""
import os
import subprocess
import tempfile
import unittest

CMAKE = os.environ.get("CMAKE_COMMAND", "cmake")
ROOT = os.environ.get("ATTNLAB_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "cmake", "source_digest.cmake")


def digest(sources):
    """The header written for {name: text}, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, text in sources.items():
            paths.append(os.path.join(folder, name))
            with open(paths[-1], "w", encoding="utf-8") as file:
                file.write(text)
        header = os.path.join(folder, "digest.h")
        subprocess.run([CMAKE, f"-DHEADER={header}", f"-DROOT={folder}", "-DFILES=" + "|".join(paths), "-P", SCRIPT],
                       check=True)
        with open(header, encoding="utf-8") as file:
            return file.read()


class SourceDigest(unittest.TestCase):
    def test_is_a_sha256_in_a_definition(self):
        self.assertRegex(digest({"a.cpp": "int a;"}), r'^#define ATTNLAB_PLUGIN_SOURCE_DIGEST "[0-9a-f]{64}"\n$')

    def test_does_not_depend_on_the_folder_or_on_time(self):
        self.assertEqual(digest({"a.cpp": "int a;"}), digest({"a.cpp": "int a;"}))

    def test_changes_with_one_letter(self):
        self.assertNotEqual(digest({"a.cpp": "int a;"}), digest({"a.cpp": "int b;"}))

    def test_changes_with_a_header(self):
        self.assertNotEqual(digest({"a.cpp": "", "a.h": "1"}), digest({"a.cpp": "", "a.h": "2"}))

    def test_changes_when_text_moves_between_files(self):
        self.assertNotEqual(digest({"a.cpp": "x", "b.cpp": ""}), digest({"a.cpp": "", "b.cpp": "x"}))


if __name__ == "__main__":
    unittest.main()
