-- schema_5.sql: version 4 to 5: words about a study as a whole, which stay when one of its runs goes, when
-- it gets another name and when its cells are done in another database.

-- The plan and the looks of `attnlab grid --until-significant`: "plan", "look_001".
CREATE TABLE study_facts (
  study_id INTEGER NOT NULL REFERENCES studies (id),
  name     TEXT NOT NULL,
  text     TEXT NOT NULL,
  PRIMARY KEY (study_id, name)
) STRICT, WITHOUT ROWID;

-- They stood among the facts of one of its runs, as "sequential/STUDY/plan"; of several, the newest counts.
INSERT OR REPLACE INTO study_facts (study_id, name, text)
SELECT s.id, substr(f.name, length(s.name) + 13), f.text
FROM facts AS f JOIN studies AS s ON substr(f.name, 1, length(s.name) + 12) = 'sequential/' || s.name || '/'
WHERE f.name LIKE 'sequential/%' ORDER BY f.run_id;
DELETE FROM facts WHERE name LIKE 'sequential/%';
