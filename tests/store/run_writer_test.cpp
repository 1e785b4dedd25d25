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

#include "framework/store/store.h"
#include "tests/store/writing.h"

namespace attnlab::store {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

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

}  // namespace
}  // namespace attnlab::store
