// continuation_test.cpp: attempts that go on where an earlier one was stopped.
#include <gmock/gmock.h>

#include <chrono>
#include <fstream>

#include "framework/store/sqlite.h"
#include "tests/store/support.h"

namespace attnlab::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

struct Continued : testing::Test {
  FreshFolder folder;
  std::string path = folder / "runs.db";
  Store results{path};
  Owner me = Owner::of_this_process();

  // A new attempt at the cell with a folder, its events, and its end.
  std::int64_t attempt(const std::vector<std::int64_t>& steps, Status end = Status::interrupted) {
    const auto claim = results.claim(cell(1), me);
    const auto here = folder.path() / ("attempt-" + std::to_string(claim.attempt));
    fs::create_directory(here);
    results.started(claim.run_id, me, {}, {{"log", (here / "log.txt").string()}});
    std::vector<MetricEvent> events;
    for (const auto step : steps) events.push_back(event(step, static_cast<double>(100 * claim.attempt + step)));
    results.add_events(claim.run_id, events);
    if (end != Status::running) {
      EXPECT_TRUE(results.finish(claim.run_id, end, "why"));
    }
    return claim.run_id;
  }
  std::vector<double> curve(std::int64_t run) const {
    std::vector<double> values;
    for (const auto& row : Reader(path).query("SELECT value FROM curves WHERE run_id = ?1 ORDER BY step", {run}).rows) {
      values.push_back(std::get<double>(row[0]));
    }
    return values;
  }
};

TEST_F(Continued, has_one_curve_without_gap_or_overlap_and_the_old_attempt_keeps_its_numbers) {
  const auto first = attempt({1, 2, 3, 4, 5});
  results.add_facts(first, {{"kernel", "flash"}, {"from_scratch", "1"}, {"shared", "1"}});
  EXPECT_THAT(curve(first), ElementsAre(101, 102, 103, 104, 105));
  const auto second = attempt({4}, Status::running);
  continue_from(path, second, first, 3, 1);
  results.add_events(second, {event(5, 205)});
  EXPECT_THAT(curve(second), ElementsAre(101, 102, 103, 204, 205));
  EXPECT_TRUE(curve(first).empty()) << "shown once";
  EXPECT_EQ(count(path, "SELECT count(*) FROM metrics WHERE run_id = " + std::to_string(first)), 5);
  const std::string of_second = " FROM run_last WHERE run_id = " + std::to_string(second);
  EXPECT_EQ(std::get<double>(first_value(path, "SELECT minimum" + of_second)), 101);
  EXPECT_EQ(std::get<double>(first_value(path, "SELECT last" + of_second)), 205);
  EXPECT_EQ(count(path, "SELECT count" + of_second), 5);
  EXPECT_EQ(count(path, "SELECT continues FROM runs WHERE id = " + std::to_string(second)), first);
  EXPECT_EQ(count(path, "SELECT continues_step FROM runs WHERE id = " + std::to_string(second)), 3);
  EXPECT_EQ(words(path, "SELECT kernel FROM runs WHERE id = " + std::to_string(second)), "flash");
  EXPECT_EQ(count(path, "SELECT count(*) FROM facts WHERE name = 'from_scratch'"), 1) << "that was the first one";
  continue_from(path, second, first, 3, 1);
  EXPECT_THAT(curve(second), ElementsAre(101, 102, 103, 204, 205)) << "twice is once";
}

TEST_F(Continued, in_a_chain_has_what_each_one_added) {
  const auto first = attempt({1, 2, 3});
  const auto second = attempt({}, Status::running);
  continue_from(path, second, first, 2, 1);
  results.add_events(second, {event(3, 203), event(4, 204)});
  EXPECT_TRUE(results.finish(second, Status::failed, "crash"));
  const auto lost = attempt({}, Status::interrupted);  // died before it had anything
  const auto fourth = attempt({}, Status::running);
  continue_from(path, fourth, second, 3, 1);
  results.add_events(fourth, {event(4, 404)});
  EXPECT_TRUE(results.finish(fourth, Status::done, ""));
  EXPECT_THAT(curve(fourth), ElementsAre(101, 102, 203, 404));
  for (const auto run : {first, second, lost}) EXPECT_TRUE(curve(run).empty());
}

TEST_F(Continued, one_that_goes_on_from_further_back_hides_what_lay_between) {
  const auto first = attempt({1, 2, 3});
  const auto second = attempt({4, 5});
  continue_from(path, second, first, 3, 1);
  const auto third = attempt({}, Status::running);
  continue_from(path, third, first, 2, 1);
  results.add_events(third, {event(3, 303)});
  EXPECT_THAT(curve(third), ElementsAre(101, 102, 303));
  EXPECT_TRUE(curve(first).empty() && curve(second).empty());
}

TEST_F(Continued, is_offered_the_attempts_before_it_newest_first_back_to_one_from_scratch) {
  const auto first = attempt({1}), second = attempt({1});
  results.add_facts(second, {{"from_scratch", "1"}});
  const auto third = attempt({1}, Status::failed), now = attempt({}, Status::running);
  results.add_facts(third, {{"shared", "1"}});
  const auto found = results.earlier(now);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].run_id, third);
  EXPECT_EQ(found[0].attempt, 3);
  EXPECT_TRUE(found[0].shared);
  EXPECT_EQ(found[0].folder, folder.path() / "attempt-3");
  EXPECT_EQ(found[1].run_id, second);
  EXPECT_FALSE(found[1].shared);
  EXPECT_TRUE(results.earlier(first).empty());
}

TEST_F(Continued, waits_for_a_lock_as_long_as_it_is_told) {
  const auto first = attempt({1}), second = attempt({}, Status::running);
  const Connection other(path, Connection::Access::existing);
  const Transaction held(other);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(message_of([&] { continue_from(path, second, first, 1, 0); }), HasSubstr("locked"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(Settling, waits_until_all_is_stored_and_no_longer_than_it_is_told) {
  const FreshFolder folder;
  const auto path = folder / "runs.db";
  Store results(path);
  const auto claim = results.claim(cell(1), Owner::of_this_process());
  RunWriter writer(path, claim.run_id);
  EXPECT_TRUE(writer.settle(5)) << "nothing is waiting";
  for (int step = 1; step <= 20; ++step) {
    writer.add(event(step, 1));
    EXPECT_TRUE(writer.settle(5));
    EXPECT_EQ(count(path, "SELECT count(*) FROM metrics"), step);
  }
  writer.artifact("checkpoints", "/x/checkpoints");
  EXPECT_TRUE(writer.settle(5));
  EXPECT_EQ(words(path, "SELECT path FROM artifacts"), "/x/checkpoints");
  {
    const Connection other(path, Connection::Access::existing);
    const Transaction held(other);
    writer.add(event(21, 1));
    EXPECT_FALSE(writer.settle(0.2));
  }
  EXPECT_TRUE(writer.settle(10));
  writer.finish(Status::done, "");
}

}  // namespace
}  // namespace attnlab::store
