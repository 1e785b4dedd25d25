"""power.py: how many planted defects does a default run of `attnlab plugin check` find?

Each defect is planted in ten places that are drawn at random: from a length on (1 to 2048, log-uniform), and with
probability 1/2 each in one head, in one sequence of the batch, in one row. Each place is looked at under another seed
of the check. The property that should find it is asked first, with the cases that a default run gives it; where it
finds nothing, all others are. Cases that are too short for the defect to be there are left out: what runs in them is
the right plugin. A check ends at its first finding.

    power.py [--seed N] [--places N] [--only DEFECT] [--results FILE] [--table] [--sample]
                                                                                  ATTNLAB_BUILD: the build folder

With --results every place is appended to FILE as soon as it is known, and places that stand there are not looked at
again: a measurement may be stopped and gone on with. --table prints what FILE holds.
"""
import argparse
import collections
import os
import random
import re
import subprocess
import sys
import time

BUILD = os.environ["ATTNLAB_BUILD"]

# defect -> (plugin, property, what of the place it has)
DEFECTS = {
    "future_key": ("exact", "causality", "head batch row"),
    "last_key": ("sparse", "causality", "head batch row"),
    "wrong_scale": ("exact", "softmax", "head batch row"),
    "query_gradient": ("exact", "gradients", "head batch row"),
    "key_gradient": ("sparse", "gradients", "head batch row"),
    "value_gradient": ("gated", "finite_differences", "head batch row"),
    "value_gradient_2": ("narrow", "finite_differences", "head batch"),
    "hidden_gradient": ("gated", "finite_differences", "head batch row"),
    "hidden_gradient_2": ("gated", "finite_differences", "head batch row"),
    "gradient_leak": ("gated", "finite_differences", "head batch row"),
    "hidden_future": ("gated", "future_pattern", "head batch row"),
    "pattern_of_last_row": ("exact", "future_pattern", "head batch row"),
    "pattern_of_next_row": ("exact", "future_pattern", "head batch row"),
    "pools_own_block": ("sparse", "future_pattern", "head batch row"),
    "pattern_of_first_batch": ("sparse", "batch", "head second row"),
    "draws_by_batch": ("random", "batch", "head batch row"),
    "ignores_seed": ("random", "seed", ""),
    "secret_draw": ("exact", "seed", "head batch row"),
    "dense_when": ("sparse", "dense", "head batch row"),
    "unwritten": ("exact", "unwritten", "head batch row"),
    "not_finite": ("exact", "output", "head batch row"),
    "not_finite_in_evaluation": ("exact", "evaluation", "head batch row"),
    "bad_statistic": ("exact", "evaluation", ""),
    "global_generator": ("exact", "generator", "head batch row"),
    "every_second_call": ("exact", "determinism", "head batch row"),
    "modifies_key": ("exact", "inputs", "head batch row"),
    "out_of_bounds": ("exact", "bounds", ""),
    "ignores_strides": ("exact", "layout", "head batch row"),
    "crosses_border": ("exact", "documents", "head batch row"),
    "pattern_across_border": ("exact", "documents", "head batch row"),
    "gradient_across_border": ("exact", "documents", "head batch row"),
    "pooled_future": ("learned", "future_pattern", "head batch row"),
    "parameter_without_gradient": ("learned", "parameter_gradients", ""),
    "parameter_dead": ("learned", "parameter_gradients", ""),
    "parameter_gradient": ("learned", "parameter_gradients", "head"),    # of one channel, 2 %
    "parameter_gradient_2": ("learned", "parameter_gradients", "head"),  # of one head, 1 %
    "undeclared_leaf": ("learned", "leaves", ""),
    "buffer_in_evaluation": ("learned", "buffers", ""),
    "buffer_within_step": ("learned", "buffers", ""),
    "evaluation_is_collected": ("learned", "buffers", ""),
    "mean_of_parts": ("learned", "buffers", ""),
    "last_part_counts": ("learned", "buffers", ""),
    "order_of_parts": ("learned", "buffers", ""),
    "collected_is_a_mean": ("learned", "buffers", ""),
    "collected_lacks_a_sum": ("learned", "buffers", ""),
    "collected_is_a_copy": ("learned", "buffers", ""),
}


