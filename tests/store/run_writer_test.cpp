#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <thread>

#include "framework/store/unsaved.h"
#include "tests/store/support.h"

namespace attnlab::store {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Whether `condition` came true within five seconds.
bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

class Writing : public testing::Test {
 protected:
  [[nodiscard]] std::int64_t rows() const { return count(path_, "SELECT count(*) FROM metrics"); }
  [[nodiscard]] std::string status() const { return words(path_, "SELECT status FROM runs"); }
  FreshFolder folder_;
  std::string path_ = folder_ / "runs.db";
  std::int64_t run_ = Store(path_).claim(cell(1), Owner::of_this_process()).run_id;
};

TEST_F(Writing, finish_saves_everything_and_the_status) {
  RunWriter writer(path_, run_);
  for (int step = 0; step < 1000; ++step) writer.add(event(step, 1.0 / (step + 1)));
  writer.fact("kernel", "flash");
  writer.finish(Status::done, "");
  EXPECT_EQ(rows(), 1000);
  EXPECT_EQ(status(), "done");
  EXPECT_EQ(words(path_, "SELECT kernel FROM runs"), "flash");
  EXPECT_EQ(writer.problem(), std::nullopt);
}

TEST_F(Writing, events_arrive_within_a_second_and_the_heart_beats) {
  const auto before = count(path_, "SELECT heartbeat_ms FROM run_attempts");
  RunWriter writer(path_, run_);
  writer.add(event(1, 0.5));
  EXPECT_TRUE(comes_true([&] { return rows() == 1; }));
  EXPECT_GT(count(path_, "SELECT heartbeat_ms FROM run_attempts"), before);
}

TEST_F(Writing, the_heart_beats_without_events_too) {
  RunWriter writer(path_, run_);
  const auto before = count(path_, "SELECT heartbeat_ms FROM run_attempts");
  EXPECT_TRUE(
      comes_true([&] { return count(path_, "SELECT heartbeat_ms FROM run_attempts") > before; }));
}

TEST_F(Writing, a_full_batch_does_not_wait_for_the_clock) {
  bool sooner = false;  // than the clock; a busy machine may miss it, not every time
  for (int i = 0; i < 20 && !sooner; ++i) {
    RunWriter writer(path_, run_);
    const auto start = std::chrono::steady_clock::now();
    for (int step = 0; step < 256; ++step) writer.add(event(256 * i + step, 1));
    EXPECT_TRUE(comes_true([&] { return rows() == 256 * (i + 1); }));
    sooner = std::chrono::steady_clock::now() - start < 450ms;
  }
  EXPECT_TRUE(sooner);
}

TEST_F(Writing, without_finish_events_are_saved_and_the_status_stays) {
  {
    RunWriter writer(path_, run_);
    writer.add(event(1, 0.5));
  }
  EXPECT_EQ(rows(), 1);
  EXPECT_EQ(status(), "running");
}

TEST_F(Writing, a_second_finish_changes_nothing) {
  RunWriter writer(path_, run_);
  writer.finish(Status::failed, "NaN");
  writer.finish(Status::done, "");
  writer.add(event(1, 0.5));
  EXPECT_EQ(status(), "failed");
  EXPECT_EQ(rows(), 0);
}

TEST_F(Writing, an_attempt_that_somebody_else_ended_is_left_alone) {
  RunWriter writer(path_, run_);
  Store(path_).finish(run_, Status::interrupted, "reaped");
  writer.add(event(1, 0.5));
  EXPECT_TRUE(comes_true([&] { return writer.problem().has_value(); }));
  EXPECT_EQ(writer.problem(), "run 1 was ended by another process; nothing more is written");
  writer.add(event(2, 0.5));
  writer.finish(Status::done, "");
  EXPECT_EQ(status(), "interrupted");
  EXPECT_EQ(rows(), 0);
}

TEST_F(Writing, more_than_memory_may_hold_is_dropped_and_told) {
  RunWriter writer(path_, run_);
  MetricEvent huge = event(1, 0.5);
  huge.metrics.resize(500'001, huge.metrics[0]);
  writer.add(std::move(huge));
  writer.add(event(2, 0.5));
  writer.finish(Status::done, "all steps");
  EXPECT_EQ(rows(), 1);
  EXPECT_EQ(words(path_, "SELECT reason FROM runs"),
            "all steps; logged events lost while nothing could be written: 1");
}

/// A child's story: 2000 events on a full disk, then perhaps room again.
std::string write_on_full_disk(const std::string& path, std::int64_t run,
                               const std::function<void()>& fill,
                               const std::function<void()>& make_room) {
  RunWriter writer(path, run, "", 0.1);
  writer.add(event(0, 1.0));
  if (!comes_true([&] { return count(path, "SELECT count(*) FROM metrics") == 1; })) return "slow";
  fill();
  for (int step = 1; step <= 2000; ++step) writer.add(event(step, 1.0 / step));
  if (!comes_true([&] { return writer.problem().has_value(); })) return "no problem was told";
  const auto problem = *writer.problem();
  const auto refusal = message_of([&] { writer.finish(Status::done, ""); });
  make_room();
  writer.finish(Status::done, "");  // everything was kept
  return problem + "\n--\n" + refusal;
}

void expect_told_and_kept(const std::string& told) {
  EXPECT_THAT(told, HasSubstr("disk full: cannot write to '"));
  EXPECT_THAT(told, HasSubstr("Free some space, or use another place with --db FILE."));
  EXPECT_THAT(
      told, HasSubstr("--\nthe end of run 1 and its last 2000 logged events could not be saved:"));
}

TEST_F(Writing, past_a_file_size_limit_events_are_kept_until_there_is_room) {
  const auto limit_to = [](rlim_t bytes) {
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  };
  const auto told = told_by_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const auto wal = std::filesystem::file_size(path_ + "-wal");
    return write_on_full_disk(
        path_, run_, [&] { limit_to(wal + 20'000); }, [&] { limit_to(RLIM_INFINITY); });
  });
  expect_told_and_kept(told);
  EXPECT_EQ(rows(), 2001);
  EXPECT_EQ(status(), "done");
  EXPECT_EQ(words(path_, "PRAGMA integrity_check"), "ok");
}

TEST_F(Writing, on_a_full_disk_events_are_kept_until_there_is_room) {
  const auto told = told_by_child([&]() -> std::string {
    const auto disk = folder_ / "disk";
    if (!mount_own_disk(disk, "size=2m")) return "skip";
    const auto path = disk + "/runs.db", ballast = disk + "/ballast";
    const auto run = Store(path).claim(cell(1), Owner::of_this_process()).run_id;
    const auto fill = [&] {
      std::ofstream file(ballast, std::ios::binary);
      while (file << std::string(512, 'x') << std::flush) {
      }
    };
    auto story = write_on_full_disk(path, run, fill, [&] { std::filesystem::remove(ballast); });
    return story + "\n--\n" + words(path, "PRAGMA integrity_check") + " " +
           std::to_string(count(path, "SELECT count(*) FROM metrics"));
  });
  if (told == "skip") GTEST_SKIP() << "a tmpfs of our own cannot be mounted here";
  expect_told_and_kept(told);
  EXPECT_THAT(told, testing::EndsWith("ok 2001"));
}

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
                {{{event(1, 0.5), 7}}, {}, Ending{}});
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
