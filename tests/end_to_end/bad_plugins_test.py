"""bad_plugins_test.py: a plugin that ends badly or returns something wrong costs its own run only.

The plugins are those of tests/plugin/bad; each cell beside them is a good one and must be done.
"""
import json
import os
import re
import shutil

from lab import ATTNLAB, BUILD, FAILED, TINY, Lab, main

BAD = ["--plugin", os.path.join(BUILD, "lib", "attnlab", "bad_plugins")]
GOOD = os.path.join(BUILD, "lib", "attnlab", "plugins", "attention_none.so")
ENDS = {
    "throws_in_create": "'bad_ends' .*layer 0 failed in create:\\s+this plugin cannot be made",
    "throws_in_forward": "'bad_ends' .*layer 0 failed in forward:\\s+this plugin cannot add up",
    "throws_in_backward": "'bad_ends' .*layer 0 failed in backward:\\s+the backward pass of this plugin does not work",
    "throws_an_int": "failed in forward:\\s+an exception that is not a std::exception",
    "crashes": "SIGSEGV",
    "exits": "exited with code 0 before its run had ended; did a plugin call exit",
}
OUTPUTS = {
    "wrong_shape": "'bad_output' .*layer 0 returned an output of shape .*; expected ",
    "wrong_dtype": "layer 0 returned an output of dtype Double; expected Float",
    "not_finite": "layer 0 returned NaN or infinity for finite query, key and value",
    "no_output": "layer 0 returned no output tensor",
}
# Right outputs, and harm to the rest of the run.
CHANGED = "'bad_habits' .*layer 0 changed in {} what the whole process shares: "
HABITS = {
    "threads": CHANGED.format("forward") + "the number of LibTorch's threads: .*, now 7",
    "threads_in_backward": CHANGED.format("backward") + "the number of LibTorch's threads: .*, now 7",
    "ignores_sigterm": CHANGED.format("forward") + "SIGTERM: a handler, now ignored",
    "statistic": "'bad_habits' .*layer 0, statistic 'rows': a tensor of shape .3.",
    "buffer_grows": "'bad_habits' .*layer 0: the buffer 'blocks.0.attention.rows' is Float .3. after finish_step",
}


class BadPlugins(Lab):
    def outcomes(self, name):
        """kind -> (status, reason) of the runs of one bad plugin."""
        rows = self.sql("SELECT attention_parameters ->> '$.kind', status, reason FROM runs WHERE attention = ?", name)
        return {kind: (status, reason) for kind, status, reason in rows}

    def assert_failed_alone(self, name, expected, *options):
        kinds = f"{name}.kind=" + ",".join(expected)
        self.attnlab("grid", *BAD, *options, f"attention=none,{name}", kinds, *TINY, code=FAILED)
        self.assertEqual(self.values("SELECT status FROM runs WHERE attention = 'none'"), ["done"])
        outcomes = self.outcomes(name)
        self.assertEqual(set(outcomes), set(expected))
        for kind, text in expected.items():
            with self.subTest(kind):
                status, reason = outcomes[kind]
                self.assertEqual(status, "failed")
                self.assertRegex(reason, text)
        self.assert_sound()

    def test_one_that_throws_crashes_or_exits_costs_its_run_only(self):
        self.assert_failed_alone("bad_ends", ENDS)

    def test_one_that_hangs_is_killed_and_costs_its_run_only(self):
        self.assert_failed_alone("bad_ends", {"hangs": "no sign of life for .*: killed"}, "--hang-limit", "6")
        self.assertEqual(self.workers(), [])

    def test_one_that_hangs_once_its_run_is_over_is_ended(self):
        done = self.ended([ATTNLAB, "run", "--db", self.db, *BAD, "attention=bad_ends", "bad_ends.kind=hangs_at_exit", *TINY], timeout=60)
        self.assertEqual(self.outcomes("bad_ends"), {"hangs_at_exit": ("done", "")}, done.stdout)
        self.assertEqual(self.workers(), [])

    def test_one_that_returns_something_wrong_costs_its_run_only(self):
        self.assert_failed_alone("bad_output", OUTPUTS)

    def test_one_that_harms_others_costs_its_run_only(self):
        self.assert_failed_alone("bad_habits", HABITS)
        done = self.ended([ATTNLAB, "bench", "attention", "--db", self.db, *BAD, "attention=bad_habits", "bad_habits.kind=threads",
                           "--lengths", "32", "--heads", "2", "--head-dim", "16", "--samples", "3", "--seconds", "0.1", "--quiet"],
                          code=FAILED)
        self.assertRegex(done.stdout + done.stderr, HABITS["threads"])

    def test_nan_after_good_steps_ends_the_run_as_well(self):
        self.attnlab("run", *BAD, "attention=bad_output", "bad_output.kind=not_finite", "bad_output.after=3", *TINY,
                     code=FAILED)
        [(status, reason)] = self.outcomes("bad_output").values()
        self.assertEqual(status, "failed")
        self.assertRegex(reason, "(?i)nan")


