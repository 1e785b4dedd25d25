#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

#include "framework/store/sqlite.h"
#include "tests/store/support.h"

namespace attnlab::store {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

class Reading : public InFolder {
 protected:
  Reading() {
    Store store(path_);
    (void)store.claim(cell(1), Owner::of_this_process());
  }
  [[nodiscard]] std::string refusal(const std::string& sql) const {
    return message_of([&] { (void)Reader(path_).query(sql); });
  }
};

TEST_F(Reading, binds_parameters_and_names_columns) {
  const auto answer = Reader(path_).query("SELECT ?1 AS a, ?2 AS b", {std::int64_t{3}, "x"});
  EXPECT_EQ(answer.columns, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(answer.rows.at(0), (Row{std::int64_t{3}, "x"}));
}

TEST_F(Reading, a_statement_that_writes_is_refused) {
  for (const auto* sql : {"DELETE FROM facts", "UPDATE run_attempts SET status = 'done'",
                          "INSERT INTO studies VALUES (9, 'x', 0)", "DROP TABLE facts",
                          "ATTACH 'other.db' AS other", "PRAGMA user_version = 5",
                          "PRAGMA writable_schema = 1", "CREATE TEMP TABLE t (x)", "VACUUM"}) {
    EXPECT_THAT(refusal(sql),
                StartsWith("refused: the database is open for reading only, and this "
                           "statement would write, attach a file or change a setting"))
        << sql;
  }
  EXPECT_EQ(count(path_, "SELECT count(*) FROM studies"), 1);
}

TEST_F(Reading, pragmas_that_only_tell_are_allowed) {
  EXPECT_EQ(count(path_, "PRAGMA user_version"), 5);
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

TEST_F(Reading, a_column_of_another_table_comes_with_that_table) {
  EXPECT_EQ(refusal("SELECT metric FROM timings"),
            "SQL error: no such column: metric. It is a column of looks, results, runs. attnlab query --schema lists "
            "tables and columns.");
  EXPECT_THAT(refusal("SELECT t.METRIC FROM timings t"), HasSubstr("It is a column of "));
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
      "stopped: the query took longer than 50 ms. Narrow it down, or allow more with attnlab query --timeout "
      "SECONDS (0: no limit).");
  EXPECT_EQ(reader.query("SELECT 1").rows.size(), 1u) << "the next query has its own time";
}

TEST_F(Reading, a_statement_without_bounds_meets_one) {
  Reader reader(path_);
  reader.set_timeout(100);
  for (const auto* sql :
       {"SELECT zeroblob(1000000000)", "SELECT length(zeroblob(1000000000))",
        "SELECT randomblob(100000000)", "SELECT hex(zeroblob(60000000))",
        "WITH RECURSIVE c (x) AS (SELECT 'a' UNION ALL SELECT x || x FROM c) SELECT max(x) FROM c"}) {
    const auto told = message_of([&] { (void)reader.query(sql); });
    EXPECT_THAT(told, testing::ContainsRegex("too big")) << sql;
  }
  EXPECT_EQ(reader.query("SELECT 1").rows.size(), 1U);
  EXPECT_EQ(Connection(path_, Connection::Access::read_only).integer("PRAGMA hard_heap_limit", 0),
            1 << 30);
}

TEST_F(Reading, an_endless_view_in_the_file_meets_the_deadline) {
  Connection(path_, Connection::Access::existing)
      .execute("CREATE VIEW mine AS WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
               "SELECT count(*) AS n FROM c");
  Reader reader(path_);
  reader.set_timeout(0.05);
  EXPECT_THAT(message_of([&] { (void)reader.query("SELECT n FROM mine"); }), StartsWith("stopped: "));
}

TEST_F(Reading, one_call_that_cannot_be_interrupted_ends_the_process_with_the_same_words) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    Reader reader(path_);
    reader.set_timeout(0.1);
    (void)reader.query(
        "SELECT instr(h, substr(h, 1, 15000000) || 'b') FROM (SELECT hex(zeroblob(15000000)) AS h)");
    ::_exit(0);
  }
  ::close(ends[1]);
  char told[256] = {};
  EXPECT_GT(::read(ends[0], told, sizeof told - 1), 0);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_THAT(told, StartsWith("attnlab: stopped: the query took longer than 100 ms"));
}

TEST_F(Reading, time_that_is_spent_on_rows_is_the_querys) {
  Reader reader(path_);
  reader.set_timeout(0.2);
  const auto endless = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c";
  const auto begun = std::clock();
  const auto busy = [&](const Row&) {
    const auto until = std::clock() + CLOCKS_PER_SEC / 1000;
    while (std::clock() < until) continue;
  };
  EXPECT_THAT(message_of([&] { reader.each(endless, {}, [](const auto&) {}, busy); }), StartsWith("stopped: the query took longer than 200 ms"));
  EXPECT_LT(std::clock() - begun, 2 * CLOCKS_PER_SEC);
}

TEST_F(Reading, time_that_a_row_waits_to_be_printed_is_not_the_querys) {
  Reader reader(path_);
  reader.set_timeout(0.5);
  int rows = 0;
  reader.each("SELECT 1 UNION ALL SELECT 2", {}, [](const auto&) {}, [&](const Row&) {
    ++rows;
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  });
  EXPECT_EQ(rows, 2);
}

TEST_F(Reading, a_count_of_all_numbers_looks_up_no_event_and_a_curve_is_found_by_its_key) {
  const auto plan = [&](const std::string& sql) {
    std::string text;
    for (const auto& row : Reader(path_).query("EXPLAIN QUERY PLAN " + sql).rows) {
      text += std::get<std::string>(row.at(3)) + "\n";
    }
    return text;
  };
  EXPECT_THAT(plan("SELECT count(*) FROM curves"), testing::Not(HasSubstr("events")));
  const auto curve = plan("SELECT step, value FROM curves WHERE run_id = 1 AND key = 'val/loss'");
  EXPECT_THAT(curve, HasSubstr("SEARCH run_attempts USING INTEGER PRIMARY KEY"));
  EXPECT_THAT(curve, HasSubstr("SEARCH metrics USING PRIMARY KEY (run_id=? AND key_id=?)"));
}

TEST_F(Reading, the_schema_lists_views_first) {
  const auto schema = Reader(path_).schema();
  ASSERT_GE(schema.size(), 3u);
  EXPECT_EQ(schema[0].name, "curves");
  const auto runs = std::ranges::find(schema, "runs", [](const auto& each) { return each.name; });
  ASSERT_NE(runs, schema.end());
  EXPECT_TRUE(runs->is_view);
  EXPECT_THAT(runs->columns, Contains("bits_per_dim"));
  const auto is_view = [](const auto& each) { return each.is_view; };
  EXPECT_TRUE(std::ranges::is_partitioned(schema, is_view));
}

}  // namespace
}  // namespace attnlab::store
