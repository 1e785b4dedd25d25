#include <signal.h>

#include <chrono>
#include <thread>

#include "tests/store/support.h"

namespace attnlab::store {
namespace {

using namespace std::chrono_literals;

/// Goes through all cells until none is left, as a grid does.
std::string work_off(const std::string& path, int cells) {
  Store store(path);
  const auto me = Owner::of_this_process();
  int claimed = 0;
  for (bool open = true; open;) {
    open = false;
    for (int number = 0; number < cells; ++number) {
      const auto claim = store.claim(cell(number), me);
      open |= claim.result == ClaimResult::running_elsewhere;
      if (claim.result != ClaimResult::claimed) continue;
      ++claimed;
      RunWriter writer(path, claim.run_id);
      writer.add(event(1, number));
      writer.finish(Status::done, "");
    }
    store.checkpoint();
  }
  return std::to_string(claimed) + "\n";
}

class Processes : public InFolder {};

TEST_F(Processes, two_of_them_do_every_cell_once) {
  const auto path = folder_ / "runs.db";  // not made yet: they race for that, too
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto work = [&] { return work_off(path, 50); };
  const pid_t children[] = {start_child(work, ends[1]), start_child(work, ends[1])};
  ::close(ends[1]);
  for (const auto child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  std::string told(64, '\0');
  told.resize(static_cast<std::size_t>(::read(ends[0], told.data(), told.size())));
  ::close(ends[0]);
  const auto second = told.find('\n') + 1;
  ASSERT_LT(second, told.size()) << told;
  EXPECT_EQ(std::stoi(told) + std::stoi(told.substr(second)), 50) << told;
  EXPECT_EQ(count(path, "SELECT count(*) FROM runs WHERE status = 'done' AND attempt = 1"), 50);
  EXPECT_EQ(count(path, "SELECT count(*) FROM runs"), 50);
  EXPECT_EQ(count(path, "SELECT count(*) FROM metrics"), 50);
}

/// Commits event after event and tells each on the pipe after the commit.
[[noreturn]] void write_for_ever(const std::string& path, int number, int out) {
  Store store(path);
  const auto run = store.claim(cell(number), Owner::of_this_process()).run_id;
  for (std::int64_t step = 1;; ++step) {
    store.add_events(run, {event(step, 1.0 / static_cast<double>(step))});
    if (::write(out, "x", 1) != 1) ::_exit(1);
    ::usleep(200);  // two that never pause would starve each other
  }
}

TEST_F(Processes, kill_9_loses_no_committed_row) {
  { const Store made(path_); }
  for (int round = 0; round < 5; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    pid_t children[2];
    for (int i = 0; i < 2; ++i) {
      children[i] = start_child(
          [&]() -> std::string { write_for_ever(path_, 2 * round + i, ends[1]); }, ends[1]);
    }
    ::close(ends[1]);
    const auto both_write = [&] {
      return count(path_, "SELECT count(DISTINCT run_id) FROM metrics") == 2 * (round + 1);
    };
    for (int i = 0; i < 500 && !both_write(); ++i) std::this_thread::sleep_for(10ms);
    Store(path_).checkpoint();  // while they write
    std::this_thread::sleep_for(20ms);
    for (const auto child : children) ::kill(child, SIGKILL);
    for (const auto child : children) ::waitpid(child, nullptr, 0);
    std::int64_t committed = 0;
    char buffer[65536];
    for (ssize_t size; (size = ::read(ends[0], buffer, sizeof buffer)) > 0;) committed += size;
    ::close(ends[0]);
    ASSERT_GT(committed, 0);
    const auto runs = " run_id IN (SELECT run_id FROM configs WHERE key = 'seed' AND value IN (" +
                      std::to_string(2 * round) + ", " + std::to_string(2 * round + 1) + "))";
    EXPECT_GE(count(path_, "SELECT count(*) FROM metrics WHERE" + runs), committed);
    EXPECT_EQ(words(path_, "PRAGMA integrity_check"), "ok");
  }
  Store store(path_);
  EXPECT_EQ(store.reap_dead(), 10);
  EXPECT_EQ(store.claim(cell(0), Owner::of_this_process()).attempt, 2);
}

TEST_F(Processes, one_checkpoints_at_a_time_and_the_wal_shrinks) {
  Store store(path_);
  const auto run = store.claim(cell(1), Owner::of_this_process()).run_id;
  store.add_events(run, {event(1, 0.5)});
  EXPECT_GT(std::filesystem::file_size(path_ + "-wal"), 0u);
  store.checkpoint();
  EXPECT_EQ(std::filesystem::file_size(path_ + "-wal"), 0u);
  store.add_events(run, {event(2, 0.5)});
  { const Store other(path_); }
  EXPECT_GT(std::filesystem::file_size(path_ + "-wal"), 0u) << "closing does not checkpoint";
  EXPECT_EQ(count(path_, "SELECT count(*) FROM metrics"), 2);
}

}  // namespace
}  // namespace attnlab::store
