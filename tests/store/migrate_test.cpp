#include <array>

#include "framework/store/open.h"
#include "tests/store/support.h"

namespace attnlab::store {
namespace {

constexpr std::array kTwoSteps{"CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y"};

TEST(Migration, steps_are_taken_once_and_in_order) {
  const FreshFolder folder;
  const Connection connection(folder / "a.db", Connection::Access::read_write);
  migrate(connection, std::span(kTwoSteps).first(1), "");
  EXPECT_EQ(connection.integer("PRAGMA user_version", 0), 1);
  migrate(connection, kTwoSteps, "CREATE VIEW v AS SELECT y FROM a");
  migrate(connection, kTwoSteps, "CREATE VIEW v AS SELECT y FROM a");
  EXPECT_EQ(connection.integer("PRAGMA user_version", 0), 2);
  EXPECT_EQ(connection.integer("SELECT count(*) FROM v", -1), 0);
}

TEST(Migration, a_failing_step_leaves_the_old_version_whole) {
  const FreshFolder folder;
  const Connection connection(folder / "a.db", Connection::Access::read_write);
  constexpr std::array steps{"CREATE TABLE a (x)", "CREATE TABLE b (x); this is no SQL"};
  EXPECT_THROW(migrate(connection, steps, ""), SqliteError);
  EXPECT_EQ(connection.integer("PRAGMA user_version", 0), 0);
  EXPECT_EQ(connection.integer("SELECT count(*) FROM sqlite_schema", -1), 0);
}

TEST(Migration, a_newer_database_is_refused_with_both_versions) {
  const FreshFolder folder;
  const auto path = folder / "a.db";
  { const Store made(path); }
  Connection(path, Connection::Access::read_write).execute("PRAGMA user_version = 7");
  const std::string expected =
      "'" + path +
      "' was written by a newer attnlab: its schema is version 7, this program knows " +
      "versions up to 2. Update attnlab, or use another file with --db FILE.";
  EXPECT_EQ(message_of([&] { Store store(path); }), expected);
  EXPECT_EQ(message_of([&] { Reader reader(path); }), expected);
}

// A database of version 1 as it was left by an earlier program: a run that trained.
void make_version_1(const std::string& path) {
  const Connection connection(path, Connection::Access::read_write);
  migrate(connection, migrations().first(1), "");
  connection.execute(
      "INSERT INTO studies VALUES (1, 'old', 0);"
      "INSERT INTO run_attempts (id, study_id, fingerprint, attempt, status, fingerprint_parts, "
      "config_json, created_ms) VALUES (1, 1, 'f', 1, 'done', '{}', '{}', 0)");
}

TEST(Migration, from_version_1_keeps_its_runs_as_training_runs) {
  const FreshFolder folder;
  const auto path = folder / "a.db";
  make_version_1(path);
  { const Store updated(path); }
  const auto rows = Reader(path).query("SELECT kind, study FROM runs").rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0], (Row{std::string("train"), std::string("old")}));
}

TEST(Migration, a_reader_refuses_an_older_database_and_does_not_touch_it) {
  const FreshFolder folder;
  const auto path = folder / "a.db";
  { const Store made(path); }
  Connection(path, Connection::Access::read_write).execute("PRAGMA user_version = 0");
  EXPECT_EQ(message_of([&] { Reader reader(path); }),
            "'" + path +
                "' has schema version 0, expected 2. Any attnlab run or grid with --db on " +
                "it updates it.");
}

}  // namespace
}  // namespace attnlab::store
