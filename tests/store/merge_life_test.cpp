// merge_life_test.cpp: databases that are written to, or killed, while they are merged.
#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/store/merging.h"

namespace attnlab::store {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;

struct MergingAlive : testing::Test {
  MergingAlive() { std::filesystem::create_directory(folder / "a"); }
  Merged merge() const { return Merger(into).take(a); }
  [[nodiscard]] std::string status() const { return words(into, "SELECT status FROM run_attempts"); }
  FreshFolder folder;
  std::string into = folder / "into.db", a = folder / "a/runs.db";
};

TEST_F(MergingAlive, a_run_that_goes_on_is_followed_to_its_end) {
  const auto run = add_attempt(a, cell(1), Status::running, {1, 2});
  EXPECT_EQ(merge().added, 1);
  EXPECT_EQ(status(), "running");
  RunWriter writer(a, run);
  for (std::int64_t step = 3; step <= 40; ++step) {
    writer.add(event(step, 0.5));
    if (step % 10 != 0) continue;
    writer.add(event(step, 0.25));  // logged again
    ASSERT_TRUE(writer.settle(5));
    const auto merged = merge();
    EXPECT_EQ(merged.updated, 1);
    EXPECT_EQ(contents(into), contents(a)) << step;
  }
  // Somebody who looks at `into` alone may think it dead meanwhile.
  Store(into).finish(1, Status::interrupted, "silence");
  writer.add(event(41, 0.125));
  writer.fact("kernel", "another");
  ASSERT_TRUE(writer.settle(5));
  merge();
  EXPECT_EQ(contents(into), contents(a));
  EXPECT_EQ(status(), "running");
  Store(into).finish(1, Status::interrupted, "silence");
  writer.finish(Status::done, "");
  merge();
  EXPECT_EQ(contents(into), contents(a));
  EXPECT_EQ(status(), "done");
}

TEST_F(MergingAlive, what_a_run_dropped_when_it_went_on_from_a_checkpoint_is_dropped) {
  const auto run = add_attempt(a, cell(1), Status::running, {1, 2, 3, 4, 5});
  merge();
  // As an attempt of Slurm does in its next life; val/loss has no number left, since it is at even steps.
  execute(a, "DELETE FROM metrics WHERE step > 1; DELETE FROM events WHERE step > 1; DELETE FROM run_last;"
             "INSERT INTO run_last SELECT run_id, key_id, value, step, value, value, 1 FROM metrics;"
             "UPDATE run_attempts SET heartbeat_ms = heartbeat_ms + 1");
  merge();
  EXPECT_EQ(contents(into), contents(a));
  Store(a).add_events(run, {event(2, 0.75), event(3, 0.25)});
  execute(a, "UPDATE run_attempts SET heartbeat_ms = heartbeat_ms + 1");
  merge();
  EXPECT_EQ(contents(into), contents(a));
}

TEST_F(MergingAlive, an_old_copy_of_a_run_changes_nothing) {
  const auto run = add_attempt(a, cell(1), Status::running, {1, 2});
  const auto old = folder / "a/old.db";
  { Merger(old).take(a); }
  Store(a).add_events(run, {event(3, 0.5), event(2, 0.75)});
  execute(a, "UPDATE run_attempts SET heartbeat_ms = heartbeat_ms + 1");
  Store(a).finish(run, Status::done, "");
  merge();
  const auto before = contents(into);
  const auto merged = Merger(into).take(old);
  EXPECT_EQ(merged.unchanged, 1);
  EXPECT_THAT(merged.conflicts, IsEmpty());
  EXPECT_EQ(contents(into), before);
}

TEST_F(MergingAlive, a_run_whose_process_died_comes_in_as_interrupted) {
  const auto run = add_attempt(a, cell(1), Status::running, {1, 2});
  auto dead = Owner::of_this_process();
  dead.start_ticks += 1;
  Store(a).started(run, dead, {}, {});
  merge();
  EXPECT_EQ(words(into, "SELECT status FROM main.run_attempts"), "interrupted");
  EXPECT_EQ(words(a, "SELECT status FROM main.run_attempts"), "running");
  EXPECT_EQ(words(into, "SELECT reason FROM run_attempts"), words(a, "SELECT reason FROM run_attempts"));
  Store(a).reap_dead();
  const auto merged = merge();
  EXPECT_EQ(merged.added, 0);
  EXPECT_EQ(status(), "interrupted");
}

TEST_F(MergingAlive, a_live_run_elsewhere_keeps_its_cell) {
  add_attempt(a, cell(1), Status::running, {1});
  merge();
  EXPECT_EQ(Store(into).claim(cell(1), Owner::of_this_process()).result, ClaimResult::running_elsewhere);
  execute(into, "UPDATE run_attempts SET status = 'interrupted'");
  EXPECT_EQ(Store(into).claim(cell(1), Owner::of_this_process()).result, ClaimResult::claimed);
  Store(a).finish(1, Status::done, "");
  EXPECT_THAT(merge().conflicts, testing::ElementsAre(testing::HasSubstr("is done, and so the same cell is running here, as run 2")));
}

TEST_F(MergingAlive, a_merge_that_is_killed_is_finished_by_the_next_and_leaves_nothing_that_looks_whole) {
  std::vector<std::int64_t> steps;
  for (std::int64_t step = 1; step <= 12'000; ++step) steps.push_back(step);
  { const Store made(into); }
  for (int number = 0; number < 6; ++number) add_attempt(a, cell(number), Status::done, steps);
  int cut = 0;
  for (int round = 0; round < 8; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      merge();
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(40 + 35 * round));
    ::kill(child, SIGKILL);
    int how = 0;
    ::waitpid(child, &how, 0);
    cut += WIFSIGNALED(how);
    EXPECT_EQ(words(into, "PRAGMA integrity_check"), "ok");
    EXPECT_EQ(count(into, "SELECT count(*) FROM run_attempts AS a WHERE status <> 'interrupted' AND 12000 <> "
                          "(SELECT count(*) FROM metrics JOIN metric_keys ON id = key_id WHERE run_id = a.id AND name = 'train/loss')"),
              0);
  }
  EXPECT_GT(cut, 0);
  merge();
  EXPECT_EQ(contents(into), contents(a));
}

TEST_F(MergingAlive, stores_that_are_written_meanwhile_lose_nothing) {
  constexpr int kStores = 4;
  std::vector<std::string> stores;
  for (int number = 0; number < kStores; ++number) {
    stores.push_back(folder / ("w" + std::to_string(number) + "/runs.db"));
    std::filesystem::create_directory(std::filesystem::path(stores.back()).parent_path());
    add_attempt(stores.back(), cell(number), Status::running, {1});
  }
  std::atomic<int> open = kStores;
  std::vector<std::jthread> writers;
  for (const auto& path : stores) {
    writers.emplace_back([&] {
      RunWriter writer(path, 1);
      for (std::int64_t step = 2; step <= 3000; ++step) {
        writer.add(event(step, 1.0 / static_cast<double>(step)));
        if (step % 300 == 0) std::this_thread::sleep_for(40ms);
      }
      writer.finish(Status::done, "");
      --open;
    });
  }
  Merger merger(into);
  int rounds = 0;
  for (bool last = false; !last; ++rounds) {
    last = open == 0;
    for (const auto& path : stores) merger.take(path);
  }
  EXPECT_GT(rounds, 1);
  for (const auto& path : stores) EXPECT_EQ(contents(into, "a.merged_from = '" + path + "'"), contents(path));
}

}  // namespace
}  // namespace attnlab::store
