#include <fstream>

#include "framework/core/error.h"
#include "tests/launch/launcher_fixture.h"

namespace attnlab::launch {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::ThrowsMessage;

TEST_F(LauncherTest, every_cell_runs_once_and_is_stored) {
  const LaunchResult result = launch({cell("a"), cell("b"), cell("c")});
  EXPECT_EQ(result.count(Status::done), 3);
  EXPECT_EQ(result.exit_code(), kExitOk);
  EXPECT_THAT(ask("SELECT status FROM runs"), ElementsAre("done", "done", "done"));
  EXPECT_THAT(ask("SELECT count(*) FROM metrics"), ElementsAre("9"));
}

TEST_F(LauncherTest, each_attempt_has_a_folder_with_spec_and_log) {
  const CellResult outcome = launch_one(cell("a"));
  const auto run_folder = folder / (cell("a").record.fingerprint.substr(0, 12) + "-1");
  EXPECT_EQ(outcome.log, run_folder / "log.txt");
  EXPECT_THAT(read_file(outcome.log), StartsWith("fake worker on "));
  const RunSpec spec = from_json<RunSpec>(read_file(run_folder / "spec.json"), "spec");
  EXPECT_EQ(spec.run_id, outcome.run_id);
  EXPECT_EQ(spec.fingerprint, cell("a").record.fingerprint);
  EXPECT_THAT(ask("SELECT path FROM artifacts WHERE kind = 'log'"),
              ElementsAre(outcome.log.string()));
}

TEST_F(LauncherTest, a_folder_that_exists_is_never_written_again) {
  const auto taken = folder / (cell("a").record.fingerprint.substr(0, 12) + "-1");
  write_file(taken / "log.txt", "of another database");
  EXPECT_EQ(launch_one(cell("a")).log, taken.string() + "-2/log.txt");
  EXPECT_EQ(read_file(taken / "log.txt"), "of another database");
}

TEST_F(LauncherTest, as_many_run_at_a_time_as_there_are_jobs) {
  options.jobs = 2;
  launch({cell("a"), cell("b"), cell("c"), cell("d")});
  EXPECT_EQ(progress.most_running, 2u);
}

TEST_F(LauncherTest, runs_beside_each_other_are_marked_shared_and_lonely_ones_are_not) {
  options.jobs = 2;
  launch({cell("a", "well", 10, 20), cell("b", "well", 10, 20)});
  options.jobs = 1;
  launch({cell("c")});
  EXPECT_THAT(ask("SELECT text FROM facts WHERE name = 'shared' ORDER BY run_id"),
              ElementsAre("1", "1", "0"));
}

TEST_F(LauncherTest, a_run_beside_one_of_another_database_is_marked_shared) {
  options.others = [](const auto& ours) { return ours.size() == 1; };
  launch({cell("a")});
  EXPECT_THAT(ask("SELECT text FROM facts WHERE name = 'shared'"), ElementsAre("1"));
}

TEST_F(LauncherTest, other_workers_are_found_by_their_name) {
  std::filesystem::copy("/bin/sleep", folder / "attnlab-worker");
  const ChildProcess other({(folder / "attnlab-worker").string(), "60"}, folder / "log");
  EXPECT_TRUE(other_workers_running({}));
}

TEST_F(LauncherTest, finished_cells_are_not_run_again_and_said_so) {
  const CellResult first = launch_one(cell("a"));
  progress.notes.clear();
  const CellResult second = launch_one(cell("a"));
  EXPECT_TRUE(second.before);
  EXPECT_EQ(second.run_id, first.run_id);
  EXPECT_THAT(progress.notes, ElementsAre("done before  run 1: a"));
}

TEST_F(LauncherTest, a_refused_cell_is_stored_as_skipped_and_no_worker_starts) {
  Cell refused = cell("a");
  refused.refusal = "dense cannot do that";
  EXPECT_EQ(launch_one(refused).status, Status::skipped);
  EXPECT_THAT(ask("SELECT status || ': ' || reason FROM runs"),
              ElementsAre("skipped: dense cannot do that"));
  EXPECT_THAT(progress.notes, ElementsAre("skipped      run 1: a: dense cannot do that"));
}

TEST_F(LauncherTest, a_refusal_by_the_worker_is_skipped_with_its_reason) {
  const CellResult outcome = launch_one(cell("a", "refuse"));
  EXPECT_EQ(outcome.status, Status::skipped);
  EXPECT_EQ(outcome.reason, "odd head_dim");
  EXPECT_THAT(ask("SELECT status || ': ' || reason FROM runs"),
              ElementsAre("skipped: odd head_dim"));
  EXPECT_EQ(launch_one(cell("b", "refuse_unsaid")).status, Status::skipped);
}

TEST_F(LauncherTest, a_failure_does_not_stop_the_rest) {
  const LaunchResult result =
      launch({cell("a", "crash"), cell("b", "exit"), cell("c", "fail"), cell("d")});
  EXPECT_EQ(result.count(Status::failed), 3);
  EXPECT_EQ(result.count(Status::done), 1);
  EXPECT_EQ(result.exit_code(), kExitRunsFailed);
  EXPECT_THAT(ask("SELECT status FROM runs ORDER BY id"),
              ElementsAre("failed", "failed", "failed", "done"));
}

TEST_F(LauncherTest, a_crash_is_named_by_its_signal_and_keeps_log_and_metrics) {
  const CellResult outcome = launch_one(cell("a", "crash", 3, 600));
  EXPECT_THAT(outcome.reason,
              StartsWith("ended by SIGSEGV (Segmentation fault). The log ends:\nfake worker"));
  EXPECT_THAT(ask("SELECT reason FROM runs"), ElementsAre(outcome.reason));
  EXPECT_THAT(ask("SELECT step FROM metrics"), Contains("1"));  // was written before the crash
  EXPECT_THAT(progress.notes.back(), HasSubstr("log: " + outcome.log.string()));
}

TEST_F(LauncherTest, an_exit_without_a_final_status_is_a_failure_whatever_its_code) {
  EXPECT_THAT(launch_one(cell("a", "exit")).reason, StartsWith("the worker exited with code 7"));
  EXPECT_THAT(launch_one(cell("b", "exit_0")).reason, StartsWith("the worker exited with code 0"));
}

TEST_F(LauncherTest, the_workers_own_words_about_a_failure_stand) {
  EXPECT_EQ(launch_one(cell("a", "fail")).reason, "the loss became NaN at step 2");
}

TEST_F(LauncherTest, a_failed_allocation_is_named_as_memory) {
  const CellResult outcome = launch_one(cell("a", "bad_alloc"));
  EXPECT_THAT(outcome.reason, StartsWith("out of memory (peak "));
  EXPECT_THAT(outcome.reason, HasSubstr("std::bad_alloc"));
}

TEST_F(LauncherTest, a_worker_that_hangs_is_killed_after_the_limit) {
  options.silence_limit = 0.3;
  const LaunchResult result = launch({cell("a", "hang"), cell("b")});
  EXPECT_EQ(result.cells[0].status, Status::failed);
  EXPECT_THAT(result.cells[0].reason, StartsWith("no sign of life for "));
  EXPECT_EQ(result.cells[1].status, Status::done);
}

TEST_F(LauncherTest, rubbish_among_the_reports_is_passed_over) {
  EXPECT_EQ(launch_one(cell("a", "rubbish")).status, Status::done);
}

TEST_F(LauncherTest, retries_are_new_attempts) {
  options.retries = 1;
  EXPECT_EQ(launch_one(cell("a", "crash_once")).status, Status::done);
  EXPECT_THAT(ask("SELECT status || attempt FROM runs ORDER BY id"),
              ElementsAre("failed1", "done2"));
  EXPECT_THAT(progress.notes, Contains(StartsWith("again        run 1: a: ended by SIGABRT")));
}

TEST_F(LauncherTest, retries_end) {
  options.retries = 2;
  EXPECT_EQ(launch_one(cell("a", "exit")).status, Status::failed);
  EXPECT_THAT(ask("SELECT count(*) FROM runs"), ElementsAre("3"));
}

TEST_F(LauncherTest, a_failed_cell_is_tried_again_on_the_next_start) {
  launch_one(cell("a", "crash_once"));
  EXPECT_EQ(launch_one(cell("a", "crash_once")).status, Status::done);
}

TEST_F(LauncherTest, fail_fast_stops_the_rest) {
  options.fail_fast = true;
  const LaunchResult result = launch({cell("a", "exit"), cell("b")});
  EXPECT_EQ(result.cells[1].status, Status::planned);
  EXPECT_EQ(result.exit_code(), kExitRunsFailed);
}

TEST_F(LauncherTest, the_environment_is_stored_beside_the_run) {
  Cell it = cell("a");
  it.environment = std::make_shared<const store::Facts>(store::Facts{{"cpu", "abacus"}});
  launch_one(it);
  EXPECT_THAT(ask("SELECT content FROM environments"), ElementsAre(HasSubstr("abacus")));
}

TEST_F(LauncherTest, the_owner_of_a_running_row_is_the_worker) {
  const CellResult outcome = launch_one(cell("a", "well"));
  EXPECT_THAT(ask("SELECT owner_pid FROM run_attempts"),
              testing::Not(ElementsAre(std::to_string(::getpid()))));
  EXPECT_THAT(ask("SELECT owner_start_ticks > 0 FROM run_attempts"), ElementsAre("1"));
}

TEST_F(LauncherTest, without_a_worker_nothing_is_claimed) {
  options.worker = "/no/such/worker";
  EXPECT_THAT(
      [&] { launch_one(cell("a")); },
      ThrowsMessage<Error>("there is no worker at '/no/such/worker'. Build it with ./dev build, or "
                           "set ATTNLAB_WORKER to one."));
  EXPECT_THAT(ask("SELECT count(*) FROM runs"), ElementsAre("0"));
}

TEST_F(LauncherTest, a_worker_that_cannot_run_fails_its_cell) {
  write_file(folder / "worker", "this is no program");
  std::filesystem::permissions(folder / "worker", std::filesystem::perms::owner_all);
  options.worker = folder / "worker";
  const CellResult outcome = launch_one(cell("a"));
  EXPECT_EQ(outcome.status, Status::failed);
  EXPECT_THAT(outcome.reason, HasSubstr("worker': Exec format error"));
  EXPECT_THAT(ask("SELECT status FROM runs"), ElementsAre("failed"));
}

// Needs the right to make a control group; ./dev test runs as root in a fresh machine.
TEST_F(LauncherTest, a_worker_that_eats_the_memory_of_its_group_is_killed_for_memory) {
  namespace fs = std::filesystem;
  const fs::path top =
      fs::exists("/sys/fs/cgroup/memory") ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
  const fs::path group = top / ("attnlab-test-" + std::to_string(::getpid()));
  std::error_code error;
  if (!fs::create_directory(group, error)) GTEST_SKIP() << "no right to make a control group";
  for (const char* file : {"memory.max", "memory.limit_in_bytes"}) {
    if (fs::exists(group / file)) std::ofstream(group / file) << (128 << 20);
  }
  const bool limited =
      fs::exists(group / "memory.max") || fs::exists(group / "memory.limit_in_bytes");
  // The worker enters the group by a wrapper, so that this test does not.
  write_file(folder / "worker", "#!/bin/sh\necho $$ > " + (group / "cgroup.procs").string() +
                                    " || exit 99\nexec " + std::string(FAKE_WORKER) + " \"$@\"\n");
  fs::permissions(folder / "worker", fs::perms::owner_all);
  options.worker = folder / "worker";
  const CellResult outcome = limited ? launch_one(cell("a", "eat")) : CellResult{};
  fs::remove(group, error);
  if (!limited || outcome.reason.find("code 99") != std::string::npos) {
    GTEST_SKIP() << "control groups do not limit memory here";
  }
  EXPECT_THAT(outcome.reason, StartsWith("killed for memory (peak "));
  EXPECT_THAT(ask("SELECT status FROM runs"), ElementsAre("failed"));
}

}  // namespace
}  // namespace attnlab::launch
