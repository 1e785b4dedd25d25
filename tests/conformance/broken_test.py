"""broken_test.py: `attnlab plugin check` finds what is wrong with each plugin of tests/conformance/broken.

Each is wrong in one place. It must be found under the right property's name, with a case and a command that
repeats it; properties that have nothing to do with it must hold.
"""
import os
import re
import shlex
import subprocess
import tempfile
import unittest

from defects import AT_BORDERS, BROKEN, OWNED, TOLD

BUILD = os.environ["ATTNLAB_BUILD"]
ATTNLAB = os.path.join(BUILD, "bin", "attnlab")
UNKNOWN, FAILED, CRASHED, HUNG, OUT_OF_MEMORY = 1, 3, 4, 5, 6
SHORT = ["--max-length", "130"]  # what these do wrong does not wait for long sequences; power.py is about those


def check(*words, plugin, code, plant=""):
    folder = "planted_plugins" if plugin.startswith("planted") else "broken_plugins"
    library = os.path.join(BUILD, "lib", "attnlab", folder, f"attention_{plugin}.so")
    return run([ATTNLAB, "plugin", "check", library, *words], code, plant)


def run(command, code, plant=""):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, "ATTNLAB_PLANT": plant})
    if done.returncode != code:
        raise AssertionError(f"exit code {done.returncode}, expected {code}:\n{command}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def failures(text):
    """property -> what is printed below its line."""
    parts = re.split(r"(?m)^  (\w+) +(FAILED|passed|noted|skipped|not applicable|not run)", text)
    return {name: rest for name, status, rest in zip(parts[1::3], parts[2::3], parts[3::3]) if status == "FAILED"}


class Broken(unittest.TestCase):
    def test_each_is_found_by_the_right_name(self):
        for plugin, (name, words, others) in BROKEN.items():
            with self.subTest(plugin):
                found = failures(check("--cases", "0", "--shrink=10", *SHORT, plugin=plugin, code=FAILED))
                self.assertIn(name, found)
                self.assertRegex(" ".join(found[name].split()), words)
                self.assertEqual(set(found) - {name} - set(others.split()), set())

    def test_what_a_plugin_owns_is_looked_at(self):
        for defect, (name, words, others) in OWNED.items():
            with self.subTest(defect):
                found = failures(check("--cases", "0", "--shrink=0", *SHORT, plugin="planted_learned", code=FAILED,
                                       plant="defect=" + defect))
                self.assertIn(name, found)
                self.assertRegex(" ".join(found[name].split()), words)
                self.assertEqual(set(found) - {name} - set(others.split()), set())
        right = check("--cases", "0", *SHORT, plugin="planted_learned", code=0)
        self.assertRegex(right, r"(?m)^  parameter_gradients passed +12 cases$")
        self.assertRegex(right, r"(?m)^  buffers +passed +12 cases$")

    def test_what_waits_for_what_it_is_told_is_found(self):
        for defect, (kind, name, words) in TOLD.items():
            with self.subTest(defect):
                found = failures(check("--property", name, "--cases", "0", "--shrink=0", "--max-length", "260", "--fail-fast",
                                       plugin="planted_" + kind, code=FAILED, plant="defect=" + defect))
                self.assertRegex(" ".join(found[name].split()), words)

    def test_heads_and_head_dim_of_the_run_are_looked_at(self):
        for defect, option in (("head_dim_72", "--head-dim=72"), ("seven_heads", "--heads=7")):
            with self.subTest(defect):
                softmax = ["--property", "softmax", "--cases", "0", "--shrink=0", *SHORT]
                check(*softmax, plugin="planted_exact", code=0, plant="defect=" + defect)
                found = failures(check(*softmax, option, plugin="planted_exact", code=FAILED, plant="defect=" + defect))
                self.assertIn("softmax", found)

    def test_an_auxiliary_loss_is_no_defect(self):
        check("--cases", "0", *SHORT, plugin="planted_exact", code=0, plant="defect=auxiliary")

    def test_what_crosses_a_border_of_documents_is_found(self):
        documents = ["--property", "documents", "--cases", "0", "--shrink=0", *SHORT]
        for defect, words in AT_BORDERS.items():
            with self.subTest(defect):
                text = check(*documents, plugin="planted_exact", code=FAILED, plant="defect=" + defect)
                self.assertRegex(" ".join(failures(text)["documents"].split()), words)
        self.assertRegex(check(*documents, plugin="planted_exact", code=0), r"(?m)^  documents +passed +10 cases, 2 skipped")
        self.assertRegex(check(*documents, plugin="right", code=0), r"documents +not applicable +the plugin does not declare")

    def test_every_property_that_can_fail_is_broken_by_one(self):
        listed = re.findall(r"(?m)^  (\w+) +(?:passed|noted|not applicable)", check("--cases", "0", *SHORT, plugin="right", code=0))
        caught = {name for name, _, _ in (*BROKEN.values(), *OWNED.values())} | {"finite_differences", "documents"}
        self.assertEqual(set(listed) - {"poison"}, caught)
        self.assertIn("finite_differences", failures(check("--property", "finite_differences", *SHORT,
                                                           plugin="wrong_gradient", code=FAILED)))

    def test_nothing_is_found_where_nothing_is_wrong(self):
        text = check("--seed", "3", *SHORT, plugin="right", code=0)
        self.assertRegex(text, r"(?m)^\d+ passed, 0 failed, ")
        self.assertIn("warning: no case left out a causal pair", text)

    def test_a_write_to_another_descriptor_breaks_nothing(self):
        text = check("--cases", "0", *SHORT, plugin="writes_to_3", code=0)
        self.assertRegex(text, r"(?m)^\d+ passed, 0 failed, ")

    def test_scores_of_its_own_are_no_fault_where_they_are_declared(self):
        text = check("--cases", "2", *SHORT, plugin="own_scores", code=0)
        self.assertRegex(text, r"(?m)^  softmax +passed")
        self.assertRegex(text, r"(?m)^  gradients +not applicable +the plugin's scores are its own")
        self.assertRegex(check("--property", "softmax", "--cases", "0", *SHORT, plugin="no_softmax", code=FAILED), "softmax")

    def test_a_parameter_that_the_user_fixed_stays(self):
        softmax = ["--property", "softmax", "--property", "gradients", "--cases", "0", *SHORT]
        self.assertIn("2 passed", check(*softmax, plugin="exact_when", code=0))
        text = check(*softmax, "turn=0.25", plugin="exact_when", code=UNKNOWN)
        self.assertRegex(text, r"(?m)^  softmax +skipped +0 cases, 12 skipped: exact softmax needs turn=0(?:.0)? \(it is 0.25\)")
        self.assertIn("0 passed, 0 failed, 0 noted, 0 not applicable or not run; 24 cases skipped", text)
        self.assertRegex(text, r"cannot be checked: every case was refused or skipped: exact softmax needs turn=0")
        fixed = check("--property", "dense", "--cases", "0", *SHORT, "turn=0.25", plugin="own_scores", code=UNKNOWN)
        self.assertRegex(fixed, r"(?m)^  dense +skipped .*it is declared to be dense with turn=0(?:.0)? \(it is 0.25\)")

    def test_a_check_that_could_look_at_nothing_is_no_success(self):
        text = check("--cases", "0", *SHORT, plugin="refuses_all", code=UNKNOWN)
        self.assertIn("attnlab: ", text)
        self.assertIn("cannot be checked: every case was refused or skipped: T must be 512", text)
        self.assertRegex(check("--cases", "0", "--property", "output", *SHORT, "--length", "512", plugin="refuses_all", code=0),
                         r"(?m)^  output +passed +1 case, 12 skipped")
        self.assertIn("no case is left", check("--property", "output", "--min-length", "3000", plugin="right", code=UNKNOWN))

    def test_short_cases_can_be_left_out_and_the_first_failure_can_be_the_last(self):
        words = ["--min-length", "64", "--cases", "0", *SHORT, "--property"]
        self.assertRegex(check(*words, "output", plugin="right", code=0), r"(?m)^  output +passed +4 cases$")
        text = check(*words, "softmax", "--property", "gradients", "--fail-fast", plugin="no_softmax", code=FAILED)
        self.assertRegex(text, r"(?m)^  gradients +not run +'softmax' failed")

    def test_the_length_of_the_run_is_looked_at(self):
        text = check("--property", "batch", "--cases", "0", "--max-length", "64", "--length", "400", plugin="right", code=0)
        self.assertIn(" cases, T up to 400, ", text)
        text = check("--property", "finite_differences", "--case", "T=1", plugin="right", code=0)
        self.assertIn("1 passed", text)
        text = check("--property", "future_values", "--case", "T=1", plugin="right", code=UNKNOWN)
        self.assertRegex(text, r"future_values +skipped +0 cases, 1 skipped: a single row has no future")

    def test_nan_that_reaches_earlier_rows_is_noted_and_no_failure(self):
        text = check("--property", "poison", *SHORT, plugin="right", code=0)
        self.assertRegex(text, r"(?m)^  poison +noted")
        self.assertIn("NaN or infinity in rows later than t = 0 change output rows up to t", text)


class Report(unittest.TestCase):
    def test_names_the_smallest_case_and_a_command_that_repeats_it(self):
        text = check("--property", "causality", "--seed", "5", *SHORT, plugin="leaks_next", code=FAILED)
        self.assertRegex(text, r"case +B=1,H=1,T=1,D=1,dtype=\w+,causality=strict|case +B=1,H=1,T=2,D=1,")
        command = shlex.split(re.search(r"repeat +attnlab (.*)", text)[1])
        again = run([ATTNLAB, *command], FAILED)
        self.assertEqual(failures(again).keys(), {"causality"})
        self.assertIn(re.search(r"case +(\S+)", text)[1], again)

    def test_without_shrinking_the_first_failing_case_stands(self):
        text = check("--property", "softmax", "--shrink=0", "--cases", "0", plugin="no_softmax", code=FAILED)
        self.assertNotIn("D=1,", re.search(r"case +(\S+)", text)[1])

    def test_a_crash_names_the_case_and_the_rest_is_checked(self):
        text = check("--cases", "0", *SHORT, plugin="crashes", code=CRASHED)
        found = failures(text)
        self.assertRegex(found["output"], r"crashed: SIGSEGV")
        self.assertRegex(found["output"], r"case +B=1,H=3,T=31,D=8,")
        self.assertRegex(text, r"(?m)^  parameters +passed")
        self.assertIn("memory", found)

    def test_a_hang_is_ended(self):
        text = check("--cases", "0", "--time-limit", "4", "--property", "output", plugin="hangs", code=HUNG)
        self.assertRegex(failures(text)["output"], r"hung: no end after 4\.?0* s, killed \(--time-limit\)")

    def test_a_plugin_that_ends_the_process_is_no_success(self):
        text = check("--cases", "0", "--property", "output", plugin="exits", code=CRASHED)
        self.assertIn("ended the process with exit code 0", failures(text)["output"])

    def test_a_crash_after_all_properties_is_none_of_theirs(self):
        text = check("--cases", "0", "--property", "output", *SHORT, plugin="crashes_at_exit", code=CRASHED)
        self.assertRegex(text, r"(?m)^  output +passed")
        self.assertRegex(failures(text)["end"], r"crashed: SIGABRT[^\0]*after all properties, while the process ended")
        self.assertNotIn("--case ", text)
        self.assertIn("1 passed, 1 failed", text)

    def test_memory_beyond_the_limit_is_refused_by_size(self):
        text = check("--property", "memory", "--memory-limit", "64", plugin="right", code=FAILED)
        self.assertRegex(failures(text)["memory"], r"the plugin asked for \d+ bytes while it had \d+; the memory limit is")


class Usage(unittest.TestCase):
    def refused(self, *words, code, expected):
        self.assertRegex(run([ATTNLAB, "plugin", "check", *words], code), expected)

    def test_what_cannot_be_checked_is_refused_in_words(self):
        right = os.path.join(BUILD, "lib", "attnlab", "broken_plugins", "attention_right.so")
        window = right.replace("right", "dense_when")
        self.refused(code=2, expected="expected the name or the file of a plugin")
        self.refused("./no_such.so", code=1, expected="there is no plugin library './no_such.so'")
        self.refused("no_such_plugin", code=1, expected="no_such_plugin")
        self.refused(right, "--property", "causalty", code=1,
                     expected="there is no property 'causalty'. Did you mean 'causality'")
        self.refused(right, "--case", "T=0", code=2, expected="--case: 'T=0': expected an integer of at least 1")
        self.refused(right, "--case", "X=1", code=2, expected="expected one of B, H, T, D, dtype, causality")
        for case in ("B=1,T=99999999999", "B=1000000000000", "H=3000000000,B=3000000000", "D=9000000000000", "T=400000"):
            self.refused(right, "--case", case, code=2, expected="--case: .* expected at most")
        self.refused(right, "--length", "2000000000", code=2, expected="--length: the tensors of .* alone take .* expected at most")
        self.refused(right, "--device", "cuda", code=1, expected="cuda")
        self.refused(right, "--device", "tpu", code=2, expected="--device: expected cpu or cuda, found 'tpu'")
        self.refused(window, "window=0", code=1, expected="dense_when.window: 0 is out of range; expected an integer from 1")
        self.refused(window, "windw=3", code=1, expected="unknown key 'windw'.*Did you mean 'window'")

    def test_a_library_of_something_else_is_refused(self):
        with tempfile.NamedTemporaryFile(suffix=".so") as file:
            file.write(b"no library")
            file.flush()
            self.refused(file.name, code=1, expected="not an ELF|truncated|ELF")

    def test_a_parameter_can_be_fixed(self):
        window = os.path.join(BUILD, "lib", "attnlab", "broken_plugins", "attention_dense_when.so")
        self.assertIn("1 passed", run([ATTNLAB, "plugin", "check", window, "--property", "causality", "window=2"], 0))


if __name__ == "__main__":
    unittest.main()