def place(defect, number, seed):
    draw = random.Random(f"{seed} {defect} {number}")
    length = int(2048 ** draw.random())
    words = [f"defect={defect}", f"length={length}"]
    has = DEFECTS[defect][2].split()
    for name, value in (("head", str(draw.randrange(2))), ("batch", str(draw.randrange(2))), ("row", f"{draw.random():.3f}")):
        if draw.random() < 0.5 and name in has:
            words.append(f"{name}={value}")
    if "second" in has:  # the first sequence is right by itself
        words.append("batch=1")
    return length, " ".join(words)


def failed(plugin, words, *more):
    """Names of the properties that fail."""
    library = os.path.join(BUILD, "lib", "attnlab", "planted_plugins", f"attention_planted_{plugin}.so")
    command = [os.path.join(BUILD, "bin", "attnlab"), "plugin", "check", library, "--shrink=0", "--time-limit", "600", *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "ATTNLAB_PLANT": words})
    if done.returncode not in (0, 3, 4):
        raise SystemExit(f"exit code {done.returncode}: ATTNLAB_PLANT='{words}' {' '.join(command)}\n{done.stdout}{done.stderr}")
    return re.findall(r"(?m)^  (\w+) +FAILED", done.stdout)


def found(defect, number, seed):
    """The property that found it, or "-"."""
    plugin, named, _ = DEFECTS[defect]
    length, words = place(defect, number, seed)
    more = ["--seed", str(number), "--fail-fast", "--min-length", str(length)]
    by = failed(plugin, words, *more, "--property", named) or failed(plugin, words, *more)
    if not by:
        print(f"    not found: ATTNLAB_PLANT='{words}' --seed {number}", flush=True)
    return by[0] if by else "-"


def read(path):
    """(defect, number, seed) -> (property, seconds), of what was looked at before."""
    known = {}
    if path and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                defect, number, seed, by, seconds = line.split()[:5]
                known[defect, int(number), int(seed)] = by, float(seconds)
    return known


def table(known):
    for defect, (plugin, named, _) in DEFECTS.items():
        by = [name for (which, *_), (name, _) in known.items() if which == defect]
        counts = collections.Counter(name for name in by if name != "-").most_common()
        print(f"| `{defect}` | {plugin} | {sum(name != '-' for name in by)} of {len(by)} | "
              f"{', '.join(f'{name} {n}' for name, n in counts)} |")
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--places", type=int, default=10)
    parser.add_argument("--only", choices=DEFECTS, action="append")
    parser.add_argument("--results", metavar="FILE")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--sample", action="store_true", help="a few defects in places that only long cases reach")
    options = parser.parse_args()
    known = read(options.results)
    if options.table:
        return table(known)
    if options.sample:
        return sample()
    # One place of each defect, then the next: a measurement that is cut short tells of all of them.
    for number in range(options.places):
        for defect in options.only or DEFECTS:
            if (defect, number, options.seed) in known:
                continue
            start = time.monotonic()
            by = found(defect, number, options.seed)
            line = f"{defect} {number} {options.seed} {by} {time.monotonic() - start:.1f} {place(defect, number, options.seed)[1]}"
            print(line, flush=True)
            if options.results:
                with open(options.results, "a", encoding="utf-8") as file:
                    file.write(line + "\n")
    return 0


def sample():
    """Right plugins pass; those that are wrong only where T is long, in one row of one head, do not."""
    wrong = False
    for plugin, words, named, expected in (
            ("sparse", "", "causality", []),
            ("sparse", "defect=pattern_of_first_batch length=1500 head=1 batch=1 row=0.9", "batch", ["batch"]),
            ("gated", "defect=value_gradient length=1500 head=1 row=0.3", "finite_differences", ["finite_differences"]),
            ("narrow", "defect=value_gradient_2", "finite_differences", ["finite_differences"])):
        more = ["--max-length", "300"] if plugin == "narrow" else []
        by = failed(plugin, words, "--cases", "0", "--property", named, *more)
        print(f"{plugin} '{words}': {by}, expected {expected}", flush=True)
        wrong |= by != expected
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
