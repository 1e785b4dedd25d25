#include <csignal>
#include <thread>

#include "framework/core/error.h"
#include "tests/launch/launcher_fixture.h"

namespace attnlab::launch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Sends a signal to this process after a while; joined at the end of the test.
std::jthread later(int milliseconds, int signal) {
  return std::jthread([=] {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    ::kill(::getpid(), signal);
  });
}

struct StopTest : LauncherTest {};

TEST_F(StopTest, the_first_signal_lets_workers_end_their_step_and_starts_no_more) {
  const auto signal = later(250, SIGINT);
  const LaunchResult result = launch({cell("a", "well", 1000, 20), cell("b")});
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.exit_code(), kExitInterrupted);
  EXPECT_EQ(result.cells[0].status, Status::interrupted);
  EXPECT_EQ(result.cells[1].status, Status::planned);
  EXPECT_THAT(ask("SELECT status || ': ' || reason FROM runs"),
              ElementsAre("interrupted: SIGTERM"));
  EXPECT_NE(ask("SELECT count(*) FROM metrics").at(0), "0");
}

TEST_F(StopTest, sigterm_is_taken_as_ctrl_c_is) {
  const auto signal = later(200, SIGTERM);
  EXPECT_EQ(launch_one(cell("a", "well", 1000, 20)).status, Status::interrupted);
}

TEST_F(StopTest, the_second_signal_kills) {
  options.grace = 60;
  const auto first = later(200, SIGINT), second = later(400, SIGINT);
  const CellResult outcome = launch_one(cell("a", "hang"));
  EXPECT_EQ(outcome.status, Status::interrupted);
  EXPECT_EQ(outcome.reason, "stopped; the worker had to be killed");
  EXPECT_THAT(ask("SELECT status FROM runs"), ElementsAre("interrupted"));
}

TEST_F(StopTest, a_worker_that_ignores_the_signal_is_killed_after_the_grace) {
  options.grace = 0.2;
  const auto signal = later(200, SIGTERM);
  EXPECT_EQ(launch_one(cell("a", "hang")).reason, "stopped; the worker had to be killed");
}

TEST_F(StopTest, an_interrupted_cell_runs_on_the_next_start) {
  {
    const auto signal = later(200, SIGINT);
    launch_one(cell("a", "well", 30, 20));
  }
  EXPECT_EQ(launch_one(cell("a", "well", 30, 20)).status, Status::done);
  EXPECT_THAT(ask("SELECT status || attempt FROM runs ORDER BY id"),
              ElementsAre("interrupted1", "done2"));
}

TEST_F(StopTest, signals_strike_again_after_the_launcher_is_gone) {
  struct sigaction before {
  }, after{};
  ::sigaction(SIGTERM, nullptr, &before);
  launch_one(cell("a"));
  ::sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

/// A claim by somebody else, as a second grid makes it.
struct SharedWorkTest : LauncherTest {
  std::int64_t claim_for(const store::Owner& owner) {
    store::Store other(database);
    return other.claim(cell("a").record, owner).run_id;
  }
};

TEST_F(SharedWorkTest, a_cell_that_runs_elsewhere_is_waited_for) {
  const auto run_id = claim_for(store::Owner::of_this_process());
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    store::Store(database).finish(run_id, Status::done, "");
  });
  const LaunchResult result = launch({cell("a"), cell("b")});
  EXPECT_TRUE(result.cells[0].before);
  EXPECT_EQ(result.cells[0].run_id, run_id);
  EXPECT_EQ(result.cells[1].status, Status::done);
}

TEST_F(SharedWorkTest, a_cell_whose_owner_dies_becomes_ours) {
  const pid_t other = ::fork();
  if (other == 0) {
    ::pause();
    ::_exit(0);
  }
  claim_for(owner_of(other));
  std::jthread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    ::kill(other, SIGKILL);
  });
  EXPECT_EQ(launch_one(cell("a")).status, Status::done);
  EXPECT_THAT(ask("SELECT status || attempt FROM runs ORDER BY id"),
              ElementsAre("interrupted1", "done2"));
}

TEST_F(SharedWorkTest, a_failure_elsewhere_counts_and_is_not_done_twice) {
  const auto run_id = claim_for(store::Owner::of_this_process());
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    store::Store(database).finish(run_id, Status::failed, "no luck");
  });
  const CellResult outcome = launch_one(cell("a"));
  EXPECT_EQ(outcome.status, Status::failed);
  EXPECT_EQ(outcome.run_id, run_id);
  EXPECT_THAT(outcome.reason, HasSubstr("in another process"));
}

}  // namespace
}  // namespace attnlab::launch
