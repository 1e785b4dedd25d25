"""build_test.py: what makes a plugin another one, on builds by attnlab_plugin_library() itself.

The plugin here is a note's placeholder and a few constants, so that a build takes a second.
"""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE, BUILD = os.environ["ATTNLAB_SOURCE"], os.environ["ATTNLAB_BUILD"]
PROJECT = f"""cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
add_library(attnlab::attention INTERFACE IMPORTED)
add_executable(attnlab::digest IMPORTED)
set_target_properties(attnlab::digest PROPERTIES IMPORTED_LOCATION {BUILD}/bin/attnlab-digest)
include({SOURCE}/cmake/attnlab_plugin.cmake)
add_library(static_part STATIC ../common/static_part.cpp)
set_target_properties(static_part PROPERTIES POSITION_INDEPENDENT_CODE ON)
attnlab_plugin_library(small OUTPUT small FOLDER plugins SOURCES small.cpp more.cpp LINK static_part)
target_include_directories(small PRIVATE ../common)
target_include_directories(small SYSTEM PRIVATE ../system)
target_precompile_headers(small PRIVATE ../common/ahead.h)
"""
FILES = {
    "small/CMakeLists.txt": PROJECT,
    "small/small.cpp": """#include "framework/plugin/note.h"
#include "outer.h"
#include <system.h>
int static_part();
extern "C" __attribute__((visibility("default"))) const char* attnlab_attention_plugin() {
  static const attnlab::plugin::FixedText<72> digest = attnlab::plugin::kNoDigest;
  return OUTER + SYSTEM + AHEAD + static_part() > 0 ? digest.bytes.data() : nullptr;
}
""",
    "small/more.cpp": "int more() { return 3; }\n",
    "common/outer.h": "#define OUTER 1\n",
    "common/ahead.h": "#define AHEAD 1\n",
    "common/static_part.cpp": "int static_part() { return 5; }\n",
    "system/system.h": "#define SYSTEM 1\n",
}


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise RuntimeError(done.stdout)
    return done.stdout


class Project:
    def __init__(self, generator="Ninja"):
        self.folder = tempfile.mkdtemp(prefix="attnlab-digest-")
        for name, text in FILES.items():
            self.write(name, text)
        self.generator = generator
        self.configured = self.configure()

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def edit(self, name, old, new):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            text = file.read()
        assert old in text
        self.write(name, text.replace(old, new))

    def configure(self, *words):
        return run("cmake", "-G", self.generator, "-S", "small", "-B", "build", f"-DCMAKE_CXX_FLAGS=-I{SOURCE}", *words,
                   cwd=self.folder)

    def build(self):
        return run("cmake", "--build", "build", cwd=self.folder)

    def digest(self):
        self.build()
        with open(os.path.join(self.folder, "build", "lib", "attnlab", "plugins", "small.so"), "rb") as file:
            found = re.findall(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", file.read())
        assert len(found) == 1, found
        return found[0]

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Build(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.project = Project()
        cls.addClassCleanup(cls.project.remove)
        cls.digest = cls.project.digest()

    def after(self, *edits, words=()):
        """The digest after edits, and with further words for cmake; then all is as it was."""
        before = {name: FILES[name] for name, *_ in edits}
        try:
            for edit in edits:
                self.project.edit(*edit)
            if words:
                self.project.configure(*words)
            return self.project.digest()
        finally:
            for name, text in before.items():
                self.project.write(name, text)
            if words:
                self.project.configure("-DCMAKE_BUILD_TYPE=Release")

    def test_what_was_read_changes_it(self):
        for edit in (("small/small.cpp", "+ AHEAD", "+ 2 * AHEAD"), ("small/more.cpp", "3", "4"),
                     ("common/outer.h", "1", "2"), ("system/system.h", "1", "2"), ("common/ahead.h", "1", "2"),
                     ("common/static_part.cpp", "5", "6")):
            with self.subTest(edit[0]):
                self.assertNotEqual(self.after(edit), self.digest)

    def test_flags_change_it(self):
        for words in (["-DCMAKE_BUILD_TYPE=Debug"], [f"-DCMAKE_CXX_FLAGS=-I{SOURCE} -ffast-math"],
                      [f"-DCMAKE_CXX_FLAGS=-I{SOURCE} -DMORE=1"]):
            with self.subTest(words):
                self.assertNotEqual(self.after(words=words), self.digest)

    def test_comments_warnings_and_a_build_from_nothing_do_not(self):
        same = {
            "comments": {"edits": [("small/small.cpp", "int static_part", "// why\nint static_part"),
                                   ("common/outer.h", "1", "1  // one")]},
            "warnings": {"words": [f"-DCMAKE_CXX_FLAGS=-I{SOURCE} -Wall"]},
            "a fresh build": {"words": ["--fresh"]},
        }
        for name, change in same.items():
            with self.subTest(name):
                self.assertEqual(self.after(*change.get("edits", ()), words=change.get("words", ())), self.digest)
        self.assertEqual(self.after(), self.digest)

    def test_a_second_build_does_nothing(self):
        self.project.build()
        self.assertIn("no work to do", self.project.build())

    def test_neither_the_folder_nor_the_generator_matters(self):
        other = Project(generator="Unix Makefiles")
        self.addCleanup(other.remove)
        self.assertEqual(other.digest(), self.digest)

    def test_without_a_build_type_it_is_optimised_and_says_so(self):
        self.assertIn("no CMAKE_BUILD_TYPE was given, so plugins are compiled as Release", self.project.configured)


if __name__ == "__main__":
    unittest.main(verbosity=2)
