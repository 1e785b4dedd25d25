"""plugin_kit_test.py: an installation, and plugins built against it outside the tree.

The shell blocks of attention_plugins/README.md are run as they stand, in one shell, in a fresh home.
"""
import contextlib
import glob
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

from lab import BUILD, main, read_text, write_text

SOURCE = os.environ["ATTNLAB_SOURCE"]
PAGE = os.path.join(SOURCE, "attention_plugins", "README.md")


def blocks(page):
    return re.findall(r"^```sh\n(.*?)^```$", read_text(page), re.MULTILINE | re.DOTALL)


LAB = {}  # home, prefix and ideas: folders; page: what the shell printed


def run_in(folder, command):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("ATTNLAB_", "XDG_"))}
    env.update(HOME=LAB["home"], TERM="dumb")
    return subprocess.run(command, cwd=folder, env=env, text=True, timeout=600, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)


def setUpModule():
    home = tempfile.mkdtemp(prefix="attnlab-kit-")
    unittest.addModuleCleanup(shutil.rmtree, home, ignore_errors=True)
    LAB.update(home=home, prefix=os.path.join(home, "attnlab"), ideas=os.path.join(home, "ideas"))
    # The page begins in a checkout whose build is done.
    checkout = os.path.join(home, "checkout")
    os.makedirs(os.path.join(checkout, "build"))
    os.symlink(BUILD, os.path.join(checkout, "build", "release"))
    script = "\n".join(f"echo '== block {i}'\n{text}" for i, text in enumerate(blocks(PAGE), 1))
    done = run_in(checkout, ["bash", "-euc", script])
    if done.returncode != 0:
        raise RuntimeError(f"the page stopped with exit code {done.returncode}:\n{done.stdout}")
    LAB["page"] = done.stdout


class Kit(unittest.TestCase):
    def setUp(self):
        self.home, self.prefix, self.ideas, self.page = (LAB[k] for k in ("home", "prefix", "ideas", "page"))

    def attnlab(self, *words, prefix=None):
        done = run_in(self.ideas, [os.path.join(prefix or self.prefix, "bin", "attnlab"), *words])
        self.assertEqual(done.returncode, 0, f"{words}\n{done.stdout}")
        return done.stdout


