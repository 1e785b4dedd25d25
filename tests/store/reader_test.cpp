#include <gmock/gmock.h>

#include "tests/store/support.h"

namespace attnlab::store {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

class Reading : public testing::Test {
 protected:
  Reading() {
    Store store(path_);
    (void)store.claim(cell(1), Owner::of_this_process());
  }
  [[nodiscard]] std::string refusal(const std::string& sql) const {
    return message_of([&] { (void)Reader(path_).query(sql); });
  }
  FreshFolder folder_;
  std::string path_ = folder_ / "runs.db";
};

TEST_F(Reading, binds_parameters_and_names_columns) {
  const auto answer = Reader(path_).query("SELECT ?1 AS a, ?2 AS b", {std::int64_t{3}, "x"});
  EXPECT_EQ(answer.columns, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(answer.rows.at(0), (Row{std::int64_t{3}, "x"}));
}

TEST_F(Reading, a_statement_that_writes_is_refused) {
  for (const auto* sql : {"DELETE FROM facts", "UPDATE run_attempts SET status = 'done'",
                          "INSERT INTO studies VALUES (9, 'x', 0)", "DROP TABLE facts",
                          "ATTACH 'other.db' AS other", "PRAGMA user_version = 3",
                          "PRAGMA writable_schema = 1", "CREATE TEMP TABLE t (x)", "VACUUM"}) {
    EXPECT_THAT(refusal(sql),
                StartsWith("refused: the database is open for reading only, and this "
                           "statement would write, attach a file or change a setting"))
        << sql;
  }
  EXPECT_EQ(count(path_, "SELECT count(*) FROM studies"), 1);
}

TEST_F(Reading, pragmas_that_only_tell_are_allowed) {
  EXPECT_EQ(count(path_, "PRAGMA user_version"), 2);
  EXPECT_EQ(words(path_, "PRAGMA integrity_check"), "ok");
}

TEST_F(Reading, unknown_names_come_with_the_nearest_ones) {
  EXPECT_EQ(
      refusal("SELECT * FROM rns"),
      "SQL error: no such table: rns. Did you mean 'runs'? attnlab query --schema lists tables "
      "and columns.");
  EXPECT_EQ(refusal("SELECT atention FROM runs"),
            "SQL error: no such column: atention. Did you mean 'attention'? attnlab query --schema "
            "lists tables and columns.");
  EXPECT_THAT(refusal("SELECT r.atention FROM runs r"), HasSubstr("'attention'"));
}

TEST_F(Reading, a_misspelt_column_in_double_quotes_is_no_text) {
  EXPECT_THAT(refusal("SELECT \"atention\" FROM runs"), HasSubstr("no such column: atention"));
}

TEST_F(Reading, bad_sql_is_told_with_the_place) {
  EXPECT_EQ(refusal("SELEC 1"),
            "SQL error: near \"SELEC\": syntax error. attnlab query --schema lists tables and "
            "columns.");
}

TEST_F(Reading, one_statement_is_expected) {
  EXPECT_EQ(refusal("SELECT 1; SELECT 2"),
            "expected one SQL statement; a second one begins at:  SELECT 2");
  EXPECT_EQ(refusal("  "), "expected one SQL statement, found none");
  EXPECT_EQ(count(path_, "SELECT 1; -- done"), 1);
}

TEST_F(Reading, a_query_past_its_time_is_stopped) {
  Reader reader(path_);
  reader.set_timeout(0.05);
  const auto endless =
      "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c";
  EXPECT_EQ(
      message_of([&] { (void)reader.query(endless); }),
      "stopped: the query took longer than 50 ms. Narrow it down, or allow more with --timeout "
      "SECONDS (0: no limit).");
  EXPECT_EQ(reader.query("SELECT 1").rows.size(), 1u) << "the next query has its own time";
}

TEST_F(Reading, the_schema_lists_views_first) {
  const auto schema = Reader(path_).schema();
  ASSERT_GE(schema.size(), 3u);
  EXPECT_EQ(schema[0].name, "curves");
  EXPECT_EQ(schema[1].name, "runs");
  EXPECT_TRUE(schema[1].is_view);
  EXPECT_THAT(schema[1].columns, Contains("bits_per_dim"));
}

}  // namespace
}  // namespace attnlab::store
