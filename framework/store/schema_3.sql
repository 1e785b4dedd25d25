-- schema_3.sql: version 2 to 3: an attempt that goes on where an earlier one was stopped.

-- What that one had logged up to that step is copied, so a run's numbers stand under one id; the
-- earlier attempt keeps all of its own.
ALTER TABLE run_attempts ADD COLUMN continues_id INTEGER REFERENCES run_attempts (id);
ALTER TABLE run_attempts ADD COLUMN continues_step INTEGER;