class Page(Kit):
    def sql(self, query):
        with contextlib.closing(sqlite3.connect(os.path.join(self.ideas, "runs", "attnlab.db"))) as database:
            return database.execute(query).fetchall()

    def test_leads_to_rows_in_the_results(self):
        rows = self.sql("SELECT attention, attention_parameters, status, score > 0 FROM runs")
        self.assertEqual({row[2:] for row in rows}, {("done", 1)}, rows)
        tried = [(name, json.loads(parameters)) for name, parameters, *_ in rows]
        # The edit of step 5 makes another run of the same config; step 6 repeats neither.
        self.assertEqual(sorted(p["slope"] for name, p in tried if name == "my_idea"), [0.05, 0.05, 0.5])
        self.assertEqual([name for name, _ in tried].count("dense"), 1)
        self.assertIn(("my_pattern", {"block": 32}), tried)

    def test_prints_the_rows(self):
        for block in re.split(r"^== block \d+\n", self.page, flags=re.MULTILINE)[1:]:
            if "data: synthetic digits" in block:
                self.assertRegex(block, r"(?m)^my_idea .* done *$")
        self.assertRegex(self.page, r"(?m)^my_pattern .* done *$")

    def test_the_learned_gate_is_counted_and_moves_in_every_layer(self):
        [(run, parameters, own)] = self.sql("SELECT id, parameters, own_parameters FROM runs WHERE attention = 'my_gate'")
        [(dense,)] = self.sql("SELECT DISTINCT parameters FROM runs WHERE attention = 'dense'")
        self.assertEqual((parameters - dense, own), (2 * 4, 2 * 4))  # layers, heads
        self.assertRegex(self.page, r"blocks\.N\.attention\.gate +\[4\] +4 +trained, no weight decay +0-1")
        self.assertRegex(self.page, r"(?m)^my_gate +\S+ +\+8 .* done *$")
        for layer in range(2):
            values = [value for value, in self.sql("SELECT value FROM curves WHERE key = "
                                                   f"'train/attention/gate_mean/layer_{layer}' AND run_id = {run} ORDER BY step")]
            self.assertEqual(len(values), 20)
            self.assertAlmostEqual(values[0], 0.7311, places=3)  # sigmoid(1)
            self.assertGreater(abs(values[-1] - values[0]), 1e-4)

    def test_makes_another_run_of_another_source(self):
        rows = self.sql("SELECT DISTINCT fingerprint FROM runs WHERE attention = 'my_idea'")
        self.assertEqual(len(rows), 3)

    def test_keeps_the_plugin_in_the_users_folder(self):
        folder = os.path.join(self.home, ".local", "share", "attnlab", "plugins")
        self.assertEqual(sorted(os.listdir(folder)), ["attention_my_idea.so", "attention_my_idea.yaml"])

    def test_starts_from_the_config_beside_the_library(self):
        text = self.attnlab("run", "--origin", "attention=my_idea", "dataset=digits")
        self.assertRegex(text, r"attention\.slope.*0\.05.*plugins/attention_my_idea\.yaml:\d")


    def test_a_config_that_is_removed_goes_from_build_and_users_folder(self):
        config, kept = (os.path.join(self.ideas, "my_idea", name) for name in ("config.yaml", "kept.yaml"))
        def copies():
            for command in (["--build", "my_idea/build"], ["--install", "my_idea/build"]):
                done = run_in(self.ideas, ["cmake", *command])
                self.assertEqual(done.returncode, 0, done.stdout)
            folders = ("ideas/my_idea/build", ".local/share/attnlab/plugins")
            return [os.path.exists(os.path.join(self.home, folder, "attention_my_idea.yaml")) for folder in folders]
        self.assertEqual(copies(), [True, True])
        os.rename(config, kept)
        try:
            self.assertEqual(copies(), [False, False])
        finally:
            os.rename(kept, config)
        self.assertEqual(copies(), [True, True])


class Installation(Kit):
    def libraries(self):
        found = glob.glob(os.path.join(self.prefix, "bin", "*"))
        return found + glob.glob(os.path.join(self.prefix, "lib", "**", "*.so"), recursive=True)

    def test_works_from_wherever_it_is_moved(self):
        moved = os.path.join(self.home, "elsewhere")
        os.rename(self.prefix, moved)
        self.addCleanup(os.rename, moved, self.prefix)
        plugins = json.loads(self.attnlab("plugins", "--json", prefix=moved))
        shipped = [p for p in plugins if p["file"].startswith(moved)]
        self.assertEqual({p["status"] for p in shipped}, {"ok"})
        self.assertLessEqual({"dense", "none", "sliding_window"}, {p["name"] for p in shipped})
        self.attnlab("describe", "attention/sliding_window", prefix=moved)
        tiny = ["dataset=copy", "dataset.length=32", "train=smoke", "model=tiny", "train.steps=2"]
        database = ["--db", os.path.join(self.home, "moved.db")]
        self.attnlab("grid", *database, "attention=sliding_window,none", *tiny, prefix=moved)
        self.assertRegex(self.attnlab("compare", *database, prefix=moved), r"(?m)^sliding_window .* done *$")
        self.assertIn(os.path.join(moved, "lib", "attnlab", "plugins"), self.attnlab("show", "1", *database, prefix=moved))

    def test_finds_its_own_libraries_from_where_it_lies(self):
        for file in self.libraries():
            with self.subTest(file):
                text = subprocess.run(["readelf", "-d", file], capture_output=True, text=True, check=True).stdout
                paths = [p for found in re.findall(r"R(?:UN)?PATH.*\[(.*)\]", text) for p in found.split(":")]
                for path in paths:
                    self.assertTrue(path.startswith("$ORIGIN") or path.endswith("/torch/lib") or
                                    os.path.exists(os.path.join(path, "libtorch_cpu.so")), paths)
                if "libattnlab_" in text.replace("Library soname", ""):
                    self.assertIn("$ORIGIN", "".join(paths))

    def test_holds_no_tests(self):
        names = [os.path.basename(file) for file in self.libraries()]
        self.assertEqual([n for n in names if n.startswith("test_") or "bad_" in n], [])

    def test_stores_the_commit_that_it_was_installed_from(self):
        facts = read_text(self.prefix, "share", "attnlab", "source_facts")
        if os.path.exists(os.path.join(SOURCE, ".git")):
            self.assertRegex(facts, r"\Agit_commit=[0-9a-f]{40}\ngit_dirty=[01]\n\Z")