class RefusedPlugins(Lab):
    """Refused before a worker starts."""

    def refused(self, library, name):
        done = self.attnlab("run", "--plugin", library, f"attention={name}", *TINY, code=1)
        self.assertEqual(self.sql("SELECT * FROM run_attempts"), [])
        return done.stderr

    def copy(self, name, change=lambda data: data):
        path = os.path.join(self.folder, name)
        with open(GOOD, "rb") as source, open(path, "wb") as target:
            target.write(change(source.read()))
        return path

    def with_another_libtorch(self):
        """A copy whose note names version 0.0, and the version of this build."""
        plugins = json.loads(self.attnlab("plugins", "--json", "--plugin", GOOD, db=False).stdout)
        version = next(plugin["torch_version"] for plugin in plugins if plugin["file"] == GOOD)
        note = version.encode() + b"\0"
        return self.copy("attention_none.so", lambda data: data.replace(note, b"0.0".ljust(len(note), b"\0"))), version

    def test_another_libtorch_is_refused_with_a_table(self):
        library, version = self.with_another_libtorch()
        text = self.refused(library, "none")
        self.assertRegex(text, f"LibTorch +{re.escape(version)} +0.0 +differs")
        self.assertIn("Rebuild the plugin with this attnlab", text)

    def test_another_architecture_is_refused_with_a_table(self):
        text = self.refused(self.copy("attention_none.so", lambda data: data[:18] + b"\x15\0" + data[20:]), "none")
        self.assertRegex(text, "architecture .* PowerPC64 +differs")

    def test_a_truncated_library_is_refused(self):
        text = self.refused(self.copy("attention_none.so", lambda data: data[: len(data) // 2]), "none")
        self.assertIn("attention_none.so: truncated or damaged", text)

    def test_a_library_without_the_note_is_refused(self):
        library = shutil.copy(os.path.join(BAD[1], "attention_no_note.so"), self.folder)
        self.assertIn("not an attnlab plugin: it has no note of owner 'attnlab'", self.refused(library, "no_note"))

    def test_two_of_one_name_in_one_folder_are_refused_with_both(self):
        one, other = self.copy("attention_none.so"), self.copy("attention_none_2.so")
        text = self.refused(self.folder, "none")
        self.assertIn("two plugins in one folder are named 'none'", text)
        self.assertIn(one, text)
        self.assertIn(other, text)

    def test_plugins_lists_them_with_the_reason(self):
        library, version = self.with_another_libtorch()
        text = self.attnlab("plugins", "--plugin", self.folder, db=False).stdout
        self.assertIn(f"built with LibTorch 0.0, this attnlab has {version}", text)
        self.assertIn(f"{GOOD}\n  {library} is found first", text)


if __name__ == "__main__":
    main()
