"""simulated_store.py: a results database of any size, as a grid would have left it, in seconds.

  python3 tests/support/simulated_store.py FILE.db --variants 400 --seeds 5 --numbers 10000000
Scores fall from 4 to a variant's own; seeds add luck that all variants share. Nothing in it was measured.
"""
import argparse
import hashlib
import json
import os
import random
import re
import sqlite3
from pathlib import Path

ROOT = os.environ.get("ATTNLAB_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STEPS, TOKENS = 1000, 4096  # a step
KEYS = ["val/bits_per_char", "train/loss", "tokens_per_second", "allocator_peak_bytes", "parameters",
        "attention/pairs_per_query"]
VAL, TRAIN, RATE, PEAK, PARAMETERS, PAIRS = range(1, 7)


def create(path):
    """An empty database of the schema that stands in framework/store."""
    store = Path(ROOT, "framework", "store")
    db = sqlite3.connect(path)
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
    steps = sorted(f for f in os.listdir(store) if re.fullmatch(r"schema(_\d+)?\.sql", f))
    for name in [*steps, "views.sql"]:
        db.executescript((store / name).read_text(encoding="utf-8"))
    magic = int(re.search(r"kApplicationId = (0x\w+)", (store / "open.h").read_text(encoding="utf-8"))[1], 16)
    db.executescript(f"PRAGMA application_id = {magic}; PRAGMA user_version = {len(steps)}")
    db.executemany("INSERT INTO metric_keys VALUES (?, ?, ?, ?)",
                   [(i + 1, name, "", "minimise" if i < 2 else "none") for i, name in enumerate(KEYS)])
    return db


def config(attention, seed):
    return {"seed": seed, "device": "cpu", "threads": 1, "attention": attention,
            "dataset": {"name": "enwik8", "length": 1024},
            "model": {"layers": 4, "width": 256, "heads": 4, "causality": "strict", "key_norm": "per_head"},
            "train": {"steps": STEPS, "batch_size": 4, "learning_rate": 0.001, "precision": "float32"}}


def flattened(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def add_run(db, study, attention, seed, status="done", reason="", log=None):
    """Its row, config and facts; returns its number."""
    text = json.dumps(config(attention, seed))
    fingerprint = hashlib.sha256((study + text).encode()).hexdigest()
    overrides = " ".join([f"attention={attention['name']}", *(f"{attention['name']}.{k}={v}" for k, v in attention.items()
                                                             if k != "name"), f"seed={seed}"])
    parts = json.dumps({"data": "d" * 64, "engine": "e" * 64, "plugin": attention["name"]})
    db.execute("INSERT OR IGNORE INTO studies (name, created_ms) VALUES (?, 0)", (study,))
    study_id = db.execute("SELECT id FROM studies WHERE name = ?", (study,)).fetchone()[0]
    db.execute("INSERT OR IGNORE INTO environments VALUES (1, 'x', ?)",
               (json.dumps({"host": "simulated", "cpu": "none: nothing here was measured"}),))
    run = db.execute("INSERT INTO run_attempts (study_id, fingerprint, attempt, status, reason, fingerprint_parts, "
                     "config_json, overrides, created_ms, started_ms, ended_ms, environment_id) "
                     "VALUES (?, ?, 1, ?, ?, ?, ?, ?, 0, 0, 60000, 1)",
                     (study_id, fingerprint, status, reason, parts, text, overrides)).lastrowid
    db.execute("INSERT INTO study_runs VALUES (?, ?)", (study_id, run))
    db.executemany("INSERT INTO configs VALUES (?, ?, ?)", [(run, k, v) for k, v in flattened(config(attention, seed))])
    facts = {"data": "simulated", "kernel": "none", "shared": "0", "validated": "all",
             "initial_weights": f"w{seed}", "training_batches": f"b{seed}"}
    db.executemany("INSERT INTO facts VALUES (?, ?, ?)", [(run, k, v) for k, v in facts.items()])
    if log:
        db.execute("INSERT INTO artifacts VALUES (?, 'log', ?, 0)", (run, log(fingerprint)))
    return run


def add_numbers(db, run, score, seconds_per_step, pairs, logged, validated):
    """`logged` training losses and `validated` scores over the run's steps."""
    stride, seldom = max(1, STEPS // logged), max(1, STEPS // validated)
    last = stride * logged
    db.execute("WITH RECURSIVE s (step) AS (VALUES (?2) UNION ALL SELECT step + ?2 FROM s WHERE step < ?3) "
               "INSERT OR IGNORE INTO events SELECT ?1, step, step * ?4, step * ?5, 0 FROM s",
               (run, stride, last, TOKENS, seconds_per_step))
    curve = "?5 + (4 - ?5) * exp(-5.0 * step / ?3) * (1 + 0.02 * ((step * 7919 + ?1 * 104729) % 1000 / 1000.0 - 0.5))"
    for key, every in ((TRAIN, stride), (VAL, max(seldom, stride))):
        db.execute("WITH RECURSIVE s (step) AS (VALUES (?2) UNION ALL SELECT step + ?2 FROM s WHERE step + ?2 <= ?3) "
                   f"INSERT INTO metrics SELECT ?1, ?4, step, {curve} FROM s", (run, every, last, key, score))
    for key, value in ((RATE, TOKENS / seconds_per_step), (PEAK, 1e8), (PARAMETERS, 3_000_000), (PAIRS, pairs)):
        db.execute("INSERT INTO metrics VALUES (?, ?, ?, ?)", (run, key, last, value))


def summarise(db):
    db.execute("INSERT INTO run_last SELECT run_id, key_id, 0, max(step), min(value), max(value), count(*) FROM metrics "
               "GROUP BY run_id, key_id")
    db.execute("UPDATE run_last SET last = (SELECT value FROM metrics AS m WHERE m.run_id = run_last.run_id AND "
               "m.key_id = run_last.key_id AND m.step = last_step)")


def fill(path, study="simulated", variants=5, seeds=5, logged=1000, validated=20):
    """Variants `dense`, then hash_sparse with more and more buckets, `none` last."""
    draw = random.Random(15)
    db = create(path)
    luck = [draw.gauss(0, 0.02) for _ in range(seeds)]
    for variant in range(variants):
        name = "dense" if variant == 0 else "none" if variant == variants - 1 else "hash_sparse"
        attention = {"name": name, **({"buckets": variant + 1} if name == "hash_sparse" else {})}
        for seed in range(seeds):
            run = add_run(db, study, attention, seed)
            score = 1.5 + 0.5 * variant / variants + luck[seed] + draw.gauss(0, 0.005)
            add_numbers(db, run, score, 0.05 / (1 + variant % 7), 511.5 / (1 + variant), logged, validated)
    summarise(db)
    db.commit()
    return db


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--study", default="simulated")
    parser.add_argument("--variants", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--numbers", type=int, default=10_000_000, help="of all runs together")
    words = parser.parse_args()
    each = words.numbers // (words.variants * words.seeds)
    global STEPS
    STEPS = max(STEPS, each)
    fill(words.file, words.study, words.variants, words.seeds, each * 19 // 20, each // 20).close()


if __name__ == "__main__":
    main()
