"""structure_test.py: the house rules that a compiler does not check.

Includes follow the layers of DESIGN.md, LibTorch stays out of the torch-free layers and of CUDA
files, files stay short, and nothing committed names a path of somebody's machine.
"""
import os
import re
import subprocess
import unittest

ROOT = os.environ.get("ATTNLAB_SOURCE") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# folder -> folders of framework/ that it may include, besides itself
LAYERS = {
    "core": set(),
    "config": {"core"},
    "checkpoint": {"core"},
    "plugin": {"core", "config"},
    "plan": {"core", "config"},
    "store": {"core", "text"},
    "text": {"core"},
    "report": {"core", "config", "store"},
    "bundle": {"core", "checkpoint", "report", "store"},
    "data": {"core", "config"},
    "corpus": {"core", "config", "data", "text"},
    "cuda": set(),
    "launch": {"core", "config", "plan", "store", "plugin", "data", "report"},
    "cells": {"core", "config", "plan", "store", "plugin", "data", "launch"},
    "digest": {"core", "plugin"},
    "kit": {"core", "plugin"},
    "cli": {"core", "config", "plan", "store", "report", "bundle", "plugin", "data", "text", "corpus", "launch", "cells", "kit", "checkpoint"},
    "attention": {"core", "config", "plugin"},
    "sparse": {"core", "config", "cuda"},
    "python": {"core", "config", "sparse"},
    "model": {"core", "config", "cuda", "attention", "sparse"},
    "train": {"core", "config", "checkpoint", "attention", "data", "model"},
    "bench": {"core", "config", "data", "plugin", "attention", "sparse", "model", "train"},
    "xray": {"core", "config", "data", "attention", "sparse", "model", "train"},
    "conformance": {"core", "config", "plugin", "attention"},
    "worker": {"core", "config", "checkpoint", "store", "plugin", "data", "launch", "cells", "cuda", "attention", "sparse", "model", "train", "bench",
               "conformance", "xray"},
}
TORCH_FREE = {"core", "checkpoint", "text", "config", "plugin", "plan", "store", "report", "bundle", "data", "corpus", "launch", "cells", "digest", "kit", "cli", "cuda"}
PLUGIN_LAYERS = {"core", "config", "attention", "sparse"}
DATASET_LAYERS = {"core", "config", "data"}
TORCH = re.compile(r'#include [<"](ATen|torch|c10)/')
MAX_LINES = 300


def files(*suffixes):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                            capture_output=True, check=True).stdout.split("\n")
    return [f for f in listed if f.endswith(suffixes) and os.path.exists(os.path.join(ROOT, f))]


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def included_layers(path):
    return set(re.findall(r'#include "framework/(\w+)/', text(path)))


class Structure(unittest.TestCase):
    def test_framework_folders_include_only_lower_layers(self):
        for path in files(".h", ".cpp", ".cu", ".cuh"):
            if path.startswith("framework/"):
                layer = path.split("/")[1]
                self.assertEqual(included_layers(path) - LAYERS[layer] - {layer}, set(), path)

    def test_plugins_and_data_sets_see_their_layers_only(self):
        for folder, allowed in (("attention_plugins/", PLUGIN_LAYERS), ("datasets/", DATASET_LAYERS)):
            for path in files(".h", ".cpp", ".cu", ".cuh"):
                if path.startswith(folder):
                    layers = included_layers(path)
                    if not path.endswith("_test.cpp"):
                        self.assertEqual(layers - allowed, set(), path)
                    others = set(re.findall(rf'#include "{folder}(\w+)/', text(path)))
                    self.assertEqual(others - {path.split("/")[1]}, set(), path)

    def test_torch_free_layers_and_cuda_files_do_not_include_libtorch(self):
        for path in files(".h", ".cpp", ".cu", ".cuh"):
            free = path.startswith("framework/") and path.split("/")[1] in TORCH_FREE
            if free or path.endswith((".cu", ".cuh")) or path.startswith("datasets/"):
                self.assertIsNone(TORCH.search(text(path)), path)

    def test_nobody_includes_all_of_torch(self):
        for path in files(".h", ".cpp", ".cu", ".cuh"):
            self.assertNotIn("#include <torch/torch.h>", text(path), path)

    def test_files_stay_short(self):
        for path in files(".h", ".cpp", ".cu", ".cuh", ".py", ".cmake"):
            self.assertLessEqual(text(path).count("\n"), MAX_LINES, path)

    def test_one_way_leads_to_the_standard_streams(self):
        other = re.compile(r"std::(cout|cerr|clog|printf|fprintf|vprintf|puts|putchar)\b|fmt::print|[^\w:]f?printf\(")
        for path in files(".h", ".cpp"):
            if path.startswith("framework/") and not path.startswith(("framework/core/output", "framework/digest/")):
                self.assertIsNone(other.search(text(path)), path)

    def test_nothing_names_a_path_of_a_machine(self):
        machine = re.compile(r"/work/(main|shared)|/tmp/[wb]|/root/|/home/\w")
        for path in files(".h", ".cpp", ".cu", ".cuh", ".md", ".cmake", ".txt", ".yaml", ".py", ".sh", "dev", "run"):
            if path != "tests/structure_test.py":
                self.assertIsNone(machine.search(text(path)), path)


if __name__ == "__main__":
    unittest.main()
