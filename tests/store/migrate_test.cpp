#include <gmock/gmock.h>

#include <array>

#include "framework/store/open.h"
#include "tests/store/support.h"

namespace attnlab::store {
namespace {

constexpr std::array kTwoSteps{"CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y"};

class Migration : public InFolder {};

TEST_F(Migration, steps_are_taken_once_and_in_order) {
  const Connection connection(folder_ / "a.db", Connection::Access::create);
  migrate(connection, std::span(kTwoSteps).first(1), "");
  EXPECT_EQ(connection.integer("PRAGMA user_version", 0), 1);
  migrate(connection, kTwoSteps, "CREATE VIEW v AS SELECT y FROM a");
  migrate(connection, kTwoSteps, "CREATE VIEW v AS SELECT y FROM a");
  EXPECT_EQ(connection.integer("PRAGMA user_version", 0), 2);
  EXPECT_EQ(connection.integer("SELECT count(*) FROM v", -1), 0);
}

TEST_F(Migration, a_failing_step_leaves_the_old_version_whole) {
  const Connection connection(folder_ / "a.db", Connection::Access::create);
  constexpr std::array steps{"CREATE TABLE a (x)", "CREATE TABLE b (x); this is no SQL"};
  EXPECT_THROW(migrate(connection, steps, ""), SqliteError);
  EXPECT_EQ(connection.integer("PRAGMA user_version", 0), 0);
  EXPECT_EQ(connection.integer("SELECT count(*) FROM sqlite_schema", -1), 0);
}

TEST_F(Migration, a_newer_database_is_refused_with_both_versions) {
  { const Store made(path_); }
  Connection(path_, Connection::Access::create).execute("PRAGMA user_version = 7");
  const std::string expected =
      "'" + path_ +
      "' was written by a newer attnlab: its schema is version 7, this program knows " +
      "versions up to 5. Update attnlab, or use another file with --db FILE.";
  EXPECT_EQ(message_of([&] { Store store(path_); }), expected);
  EXPECT_EQ(message_of([&] { Reader reader(path_); }), expected);
}

// A database of version 1 as it was left by an earlier program: a run that trained.
void make_version_1(const std::string& path) {
  const Connection connection(path, Connection::Access::create);
  migrate(connection, migrations().first(1), "");
  connection.execute(
      "INSERT INTO studies VALUES (1, 'old', 0);"
      "INSERT INTO run_attempts (id, study_id, fingerprint, attempt, status, fingerprint_parts, "
      "config_json, created_ms) VALUES (1, 1, 'f', 1, 'done', '{}', '{}', 0)");
}

TEST_F(Migration, from_version_1_keeps_its_runs_as_training_runs) {
  make_version_1(path_);
  { const Store updated(path_); }
  const auto rows = Reader(path_).query("SELECT kind, study FROM runs").rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0], (Row{std::string("train"), std::string("old")}));
}

TEST_F(Migration, plans_and_looks_move_from_a_run_to_its_study) {
  const auto run = Store(path_).claim(cell(1), Owner::of_this_process()).run_id;
  const auto study = Reader(path_).query("SELECT name FROM studies").rows.at(0).at(0);
  Store(path_).add_facts(run, {{"sequential/" + text_of(study) + "/plan", "{}"}, {"sequential/" + text_of(study) + "/look_001", "[]"},
                               {"sequential/gone/plan", "{}"}, {"kernel", "flash"}});
  Connection(path_, Connection::Access::create).execute("DROP VIEW looks; DROP TABLE study_facts; PRAGMA user_version = 4");
  { const Store updated(path_); }
  const Reader reader(path_);
  EXPECT_EQ(reader.query("SELECT name, text FROM study_facts ORDER BY name").rows,
            (std::vector<Row>{{std::string("look_001"), std::string("[]")}, {std::string("plan"), std::string("{}")}}));
  EXPECT_EQ(reader.query("SELECT name FROM facts").rows, (std::vector<Row>{{std::string("kernel")}}));
}

TEST_F(Migration, a_reader_refuses_an_older_database_and_does_not_touch_it) {
  { const Store made(path_); }
  Connection(path_, Connection::Access::create).execute("PRAGMA user_version = 1");
  EXPECT_EQ(message_of([&] { Reader reader(path_); }),
            "'" + path_ +
                "' has schema version 1, expected 5. Any attnlab run or grid with --db on " +
                "it updates it.");
}

TEST_F(Migration, versions_that_nobody_wrote_are_refused_by_everybody) {
  { const Store made(path_); }
  for (const std::int64_t version : {-2147483648LL, -100000LL, -2LL, -1LL, 0LL, 6LL, 2147483647LL}) {
    Connection(path_, Connection::Access::create)
        .execute("PRAGMA user_version = " + std::to_string(version));
    const auto number = testing::HasSubstr("version " + std::to_string(version) + ",");
    EXPECT_THAT(message_of([&] { const Store store(path_); }), number);
    EXPECT_THAT(message_of([&] { const Reader reader(path_); }), number);
    EXPECT_THAT(message_of([&] { const RunWriter writer(path_, 1); }), number);
  }
}

TEST_F(Migration, views_of_another_commit_are_renewed_and_no_reader_sees_them) {
  (void)Store(path_).claim(cell(1), Owner::of_this_process());
  const auto columns_in_file = [&] {
    return Connection(path_, Connection::Access::read_only)
        .integer("SELECT count(*) FROM pragma_table_info('runs')", 0);
  };
  const auto present = columns_in_file();
  for (const auto* change :
       {"DROP VIEW runs; CREATE VIEW runs AS SELECT id FROM run_attempts", "DROP VIEW runs",
        "DROP VIEW timings; DROP VIEW runs; CREATE VIEW runs AS SELECT 1 AS id UNION ALL SELECT 2"}) {
    Connection(path_, Connection::Access::create).execute(change);
    const auto before = columns_in_file();
    EXPECT_EQ(Reader(path_).query("SELECT perplexity, status FROM runs").rows.size(), 1U) << change;
    EXPECT_EQ(Reader(path_).schema().at(3).name, "runs");
    EXPECT_EQ(columns_in_file(), before) << "a reader writes nothing";
    { const Store renewed(path_); }
    EXPECT_EQ(columns_in_file(), present) << change;
  }
}

TEST_F(Migration, a_table_that_is_missing_or_a_view_is_refused) {
  for (const auto* change : {"DROP TABLE facts", "DROP TABLE artifacts; CREATE VIEW artifacts AS SELECT 1"}) {
    const FreshFolder folder;
    const auto path = folder / "a.db";
    { const Store made(path); }
    Connection(path, Connection::Access::create).execute(change);
    const auto told = testing::HasSubstr("lacks 1 of the 11 tables of a results database");
    EXPECT_THAT(message_of([&] { const Store store(path); }), told);
    EXPECT_THAT(message_of([&] { const Reader reader(path); }), told);
  }
}

}  // namespace
}  // namespace attnlab::store
