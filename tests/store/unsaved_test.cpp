// unsaved_test.cpp: a run whose end meets a database that cannot be written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <thread>

#include "framework/store/unsaved.h"
#include "tests/store/writing.h"

namespace attnlab::store {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// What the database says of everything that a run stored.
std::string everything(const std::string& path) {
  std::string text;
  for (const auto* sql :
       {"SELECT step, name, unit, goal, value, tokens_seen, train_seconds FROM metrics JOIN metric_keys "
        "ON id = key_id JOIN events USING (run_id, step) ORDER BY 1, 2",
        "SELECT name, text FROM facts ORDER BY 1", "SELECT status, reason FROM run_attempts",
        "SELECT last, last_step, minimum, maximum, count FROM run_last"}) {
    Reader(path).each(sql, {}, [](const auto&) {}, [&](const Row& row) {
      for (const auto& value : row) {
        std::visit([&](const auto& it) {
          if constexpr (std::is_same_v<decltype(it), const std::string&>) text += it + " ";
          else if constexpr (!std::is_same_v<decltype(it), const std::monostate&>) text += std::to_string(it) + " ";
          else text += "NULL ";
        }, value);
      }
      text += "\n";
    });
  }
  return text;
}

/// Hard values, and words that JSON must quote.
void tell(RunWriter& writer) {
  const double inf = std::numeric_limits<double>::infinity();
  std::int64_t step = 0;
  for (const double value : {0.1, 1e-300, static_cast<double>(NAN), inf, -inf, 1.0 / 3, 5e-324, -0.0}) {
    writer.add(event(++step, value));
  }
  writer.fact("kernel", "a \"b\"\n\\c \u00fc");
}

class Locked : public Writing {
 protected:
  Locked() { std::filesystem::create_directory(run_folder_); }
  /// A run whose end meets a database that another program has locked and does not give back.
  void write_under_lock(Status status) {
    Store(path_).started(run_, dead_, {}, {{"log", run_folder_ + "/log.txt"}});
    const Connection other(path_, Connection::Access::existing);
    RunWriter writer(path_, run_, run_folder_);
    Transaction lock(other);
    tell(writer);
    writer.finish(status, "in the end");
  }
  std::string run_folder_ = folder_ / "run-1";
  Owner dead_ = [] {
    auto owner = Owner::of_this_process();
    owner.start_ticks += 1;
    return owner;
  }();
};

TEST_F(Locked, the_end_is_tried_until_the_lock_is_gone) {
  const Connection other(path_, Connection::Access::existing);
  RunWriter writer(path_, run_, run_folder_);
  auto lock = std::make_optional<Transaction>(other);
  writer.add(event(1, 0.5));
  std::jthread ending([&] { writer.finish(Status::done, ""); });
  EXPECT_TRUE(comes_true([&] { return writer.problem().has_value(); }));
  EXPECT_THAT(*writer.problem(), HasSubstr("stayed locked by another process"));
  lock.reset();
  ending.join();
  EXPECT_EQ(status(), "done");
  EXPECT_EQ(rows(), 1);
  EXPECT_FALSE(std::filesystem::exists(run_folder_ + "/unsaved.json"));
}

TEST_F(Locked, what_lies_in_the_runs_folder_is_taken_in_by_whoever_comes_first_and_nothing_is_lost) {
  {
    RunWriter writer(path_, run_);
    tell(writer);
    writer.finish(Status::interrupted, "in the end");
  }
  const auto expected = everything(path_);
  const std::function<void(Store&)> ways[]{
      [](Store& store) { EXPECT_EQ(store.reap_dead(), 1); },
      [](Store& store) { EXPECT_FALSE(store.finish(1, Status::failed, "another reason")); },
      [](Store& store) { EXPECT_EQ(store.claim(cell(1), Owner::of_this_process()).attempt, 2); }};
  for (const auto& way : ways) {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
    run_ = Store(path_).claim(cell(1), Owner::of_this_process()).run_id;
    write_under_lock(Status::interrupted);
    EXPECT_TRUE(std::filesystem::exists(run_folder_ + "/unsaved.json"));
    EXPECT_EQ(rows(), 0);
    Store store(path_);
    way(store);
    EXPECT_FALSE(std::filesystem::exists(run_folder_ + "/unsaved.json"));
    Connection(path_, Connection::Access::existing).execute("DELETE FROM configs WHERE run_id = 2;"
        "DELETE FROM study_runs WHERE run_id = 2; DELETE FROM run_attempts WHERE id = 2");
    EXPECT_EQ(everything(path_), expected);
  }
}

TEST_F(Locked, a_run_that_was_done_is_not_run_again) {
  Store(path_).started(run_, dead_, {}, {{"log", run_folder_ + "/log.txt"}});
  write_unsaved(run_folder_, attempt_name(Connection(path_, Connection::Access::existing), run_),
                {.events = {{event(1, 0.5), 7}}, .facts = {}, .ending = Ending{}});
  const auto claim = Store(path_).claim(cell(1), Owner::of_this_process());
  EXPECT_EQ(claim.result, ClaimResult::finished_before);
  EXPECT_EQ(claim.run_id, run_);
  EXPECT_EQ(rows(), 1);
}

TEST_F(Locked, a_file_that_is_none_of_this_attempt_is_left_and_named) {
  for (const std::string text : {"", "{", "[]", "{\"attempt\": \"f-1\"}", "\xff\xfe", "null"}) {
    std::ofstream(run_folder_ + "/unsaved.json") << text;
    Store store(path_);
    store.started(run_, dead_, {}, {{"log", run_folder_ + "/log.txt"}});
    EXPECT_EQ(store.reap_dead(), 1) << text;
    EXPECT_EQ(status(), "interrupted");
    EXPECT_THAT(words(path_, "SELECT reason FROM runs"), HasSubstr("unsaved.json' cannot be read"));
    EXPECT_TRUE(std::filesystem::exists(run_folder_ + "/unsaved.json"));
    Connection(path_, Connection::Access::existing).execute("UPDATE run_attempts SET status = 'running'");
  }
}

TEST_F(Locked, it_is_found_beside_a_database_that_was_moved_with_its_runs) {
  write_under_lock(Status::interrupted);
  std::filesystem::create_directory(folder_ / "elsewhere");
  for (const char* name : {"runs.db", "runs.db-wal", "run-1"}) {
    std::filesystem::rename(folder_ / name, folder_ / ("elsewhere/" + std::string(name)));
  }
  path_ = folder_ / "elsewhere/runs.db";
  EXPECT_EQ(Store(path_).reap_dead(), 1);
  EXPECT_EQ(rows(), 8);
}

TEST_F(Locked, a_database_that_is_taken_away_is_noticed_and_never_made_anew) {
  namespace fs = std::filesystem;
  struct Way {
    const char* name;
    std::function<void()> take_away;
    const char* told;
  };
  const auto move = [&](const std::string& from, const std::string& to) { fs::rename(from, to); };
  for (const auto& [name, take_away, told] : {
           Way{"rm", [&] { for (const char* s : {"", "-wal", "-shm"}) fs::remove(path_ + s); }, "was removed"},
           Way{"rename", [&] { move(path_, path_ + ".old"); }, "was renamed to '"},
           Way{"replace", [&] { move(path_, path_ + ".old"); std::ofstream(path_) << "x"; }, "was replaced"},
           Way{"rm wal", [&] { fs::remove(path_ + "-wal"); }, "-wal' was removed"},
           Way{"rename the folder", [&] { move(folder_ / "sub", folder_ / "other"); }, "was renamed to '"}}) {
    fs::remove_all(folder_ / "sub");
    fs::remove_all(folder_ / "other");
    fs::create_directory(folder_ / "sub");
    path_ = folder_ / "sub/runs.db";
    run_ = Store(path_).claim(cell(1), Owner::of_this_process()).run_id;
    RunWriter writer(path_, run_, run_folder_);
    writer.add(event(1, 0.5));
    EXPECT_TRUE(comes_true([&] { return rows() == 1; }));
    take_away();
    writer.add(event(2, 0.5));
    EXPECT_TRUE(comes_true([&] { return writer.hopeless(); })) << name;
    EXPECT_THAT(writer.problem().value_or(""), HasSubstr(told)) << name;
    writer.finish(Status::done, "");
    EXPECT_TRUE(fs::exists(run_folder_ + "/unsaved.json")) << name;
    if (!fs::exists(path_)) {
      EXPECT_THAT(message_of([&] { const RunWriter next(path_, run_); }), HasSubstr("is gone")) << name;
      EXPECT_FALSE(fs::exists(path_)) << name;
    }
  }
}

}  // namespace
}  // namespace attnlab::store