class Package(Kit):
    """What find_package(attnlab) says when it cannot help."""

    def configure(self, *definitions, lines="attnlab_attention_plugin(window)"):
        folder = tempfile.mkdtemp(dir=self.home)
        write_text(os.path.join(folder, "CMakeLists.txt"), "cmake_minimum_required(VERSION 3.25)\nproject(window LANGUAGES CXX)\n"
                                                           f"find_package(attnlab REQUIRED)\n{lines}\n")
        done = run_in(folder, ["cmake", "-G", "Ninja", "-S", ".", "-B", "build",
                                    f"-DCMAKE_PREFIX_PATH={self.prefix}", *definitions])
        return done.returncode, " ".join(done.stdout.split())

    def test_names_the_source_that_it_expects(self):
        code, text = self.configure()
        self.assertNotEqual(code, 0)
        self.assertIn("attnlab_attention_plugin(window): expected window.cpp or window/window.cpp in", text)

    def test_asks_for_libtorch_where_there_is_none(self):
        code, text = self.configure("-DATTNLAB_LIBTORCH=/nowhere")
        self.assertNotEqual(code, 0)
        self.assertIn("no LibTorch at '/nowhere' (expected /nowhere/lib/libtorch_cpu.so). Set ATTNLAB_LIBTORCH to "
                      "the folder of a LibTorch ", text)

    def test_refuses_another_libtorch(self):
        other = os.path.join(self.home, "other")
        os.makedirs(os.path.join(other, "lib"), exist_ok=True)
        os.makedirs(os.path.join(other, "include", "torch", "headeronly"), exist_ok=True)
        with open(os.path.join(other, "lib", "libtorch_cpu.so"), "w", encoding="utf-8"):
            pass
        with open(os.path.join(other, "include", "torch", "headeronly", "version.h"), "w", encoding="utf-8") as file:
            for part, number in (("MAJOR", 1), ("MINOR", 13), ("PATCH", 0)):
                file.write(f"#define TORCH_VERSION_{part} {number}\n")
        code, text = self.configure(f"-DATTNLAB_LIBTORCH={other}")
        self.assertNotEqual(code, 0)
        self.assertRegex(text, r"LibTorch in '.*/other' is 1\.13\.0; attnlab was built with \S+ and loads no plugin of "
                               r"another one\. Set ATTNLAB_LIBTORCH to the folder of that\.")

    def test_refuses_another_compiler(self):
        config = os.path.join(self.prefix, "lib", "cmake", "attnlab", "attnlabConfig.cmake")
        done = run_in(self.home, ["cmake", "-DCMAKE_CXX_COMPILER_ID=Other", "-DCMAKE_CXX_COMPILER_VERSION=99.1.0",
                                       "-P", config])
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(" ".join(done.stdout.split()),
                         r"attnlab was built by \S+ \S+, and its plugins need the same compiler and major version; this "
                         r"project uses Other 99\.1\.0\. Set CMAKE_CXX_COMPILER in a fresh build folder\.")

    def test_finds_the_build_folder_itself(self):
        lines = "".join(f"get_target_property(at attnlab::{name} IMPORTED_LOCATION)\nmessage(STATUS \"at ${{at}} .\")\n"
                        for name in ("core", "config", "plugin", "attention", "sparse", "attnlab"))
        code, text = self.configure(f"-DCMAKE_PREFIX_PATH={BUILD}", lines=lines)
        self.assertEqual(code, 0, text)
        files = re.findall(r"-- at (\S+) \.", text)
        self.assertEqual(len(files), 6, text)
        for file in files:
            self.assertTrue(file.startswith(BUILD) and os.path.exists(file), file)


if __name__ == "__main__":
    main()
