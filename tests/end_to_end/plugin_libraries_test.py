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


if __name__ == "__main__":
    main()
