"""plugin_libraries_test.py: what the build makes of a plugin, seen from outside."""
import glob
import json
import os
import re
import subprocess

from lab import BUILD, Lab, main

LIBRARIES = sorted(glob.glob(os.path.join(BUILD, "lib", "attnlab", "plugins", "*.so")))


class PluginLibraries(Lab):
    def listed(self, *words):
        text = self.attnlab("plugins", "--json", *words, db=False).stdout
        return {plugin["file"]: plugin for plugin in json.loads(text)}

    def test_all_five_are_found_and_can_be_loaded(self):
        plugins = self.listed()
        names = {plugin["name"] for plugin in plugins.values() if plugin["status"] == "ok"}
        self.assertLessEqual({"dense", "qk_drop", "hash_sparse", "reformer", "none"}, names)

    def test_each_exports_its_entry_point_and_nothing_else(self):
        for library in LIBRARIES:
            with self.subTest(library):
                table = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True)
                self.assertEqual(re.findall(r" [A-Za-z] (\S+)", table.stdout), ["attnlab_attention_plugin"])

    def test_the_note_survives_strip(self):
        stripped = os.path.join(self.folder, "attention_dense.so")
        library = os.path.join(BUILD, "lib", "attnlab", "plugins", "attention_dense.so")
        subprocess.run(["strip", "-o", stripped, library], check=True)
        plugins = self.listed("--plugin", stripped)
        self.assertEqual(plugins[stripped]["status"], "ok")
        self.assertEqual(plugins[stripped]["source_digest"], plugins[library]["source_digest"])

    def test_the_config_may_name_more_of_them(self):
        more = os.path.join(BUILD, "lib", "attnlab", "bad_plugins", "attention_bad_ends.so")
        plan = json.loads(self.attnlab("run", "--plan", "--json", f"plugin_path={more}", "attention=bad_ends",
                                       "dataset=copy", "dataset.length=64").stdout)
        self.assertEqual(len(plan), 1)
        self.attnlab("run", "--plan", "attention=bad_ends", "dataset=copy", code=1)

    def test_properties_that_a_check_looks_at_are_listed(self):
        listed = json.loads(self.attnlab("describe", "check", "--json", db=False).stdout)
        self.assertLessEqual({"causality", "gradients"}, {row["property"] for row in listed})
        self.assertTrue(all(row["promise"] for row in listed))

    def test_show_prints_parameters_with_type_default_range_unit_and_help(self):
        text = self.attnlab("plugins", "show", "hash_sparse", db=False).stdout
        self.assertRegex(text, r"buckets = \d+")
        self.assertRegex(text, r"expected: .*integer.*\d+")
        self.assertIn("arXiv 2306.01160", text)
        self.assertIn("causality: strict, inclusive", text)

    def owned(self, *words):
        return json.loads(self.attnlab("plugins", "show", *words, "--owns", "--json", db=False).stdout)["owns"]

    def test_show_tells_what_a_variant_owns_under_a_model(self):
        self.assertEqual(self.owned("dense"), [])
        self.assertEqual(self.owned("sink", "model.heads=8", "model.layers=3"),
                         [{"layer": layer, "name": "sink", "shape": [8], "numbers": 8, "trained": True,
                           "weight_decay": False} for layer in range(3)])
        small = ["model.layers=1", "model.width=64", "model.heads=4"]
        moments = self.owned("hash_sparse", "hash_sparse.hash_space=whitened", *small)
        self.assertEqual([(m["name"], m["shape"], m["trained"]) for m in moments],
                         [("query_mean", [4, 16], False), ("query_covariance", [4, 16, 16], False),
                          ("query_weight", [1], False)])
        text = self.attnlab("plugins", "show", "sink", "--owns", *small, "model.layers=3", db=False).stdout
        self.assertIn("owns, in 3 layers of 4 heads of 16, T = ", text)
        self.assertRegex(text, r"(?m)^blocks\.N\.attention\.sink +\[4\] +4 +trained, no weight decay +0-2$")
        self.assertIn("12 trained numbers, 0 in buffers", text)
        self.assertIn("owns nothing in 3 layers", self.attnlab("plugins", "show", "dense", "--owns", "model.layers=3",
                                                               db=False).stdout)

    def test_show_builds_no_layer_unless_asked_and_says_why_it_cannot(self):
        bad = ["--plugin", os.path.join(BUILD, "lib", "attnlab", "bad_plugins")]
        self.assertIn("attnlab plugins show bad_ends --owns", self.attnlab("plugins", *bad, "show", "bad_ends",
                                                                           db=False).stdout)
        for words, code, expected in (
                (["--owns"], 2, "--owns is of one plugin: attnlab plugins show NAME --owns"),
                (["show", "sink", "model.heads=8"], 2, "cannot understand 'show sink model.heads=8'"),
                (["show", "sink", "--owns", "model.head=8"], 1, "Did you mean 'heads'|Did you mean 'model.heads'"),
                (["show", "snik", "--owns"], 1, "unknown attention 'snik'. Did you mean 'sink'"),
                (["show", "hash_sparse", "--owns", "model.shared_keys=false"], 1, "keys=shared gives a key its query's"),
                ([*bad, "show", "bad_ends", "--owns", "bad_ends.kind=throws_in_create"], 1, "this plugin cannot be made"),
        ):
            with self.subTest(words):
                self.assertRegex(self.attnlab("plugins", *words, code=code, db=False).stderr, expected)


if __name__ == "__main__":
    main()
