-- views.sql: what people query; no data lives here. A database whose views stand otherwise gets these
-- by the next command that writes, and a reader uses these whatever stands in the file.

-- One row per run attempt, also those that failed or were interrupted and went on in another; `study` is the one that
-- ran it. Results of a study are in `results`. Main config values, last metrics, what ran. A value that a run does not
-- have is NULL.
CREATE VIEW runs AS
WITH latest AS (
  SELECT run_id,
         max(last) FILTER (WHERE name = 'val/bits_per_dim') AS bits_per_dim,
         max(last) FILTER (WHERE name = 'val/bits_per_char') AS bits_per_char,
         -- A data set's own measure, whatever its unit; a run has one.
         -- Tokens of text have bits per byte beside their perplexity.
         coalesce(max(substr(name, 5)) FILTER (WHERE name = 'val/perplexity'),
                  max(substr(name, 5)) FILTER (WHERE name LIKE 'val/bits\_per\_%' ESCAPE '\')) AS metric,
         coalesce(max(last) FILTER (WHERE name = 'val/perplexity'),
                  max(last) FILTER (WHERE name LIKE 'val/bits\_per\_%' ESCAPE '\')) AS score,
         coalesce(max(last) FILTER (WHERE name = 'test/perplexity'),
                  max(last) FILTER (WHERE name LIKE 'test/bits\_per\_%' ESCAPE '\')) AS test_score,
         max(last) FILTER (WHERE name = 'val/bits_per_byte') AS bits_per_byte,
         max(last) FILTER (WHERE name = 'val/perplexity') AS perplexity,
         max(last) FILTER (WHERE name = 'val/loss') AS val_loss,
         max(last) FILTER (WHERE name = 'train/loss') AS train_loss,
         -- By their whole names: what an attention reports stands below attention/ and may be called the same.
         max(last) FILTER (WHERE name = 'tokens_per_second') AS tokens_per_second,
         max(last) FILTER (WHERE name = 'allocator_peak_bytes') AS allocator_peak_bytes,
         max(last) FILTER (WHERE name = 'process_peak_bytes') AS process_peak_bytes,
         max(last) FILTER (WHERE name = 'parameters') AS parameters,
         -- Those of them that the attention owns, which no other variant has.
         max(last) FILTER (WHERE name = 'attention_parameters') AS own_parameters,
         max(last) FILTER (WHERE name = 'attention/pairs_per_query') AS pairs_per_query,
         max(last) FILTER (WHERE name = 'attention/pairs_over_even') AS pairs_over_even,
         max(last_step) AS last_step
  FROM run_last JOIN metric_keys ON metric_keys.id = key_id
  GROUP BY run_id
), words AS (
  SELECT run_id,
         max(text) FILTER (WHERE name = 'kernel') AS kernel,
         max(text) FILTER (WHERE name = 'data') AS data,
         max(lower(text) IN ('true', '1', 'yes'))
           FILTER (WHERE name = 'data_partial') AS data_partial,
         max(lower(text) IN ('true', '1', 'yes'))
           FILTER (WHERE name = 'data_synthetic') AS data_synthetic,
         max(lower(text) IN ('true', '1', 'yes'))
           FILTER (WHERE name = 'shared') AS shared,
         max(lower(text) IN ('true', '1', 'yes'))
           FILTER (WHERE name = 'pattern_sees_future') AS pattern_sees_future,
         max(CAST(text AS INTEGER)) FILTER (WHERE name = 'parameters') AS parameters
  FROM facts
  GROUP BY run_id
)
SELECT a.id,
       studies.name AS study,
       a.kind,
       a.status,
       a.attempt,
       a.reason,
       a.config_json ->> '$.attention.name' AS attention,
       json_remove(a.config_json -> '$.attention', '$.name') AS attention_parameters,
       a.config_json ->> '$.dataset.name' AS dataset,
       a.config_json ->> '$.seed' AS seed,
       latest.metric,
       latest.score,       -- on validation
       latest.test_score,  -- the same measure on the test split, which is scored once
       latest.bits_per_byte,
       latest.bits_per_dim,
       latest.bits_per_char,
       latest.perplexity,
       latest.val_loss,
       latest.train_loss,
       latest.tokens_per_second,
       latest.allocator_peak_bytes,
       latest.process_peak_bytes,
       CAST(coalesce(latest.parameters, words.parameters) AS INTEGER) AS parameters,
       CAST(latest.own_parameters AS INTEGER) AS own_parameters,
       latest.pairs_per_query,
       latest.pairs_over_even,
       words.kernel,
       words.shared,
       words.data,
       words.data_partial,
       words.data_synthetic,
       words.pattern_sees_future,
       latest.last_step,
       a.config_json ->> '$.dataset.length' AS length,
       a.config_json ->> '$.model.layers' AS layers,
       a.config_json ->> '$.model.width' AS width,
       a.config_json ->> '$.model.heads' AS heads,
       a.config_json ->> '$.model.causality' AS causality,
       a.config_json ->> '$.model.key_norm' AS key_norm,
       a.config_json ->> '$.train.steps' AS steps,
       a.config_json ->> '$.train.batch_size' AS batch_size,
       a.config_json ->> '$.train.learning_rate' AS learning_rate,
       coalesce(a.config_json ->> '$.train.precision', a.config_json ->> '$.bench.dtype') AS precision,
       a.config_json ->> '$.device' AS device,
       a.config_json ->> '$.threads' AS threads,
       datetime(a.started_ms / 1000, 'unixepoch') AS started,
       (coalesce(a.ended_ms, a.heartbeat_ms) - a.started_ms) / 1000.0 AS seconds,
       a.owner_host AS host,
       a.overrides,
       a.fingerprint,
       a.continues_id AS continues,  -- the attempt that it goes on from, and where
       a.continues_step,
       (SELECT group_concat(tag, ' ') FROM (SELECT tag FROM run_tags WHERE run_id = a.id ORDER BY tag)) AS tags,
       a.merged_from
FROM run_attempts AS a
JOIN studies ON studies.id = a.study_id
LEFT JOIN latest ON latest.run_id = a.id
LEFT JOIN words ON words.run_id = a.id;

-- One row per cell that is done of every study that asked for it, also where another study had run it before: what means
-- are taken of. `in_study` is the study that asked, `study` the one that ran it; an attempt that did not end is not there.
CREATE VIEW results AS
SELECT studies.name AS in_study, runs.*
FROM (SELECT DISTINCT study_runs.study_id, fingerprint FROM study_runs JOIN run_attempts ON id = run_id) AS asked
JOIN studies ON studies.id = asked.study_id
JOIN runs ON runs.id = (SELECT max(id) FROM run_attempts AS a WHERE a.fingerprint = asked.fingerprint AND a.status = 'done');

-- What runs of kind `time` measured: one row per run and sequence length. `ratio` is how many times
-- faster than the fastest peer of the same run; pairs are those of query and key that count.
CREATE VIEW timings AS
SELECT runs.id AS run_id,
       runs.study,
       runs.status,
       runs.attention,
       runs.attention_parameters,
       runs.precision AS dtype,
       coalesce(configs.batch, max(value) FILTER (WHERE name = 'batch')) AS batch,
       runs.heads,
       configs.head_dim,
       metrics.step AS length,
       configs.pass,
       runs.device,
       runs.threads,
       max(value) FILTER (WHERE name = 'seconds_median') AS seconds,
       max(value) FILTER (WHERE name = 'seconds_q1') AS seconds_q1,
       max(value) FILTER (WHERE name = 'seconds_q3') AS seconds_q3,
       max(value) FILTER (WHERE name = 'samples') AS samples,
       max(value) FILTER (WHERE name = 'forward_seconds_median') AS forward_seconds,
       max(value) FILTER (WHERE name = 'backward_seconds_median') AS backward_seconds,
       max(value) FILTER (WHERE name = 'peer_seconds') AS sdpa_seconds,
       max(value) FILTER (WHERE name = 'tokens_per_second') AS tokens_per_second,
       max(value) FILTER (WHERE name = 'peer/tokens_per_second') AS peer_tokens_per_second,
       max(value) FILTER (WHERE name = 'flop_utilisation') AS flop_utilisation,
       max(value) FILTER (WHERE name = 'peer/flop_utilisation') AS peer_flop_utilisation,
       max(value) FILTER (WHERE name = 'ratio') AS ratio,
       max(value) FILTER (WHERE name = 'ratio_q1') AS ratio_q1,
       max(value) FILTER (WHERE name = 'ratio_q3') AS ratio_q3,
       max(value) FILTER (WHERE name = 'pairs_over_even') AS pairs_over_even,
       max(value) FILTER (WHERE name = 'peer/pairs_over_even') AS peer_pairs_over_even,
       max(value) FILTER (WHERE name = 'loss') AS loss,
       max(value) FILTER (WHERE name = 'growth_exponent') AS growth_exponent,
       max(value) FILTER (WHERE name = 'sdpa/growth_exponent') AS sdpa_growth_exponent,
       max(value) FILTER (WHERE name = 'pairs') AS pairs,
       max(value) FILTER (WHERE name = 'flop_rate') AS flop_rate,
       max(value) FILTER (WHERE name = 'tile_efficiency') AS tile_efficiency,
       max(value) FILTER (WHERE name = 'cores_busy') AS cores_busy,
       max(value) FILTER (WHERE name = 'roofline/seconds') AS roofline_seconds,
       max(value) FILTER (WHERE name = 'roofline/share') AS roofline_share,
       max(value) FILTER (WHERE name = 'peak_bytes') AS peak_bytes,
       max(value) FILTER (WHERE name = 'process_peak_bytes') AS process_peak_bytes,
       max(value) FILTER (WHERE name IN ('sdpa/peak_bytes', 'peer/peak_bytes')) AS peer_peak_bytes,
       runs.kernel,
       runs.shared,
       runs.started,
       runs.host
FROM runs
JOIN metrics ON metrics.run_id = runs.id
JOIN metric_keys ON metric_keys.id = metrics.key_id
JOIN (SELECT id,
             config_json ->> '$.bench.batch' AS batch,
             coalesce(config_json ->> '$.bench.pass', 'step') AS pass,
             (config_json ->> '$.model.width') / (config_json ->> '$.model.heads') AS head_dim
      FROM run_attempts) AS configs ON configs.id = runs.id
WHERE runs.kind = 'time'
GROUP BY runs.id, metrics.step;

-- Every number of every run, for plots: one row per run, key and step. NULL is NaN. Of a run that was
-- stopped and went on, the last attempt has the whole curve, and those before it are left out.
-- From the pairs of run and key to their numbers (CROSS JOIN keeps this order), a run's JSON is read
-- once for all of its numbers (DISTINCT keeps SQLite from flattening), and events are looked up only
-- where they are asked for: counting 10 million numbers takes about a second.
CREATE VIEW curves AS
SELECT a.id AS run_id,
       a.study,
       a.status,
       a.attention,
       a.seed,
       metric_keys.name AS key,
       -- Of 'attention/NAME/layer_2': 2. NULL for what is not of one layer.
       iif(metric_keys.name GLOB '*/layer_[0-9]*',
           CAST(substr(metric_keys.name, instr(metric_keys.name, '/layer_') + 7) AS INTEGER),
           NULL) AS layer,
       metrics.step,
       metrics.value,
       metric_keys.unit,
       (SELECT tokens_seen FROM events
        WHERE events.run_id = metrics.run_id AND events.step = metrics.step) AS tokens_seen,
       (SELECT train_seconds FROM events
        WHERE events.run_id = metrics.run_id AND events.step = metrics.step) AS train_seconds
FROM (SELECT DISTINCT run_attempts.id,
                      studies.name AS study,
                      run_attempts.status,
                      run_attempts.config_json ->> '$.attention.name' AS attention,
                      run_attempts.config_json ->> '$.seed' AS seed
      FROM run_attempts JOIN studies ON studies.id = run_attempts.study_id
      WHERE NOT EXISTS (SELECT 1 FROM run_attempts AS later
                        WHERE later.fingerprint = run_attempts.fingerprint
                          AND later.attempt > run_attempts.attempt
                          AND later.continues_id <= run_attempts.id)) AS a
CROSS JOIN run_last ON run_last.run_id = a.id
JOIN metric_keys ON metric_keys.id = run_last.key_id
CROSS JOIN metrics ON metrics.run_id = run_last.run_id AND metrics.key_id = run_last.key_id;

-- Looks at a study whose seeds were added until it was significant (attnlab grid --until-significant):
-- one row per look and variant. A difference is real where p is at most the level of its look.
CREATE VIEW looks AS
SELECT studies.name AS study,
       found.text ->> '$.look' AS look,
       found.text ->> '$.pairs' AS pairs,
       row.value ->> '$.variant' AS variant,
       row.value ->> '$.against' AS against,
       row.value ->> '$.metric' AS metric,
       row.value ->> '$.difference' AS difference,
       row.value ->> '$.low' AS low,
       row.value ->> '$.high' AS high,
       row.value ->> '$.p' AS p,
       row.value ->> '$.level' AS level,
       row.value ->> '$.decided' AS decided,
       found.text ->> '$.spent' AS alpha_spent
FROM study_facts AS found JOIN studies ON studies.id = found.study_id, json_each(found.text, '$.rows') AS row
WHERE found.name LIKE 'look\_%' ESCAPE '\';
