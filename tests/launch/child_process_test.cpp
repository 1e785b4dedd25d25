#include "framework/launch/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include "framework/core/error.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::launch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

bool within(double seconds, const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < limit) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

// A dead process that nobody has waited for yet does not count as running.
bool running(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string id, name, state;
  return static_cast<bool>(in >> id >> name >> state) && state != "Z" && state != "X";
}

Outcome wait_for(ChildProcess& child) {
  std::optional<Outcome> end;
  EXPECT_TRUE(within(5, [&] { return (end = child.poll()).has_value(); }));
  return end.value_or(Outcome{});
}

struct ChildProcessTest : testing::Test {
  FreshFolder folder;
  std::filesystem::path log = folder / "log.txt";
  [[nodiscard]] std::vector<std::string> shell(const std::string& script) const {
    return {"/bin/sh", "-c", script};
  }
  [[nodiscard]] pid_t pid_in(const std::string& name) const {
    pid_t pid = 0;
    EXPECT_TRUE(within(5, [&] { return static_cast<bool>(std::ifstream(folder / name) >> pid); }));
    return pid;
  }
};

TEST_F(ChildProcessTest, threads_that_wait_spin_for_a_moment_unless_the_user_says_how_long) {
  const auto told = [&](const std::vector<std::pair<std::string, std::string>>& environment) {
    ChildProcess child(shell("echo \"$OMP_WAIT_POLICY $GOMP_SPINCOUNT\""), log, environment);
    (void)wait_for(child);
    std::string line;
    std::ifstream in(log);
    for (std::string next; std::getline(in, next);) line = next;
    return line;
  };
  ::unsetenv(kWaitPolicy), ::unsetenv(kSpinCount);
  EXPECT_EQ(told({}), std::string(" ") + kSpins);
  EXPECT_EQ(told({{kWaitPolicy, "active"}}), "active ");
  EXPECT_EQ(told({{kSpinCount, "5"}}), " 5");
  ::setenv(kWaitPolicy, "passive", 1);
  EXPECT_EQ(told({}), "passive ");
  ::unsetenv(kWaitPolicy);
}

TEST_F(ChildProcessTest, both_outputs_go_to_the_log) {
  ChildProcess child(shell("echo out; echo err >&2"), log);
  wait_for(child);
  EXPECT_EQ(read_file(log), "out\nerr\n");
}

TEST_F(ChildProcessTest, an_older_log_is_continued) {
  write_file(log, "before\n");
  ChildProcess child(shell("echo after"), log);
  wait_for(child);
  EXPECT_EQ(read_file(log), "before\nafter\n");
}

TEST_F(ChildProcessTest, lines_on_descriptor_3_come_back) {
  ChildProcess child(shell("echo one >&3; printf two >&3; sleep 0.05; echo ' more' >&3"), log);
  wait_for(child);
  EXPECT_THAT(child.read_lines(), ElementsAre("one", "two more"));
  EXPECT_EQ(child.report_fd(), -1);
}

TEST_F(ChildProcessTest, reading_never_waits) {
  ChildProcess child(shell("sleep 5"), log);
  EXPECT_TRUE(child.read_lines().empty());
  EXPECT_FALSE(child.poll());
}

TEST_F(ChildProcessTest, exit_codes_and_signals_are_told_apart) {
  ChildProcess exits(shell("exit 7"), log), dies(shell("kill -SEGV $$"), log);
  const Outcome code = wait_for(exits), signal = wait_for(dies);
  EXPECT_EQ(code.exit_code, 7);
  EXPECT_EQ(code.signal, 0);
  EXPECT_EQ(signal.signal, SIGSEGV);
  EXPECT_GT(code.peak_bytes, 100'000);
}

TEST_F(ChildProcessTest, the_environment_is_ours_with_additions) {
  ::setenv("ATTNLAB_TEST_A", "old", 1);
  ChildProcess child(shell("echo $ATTNLAB_TEST_A $ATTNLAB_TEST_B"), log,
                     {{"ATTNLAB_TEST_A", "new"}, {"ATTNLAB_TEST_B", "b"}});
  wait_for(child);
  EXPECT_EQ(read_file(log), "new b\n");
}

TEST_F(ChildProcessTest, standard_input_is_empty_and_no_other_descriptor_is_inherited) {
  ChildProcess child(shell("cat; ls -l /proc/self/fd | grep -c -- '->'"), log);
  wait_for(child);
  EXPECT_EQ(read_file(log), "5\n");  // 0 to 3, and the folder that ls reads
}

TEST_F(ChildProcessTest, a_missing_program_is_an_error_with_its_name) {
  EXPECT_THAT([&] { ChildProcess child({"/no/such/worker"}, log); },
              ThrowsMessage<Error>(HasSubstr("cannot run '/no/such/worker': No such file")));
}

TEST_F(ChildProcessTest, a_log_that_cannot_be_written_is_an_error_with_its_name) {
  EXPECT_THAT([&] { ChildProcess child(shell("true"), folder / "none/log.txt"); },
              ThrowsMessage<Error>(HasSubstr("none/log.txt': No such file")));
}

TEST_F(ChildProcessTest, it_has_a_process_group_of_its_own_and_signals_reach_all_of_it) {
  ChildProcess child(shell("sleep 60 & echo $! > " + (folder / "pid").string() + "; wait"), log);
  const pid_t grandchild = pid_in("pid");
  EXPECT_EQ(::getpgid(child.pid()), child.pid());
  child.signal(SIGTERM);
  EXPECT_EQ(wait_for(child).signal, SIGTERM);
  EXPECT_TRUE(within(2, [&] { return !running(grandchild); }));
}

TEST_F(ChildProcessTest, what_is_left_of_the_group_dies_with_the_child) {
  ChildProcess child(shell("sleep 60 & echo $! > " + (folder / "pid").string()), log);
  const pid_t grandchild = pid_in("pid");
  wait_for(child);
  EXPECT_TRUE(within(2, [&] { return !running(grandchild); }));
}

TEST_F(ChildProcessTest, destruction_kills) {
  auto child = std::make_unique<ChildProcess>(shell("trap '' TERM; sleep 60"), log);
  const pid_t pid = child->pid();
  child.reset();
  EXPECT_FALSE(running(pid));
}

TEST_F(ChildProcessTest, a_child_ends_when_its_parent_is_killed) {
  const pid_t parent = ::fork();
  if (parent == 0) {
    ChildProcess child(shell("echo $$ > " + (folder / "pid").string() + "; exec sleep 60"), log);
    ::pause();
    ::_exit(0);
  }
  const pid_t child = pid_in("pid");
  EXPECT_TRUE(running(child));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_TRUE(within(2, [&] { return !running(child); }));
}

}  // namespace
}  // namespace attnlab::launch
