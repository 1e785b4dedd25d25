#include "framework/store/snapshot.h"

#include <sqlite3.h>

#include "framework/store/open.h"

namespace attnlab::store {
namespace {

std::vector<std::string> tables_with(const Connection& connection, const std::string& column) {
  return connection.texts(
      "SELECT t.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table' AND "
      "t.name NOT LIKE 'sqlite_%' AND c.name = ?1", column);
}

/// Whatever tables there will be: rows of a run or of a study go with it.
void keep_study(const Connection& copy, const std::string& study) {
  copy.run("CREATE TEMP TABLE kept AS SELECT id FROM run_attempts WHERE fingerprint IN (SELECT fingerprint FROM "
           "run_attempts AS a JOIN study_runs ON run_id = a.id JOIN studies AS s ON s.id = study_runs.study_id "
           "WHERE s.name = ?1)", study);
  copy.execute("CREATE UNIQUE INDEX temp.kept_by_id ON kept (id); DELETE FROM run_attempts WHERE id NOT IN temp.kept");
  for (const auto& table : tables_with(copy, "run_id")) {
    copy.execute("DELETE FROM \"" + table + "\" WHERE run_id NOT IN temp.kept");
  }
  copy.run("DELETE FROM studies WHERE name <> ?1 AND id NOT IN (SELECT study_id FROM run_attempts)", study);
  for (const auto& table : tables_with(copy, "study_id")) {
    copy.execute("DELETE FROM \"" + table + "\" WHERE study_id NOT IN (SELECT id FROM studies)");
  }
  copy.execute("DELETE FROM environments WHERE id NOT IN (SELECT environment_id FROM run_attempts WHERE "
               "environment_id IS NOT NULL)");
  sqlite3_limit(copy.handle(), SQLITE_LIMIT_ATTACHED, 1);  // VACUUM needs a second file
  copy.execute("VACUUM");
}

}  // namespace

void write_snapshot(const std::string& from, const std::string& to, const std::string& study) {
  const auto source = open_for_reading(from);
  const Connection copy(to, Connection::Access::create);
  copy_pages(source, copy);
  copy.execute("PRAGMA journal_mode = DELETE; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF");
  // A page of one study is no place for runs of others.
  if (!study.empty()) keep_study(copy, study);
  copy.run("UPDATE run_attempts SET uid = substr(fingerprint, 1, 32) || '-' || created_ms || '-' || attempt "
           "WHERE uid IS NULL");
  copy.run("UPDATE run_attempts SET merged_from = ?1 WHERE merged_from IS NULL", source.path());
}

void check_snapshot(const std::string& database) {
  const auto connection = open_for_writing(database);
  auto check = connection.prepare("PRAGMA quick_check(1)");
  if (const auto verdict = check.step() ? check.text(0) : ""; verdict != "ok") {
    throw Error("'" + database + "' is corrupt; the integrity check says: " + verdict);
  }
}

void relocate_files(const std::string& database, const std::vector<AttemptFiles>& files) {
  const auto connection = open_existing(database);
  Transaction transaction(connection);
  connection.execute("CREATE TEMP TABLE before AS SELECT DISTINCT run_id, kind FROM artifacts; DELETE FROM artifacts");
  for (const auto& [uid, artifacts] : files) {
    for (const auto& [kind, path] : artifacts) {
      connection.run("INSERT INTO artifacts (run_id, kind, path, created_ms) SELECT a.id, ?2, ?3, a.created_ms FROM "
                     "run_attempts AS a JOIN temp.before ON run_id = a.id AND temp.before.kind = ?2 WHERE a.uid = ?1",
                     uid, kind, path);
    }
  }
  transaction.commit();
}

}  // namespace attnlab::store
