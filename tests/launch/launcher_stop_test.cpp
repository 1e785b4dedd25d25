#include <sys/wait.h>

#include <csignal>
#include <optional>
#include <thread>

#include "framework/core/error.h"
#include "framework/launch/command.h"
#include "framework/store/sqlite.h"
#include "tests/launch/launcher_fixture.h"

namespace attnlab::launch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// Does something once a fact is there; joined at the end of the test.
std::jthread once(const std::function<bool()>& fact, const std::function<void()>& act) {
  return std::jthread([=] {
    for (int i = 0; i < 2000 && !fact(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    act();
  });
}

struct StopTest : LauncherTest {
  std::function<bool()> has_metrics = [this] {
    return ask("SELECT count(*) FROM metrics") != std::vector<std::string>{"0"};
  };
  std::jthread once_it_trains(const std::vector<int>& signals) {
    return once(has_metrics, [=] {
      for (const int number : signals) ::kill(::getpid(), number);
    });
  }
  [[nodiscard]] Cell long_cell(const std::string& name) const { return cell(name, "well", 1000, 20); }
};

TEST_F(StopTest, the_first_signal_lets_workers_end_their_step_and_starts_no_more) {
  const auto signal = once_it_trains({SIGINT});
  const LaunchResult result = launch({long_cell("a"), cell("b")});
  EXPECT_EQ(result.stopped_by, SIGINT);
  EXPECT_EQ(result.exit_code(), kExitInterrupted);
  EXPECT_EQ(result.cells[0].status, Status::interrupted);
  EXPECT_EQ(result.cells[1].status, Status::planned);
  EXPECT_THAT(ask("SELECT status || ': ' || reason FROM runs"),
              ElementsAre("interrupted: signal 2"));
  EXPECT_NE(ask("SELECT count(*) FROM metrics").at(0), "0");
}

TEST_F(StopTest, every_signal_that_asks_to_end_is_taken_as_ctrl_c_is_and_those_at_once_are_one) {
  const std::vector<std::vector<int>> requests{
      {SIGTERM}, {SIGHUP},           {SIGUSR1},        {SIGUSR2},        {SIGXCPU}, {SIGALRM},
      {SIGPWR},  {SIGRTMIN + 3},     {SIGTERM, SIGTERM}, {SIGHUP, SIGTERM}, {SIGINT, SIGINT, SIGINT}};
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto name = "cell " + std::to_string(i);
    const auto signal = once(
        [&] {
          return ask("SELECT count(*) FROM metrics JOIN run_attempts ON id = run_id WHERE status = "
                     "'running'") != std::vector<std::string>{"0"};
        },
        [&] {
          for (const int number : requests[i]) ::kill(::getpid(), number);
        });
    const CellResult outcome = launch_one(long_cell(name));
    EXPECT_EQ(outcome.status, Status::interrupted) << requests[i][0];
    std::vector<std::string> reasons;  // of several at once any may come first
    for (const int number : requests[i]) reasons.push_back("signal " + std::to_string(number));
    EXPECT_THAT(reasons, testing::Contains(outcome.reason));
  }
}

TEST_F(StopTest, what_batch_systems_send_and_the_time_limit_ask_to_be_tried_again) {
  {
    const auto signal = once_it_trains({SIGUSR2});
    EXPECT_EQ(launch({long_cell("a")}).exit_code(), kExitAgain);
  }
  options.time_limit = 0.5;
  const LaunchResult result = launch({long_cell("b"), long_cell("c")});
  EXPECT_EQ(result.exit_code(), kExitAgain);
  EXPECT_EQ(result.cells[0].reason, "signal " + std::to_string(SIGALRM));
  EXPECT_EQ(result.cells[1].status, Status::planned);
}

TEST_F(StopTest, a_signal_that_was_blocked_when_we_were_started_stops_too) {
  sigset_t term, before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, &before);
  {
    const auto signal = once_it_trains({SIGTERM});
    EXPECT_EQ(launch_one(long_cell("a")).status, Status::interrupted);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(StopTest, the_second_signal_kills) {
  options.grace = 60;
  const auto first = once_it_trains({SIGINT});
  const auto second = once([this] { return progress.stopping.load(); }, [] {
    std::this_thread::sleep_for(std::chrono::milliseconds(600));  // two within half a second are one
    ::kill(::getpid(), SIGINT);
  });
  const CellResult outcome = launch_one(cell("a", "hang"));
  EXPECT_EQ(outcome.status, Status::interrupted);
  EXPECT_EQ(outcome.reason, "stopped; the worker had to be killed");
  EXPECT_THAT(ask("SELECT status FROM runs"), ElementsAre("interrupted"));
}

TEST_F(StopTest, a_worker_that_ignores_the_signal_is_killed_after_the_grace) {
  options.grace = 0.2;
  const auto signal = once_it_trains({SIGTERM});
  EXPECT_EQ(launch_one(cell("a", "hang")).reason, "stopped; the worker had to be killed");
}

TEST_F(StopTest, an_interrupted_cell_runs_on_the_next_start) {
  {
    const auto signal = once_it_trains({SIGINT});
    launch_one(cell("a", "well", 100, 20));
  }
  options.jobs = 1;
  EXPECT_EQ(launch_one(cell("a", "well", 3, 1)).status, Status::done);
  EXPECT_THAT(ask("SELECT status || attempt FROM runs ORDER BY id"),
              ElementsAre("interrupted1", "done2"));
}

/// A launcher in a process of its own, which can be stopped.
struct PauseTest : StopTest {
  void stop_for_longer_than_the_limit(bool launcher_too) {
    options.silence_limit = 1.5;
    const pid_t launcher = ::fork();
    if (launcher == 0) {
      store::Store own(database);  // no connection goes over a fork
      const auto result = Launcher(own, {cell("a", "well", 40, 50)}, options, progress).run();
      ::_exit(result.exit_code());
    }
    for (int i = 0; i < 2000 && !has_metrics(); ++i) ::usleep(5000);
    std::vector<pid_t> all{static_cast<pid_t>(std::stol(ask("SELECT owner_pid FROM run_attempts").at(0)))};
    if (launcher_too) all.push_back(launcher);
    for (const pid_t pid : all) ::kill(pid, SIGSTOP);
    ::usleep(2'000'000);
    for (const pid_t pid : all) ::kill(pid, SIGCONT);
    int status = -1;
    ::waitpid(launcher, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_THAT(ask("SELECT status || reason FROM runs"), ElementsAre("done"));
  }
};

TEST_F(PauseTest, of_the_launcher_and_its_worker_is_no_silence) { stop_for_longer_than_the_limit(true); }
TEST_F(PauseTest, of_the_worker_alone_is_no_silence) { stop_for_longer_than_the_limit(false); }

TEST_F(StopTest, a_database_that_is_taken_away_stops_all_and_is_told) {
  struct Way {
    std::function<void()> take_away;
    const char* told;
  };
  for (const auto& [take_away, told] :
       {Way{[this] { std::filesystem::rename(database, database + ".old"); }, "was renamed to '"},
        Way{[this] {
              for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(database + suffix);
            },
            "was removed"}}) {
    database = (folder / (std::string(told) + ".db")).string();
    results = store::Store(database);
    const auto thief = once(has_metrics, take_away);
    EXPECT_THAT([&] { launch({long_cell("a"), cell("b")}); }, ThrowsMessage<Error>(AllOf(
        HasSubstr("the results database was taken away while runs use it"), HasSubstr(told))));
    EXPECT_FALSE(std::filesystem::exists(database));
  }
  database = (folder / "was renamed to '.db.old").string();
  EXPECT_NE(ask("SELECT count(*) FROM metrics").at(0), "0") << "all of it is in the renamed file";
}

TEST_F(StopTest, a_lock_of_another_program_over_the_end_of_a_cell_is_waited_for) {
  std::optional<store::Connection> other;
  const auto locker = once(has_metrics, [&] {
    other.emplace(database, store::Connection::Access::existing);
    other->execute("BEGIN IMMEDIATE");
  });
  const auto opener = once([this] { return progress.waits.load(); }, [&] { other->execute("COMMIT"); });
  EXPECT_EQ(launch_one(cell("a", "well", 20, 20)).status, Status::done);
  EXPECT_THAT(ask("SELECT status FROM runs"), ElementsAre("done"));
  EXPECT_THAT(ask("SELECT count(*) FROM metrics"), ElementsAre("20"));
}

TEST_F(StopTest, where_sigchld_is_ignored_workers_are_waited_for_all_the_same) {
  ::signal(SIGCHLD, SIG_IGN);
  EXPECT_EQ(launch_one(cell("a")).status, Status::done);
  ::signal(SIGCHLD, SIG_IGN);
  EXPECT_EQ(output_of({"echo", "x"}), "x\n");
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
  const auto other = once([this] { return progress.elsewhere.load(); },
                          [&] { store::Store(database).finish(run_id, Status::done, ""); });
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
  const auto killer =
      once([this] { return progress.elsewhere.load(); }, [&] { ::kill(other, SIGKILL); });
  EXPECT_EQ(launch_one(cell("a")).status, Status::done);
  EXPECT_THAT(ask("SELECT status || attempt FROM runs ORDER BY id"),
              ElementsAre("interrupted1", "done2"));
}

TEST_F(SharedWorkTest, a_failure_elsewhere_counts_and_is_not_done_twice) {
  const auto run_id = claim_for(store::Owner::of_this_process());
  const auto other = once([this] { return progress.elsewhere.load(); },
                          [&] { store::Store(database).finish(run_id, Status::failed, "no luck"); });
  const CellResult outcome = launch_one(cell("a"));
  EXPECT_EQ(outcome.status, Status::failed);
  EXPECT_EQ(outcome.run_id, run_id);
  EXPECT_THAT(outcome.reason, HasSubstr("in another process"));
}

TEST_F(SharedWorkTest, every_start_looks_after_runs_whose_process_died) {
  auto dead = store::Owner::of_this_process();
  dead.start_ticks += 1;
  claim_for(dead);
  launch_one(cell("b"));
  EXPECT_THAT(ask("SELECT status FROM run_attempts ORDER BY id"), ElementsAre("interrupted", "done"));
  EXPECT_THAT(progress.notes, testing::Contains("looked after 1 run whose process had died"));
}

}  // namespace
}  // namespace attnlab::launch
