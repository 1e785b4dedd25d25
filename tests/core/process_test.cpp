#include "framework/core/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace attnlab {
namespace {

TEST(ProcessState, tells_running_stopped_ended_and_absent_processes_apart) {
  EXPECT_GT(process_state(::getpid()).start_ticks, 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(child), &info, WSTOPPED | WNOWAIT);
  EXPECT_TRUE(process_state(child).stopped());
  ::kill(child, SIGCONT);
  ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  EXPECT_EQ(process_state(child).start_ticks, 0) << "it is over, though nobody has waited for it";
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(process_state(child).start_ticks, 0);
  EXPECT_EQ(process_state(-1).start_ticks, 0);
}

TEST(ShellQuoted, a_shell_reads_back_every_word) {
  for (const std::string word :
       {"", "plain-word_1", "a b", "a'; touch X; '", "$HOME `x` \"y\"", "a\nb", "*", "~", "\\",
        "\xff\x01", "ünï", "#c", "a=b", "!x"}) {
    FILE* shell = ::popen(("printf %s " + shell_quoted(word) + "; printf .").c_str(), "r");
    std::array<char, 256> read{};
    const auto size = std::fread(read.data(), 1, read.size(), shell);
    ::pclose(shell);
    EXPECT_EQ(std::string(read.data(), size), word + ".");
  }
  EXPECT_EQ(shell_quoted("seed=0,1"), "seed=0,1");
}

}  // namespace
}  // namespace attnlab
