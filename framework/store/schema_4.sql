-- schema_4.sql: version 3 to 4: results of several databases in one, and words that people give to runs.

-- What an attempt is called in every database that has it. Row ids and attempt numbers differ from one
-- to the other; this is drawn once, when the attempt begins, and carried along. Attempts of older
-- versions are named by what never changed of them, so two copies of one file agree.
ALTER TABLE run_attempts ADD COLUMN uid TEXT;
-- The database in which the attempt was at home when it was merged into this one; NULL: this one.
ALTER TABLE run_attempts ADD COLUMN merged_from TEXT;
UPDATE run_attempts SET uid = substr(fingerprint, 1, 32) || '-' || created_ms || '-' || attempt;
CREATE UNIQUE INDEX attempts_by_uid ON run_attempts (uid);

CREATE TABLE run_tags (
  run_id INTEGER NOT NULL REFERENCES run_attempts (id),
  tag    TEXT NOT NULL CHECK (tag <> ''),
  PRIMARY KEY (run_id, tag)
) STRICT, WITHOUT ROWID;
