-- schema.sql: the tables of a results database, version 1; schema_2.sql and so on
-- change it. Embedded into the program at build time.
--
-- Goals: every number with what is needed to repeat it; safe under many writer processes and under
-- kill -9; readable with any SQLite. Views for people are in views.sql.
-- Non-goals: other databases; network file systems (WAL needs shared memory).
--
-- Rules of use, and why:
--   WAL, synchronous NORMAL     a killed process loses no committed row; a power cut may lose the
--                               last commits, never consistency.
--   BEGIN IMMEDIATE             a deferred transaction that turns into a writer fails with
--                               BUSY_SNAPSHOT whatever the busy timeout is.
--   one checkpointer            SQLite before 3.51.3 (Debian 12 has 3.40.1) can corrupt a database
--                               when two connections checkpoint close together while a third
--                               commits ("WAL-reset bug"). So every connection sets
--                               wal_autocheckpoint 0 and NO_CKPT_ON_CLOSE, and Store::checkpoint
--                               alone does it, under a lock on DATABASE.checkpoint.
--   never open before a fork    a connection belongs to one process and one thread.
--   times                       milliseconds since 1970-01-01 UTC, columns *_ms.
--   a REAL that is NULL         means NaN: SQLite cannot store NaN. Infinities are kept.

CREATE TABLE studies (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  created_ms INTEGER NOT NULL
) STRICT;

-- What a run ran on, as a JSON object; shared by all runs with equal content.
CREATE TABLE environments (
  id      INTEGER PRIMARY KEY,
  sha256  TEXT NOT NULL UNIQUE,
  content TEXT NOT NULL CHECK (json_valid(content))
) STRICT;

-- One row per attempt at a cell of a grid. A cell is its fingerprint. Ended attempts stay, with
-- their metrics.
CREATE TABLE run_attempts (
  id                INTEGER PRIMARY KEY,
  study_id          INTEGER NOT NULL REFERENCES studies (id),
  fingerprint       TEXT NOT NULL,
  attempt           INTEGER NOT NULL,
  status            TEXT NOT NULL CHECK (status IN
                      ('planned', 'running', 'done', 'failed', 'skipped', 'interrupted')),
  reason            TEXT NOT NULL DEFAULT '',   -- why it ended as it did
  fingerprint_parts TEXT NOT NULL CHECK (json_valid(fingerprint_parts)),
  config_json       TEXT NOT NULL CHECK (json_valid(config_json)),
  overrides         TEXT NOT NULL DEFAULT '',   -- as typed
  owner_host        TEXT NOT NULL DEFAULT '',
  owner_boot_id     TEXT NOT NULL DEFAULT '',
  owner_pid_space   TEXT NOT NULL DEFAULT '',   -- pid namespace: containers count pids on their own
  owner_pid         INTEGER NOT NULL DEFAULT 0,
  owner_start_ticks INTEGER NOT NULL DEFAULT 0,
  environment_id    INTEGER REFERENCES environments (id),
  created_ms        INTEGER NOT NULL,
  started_ms        INTEGER,
  heartbeat_ms      INTEGER,
  ended_ms          INTEGER,
  UNIQUE (fingerprint, attempt)
) STRICT;

-- The guarantee behind "no cell runs twice": at most one attempt is running or done.
CREATE UNIQUE INDEX one_live_attempt ON run_attempts (fingerprint)
  WHERE status IN ('running', 'done');
CREATE INDEX attempts_by_status ON run_attempts (status);

-- Which studies a run belongs to: its own, and every later one that found it done already.
CREATE TABLE study_runs (
  study_id INTEGER NOT NULL REFERENCES studies (id),
  run_id   INTEGER NOT NULL REFERENCES run_attempts (id),
  PRIMARY KEY (study_id, run_id)
) STRICT, WITHOUT ROWID;

-- config_json flattened: 'attention.buckets' -> 16. Booleans are 0 and 1, lists are JSON text.
CREATE TABLE configs (
  run_id INTEGER NOT NULL REFERENCES run_attempts (id),
  key    TEXT NOT NULL,
  value  ANY,
  PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX configs_by_key ON configs (key, value);

CREATE TABLE metric_keys (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,                    -- 'val/bits_per_dim'
  unit TEXT NOT NULL DEFAULT '',
  goal TEXT NOT NULL DEFAULT 'none' CHECK (goal IN ('none', 'minimise', 'maximise'))
) STRICT;

-- What was known at one optimiser step, once for all metrics of that step.
CREATE TABLE events (
  run_id        INTEGER NOT NULL REFERENCES run_attempts (id),
  step          INTEGER NOT NULL,
  tokens_seen   INTEGER NOT NULL,
  train_seconds REAL,                           -- since the first step, evaluation excluded
  wall_ms       INTEGER NOT NULL,
  PRIMARY KEY (run_id, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE metrics (
  run_id INTEGER NOT NULL REFERENCES run_attempts (id),
  key_id INTEGER NOT NULL REFERENCES metric_keys (id),
  step   INTEGER NOT NULL,
  value  REAL,                                  -- NULL is NaN
  PRIMARY KEY (run_id, key_id, step)
) STRICT, WITHOUT ROWID;

-- Summary per run and key, kept by every flush, so that lists of runs need no scan of metrics.
-- minimum and maximum leave NaN out; last is the value at the greatest step.
CREATE TABLE run_last (
  run_id    INTEGER NOT NULL REFERENCES run_attempts (id),
  key_id    INTEGER NOT NULL REFERENCES metric_keys (id),
  last      REAL,
  last_step INTEGER NOT NULL,
  minimum   REAL,
  maximum   REAL,
  count     INTEGER NOT NULL,
  PRIMARY KEY (run_id, key_id)
) STRICT, WITHOUT ROWID;

-- Words about a run: ('kernel', 'scaled_dot_product_flash_attention_for_cpu').
CREATE TABLE facts (
  run_id INTEGER NOT NULL REFERENCES run_attempts (id),
  name   TEXT NOT NULL,
  text   TEXT NOT NULL,
  PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

-- Files that a run left: ('log', '.../run-7.log').
CREATE TABLE artifacts (
  run_id     INTEGER NOT NULL REFERENCES run_attempts (id),
  kind       TEXT NOT NULL,
  path       TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  PRIMARY KEY (run_id, kind, path)
) STRICT, WITHOUT ROWID;
