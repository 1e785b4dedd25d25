-- schema_2.sql: version 1 to 2: runs that time something stand beside those that train.

-- 'train' or 'time'. A timing's steps are sequence lengths: its metrics at step 4096 are of T = 4096.
ALTER TABLE run_attempts ADD COLUMN kind TEXT NOT NULL DEFAULT 'train'
  CHECK (kind IN ('train', 'time'));
