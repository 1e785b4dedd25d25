/// child_process.h: one child in a process group of its own that cannot outlive its parent.
///   stdin is empty, stdout and stderr go to a log file, and descriptor 3 is a pipe back to us.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/core/descriptor.h"

namespace attnlab::launch {

/// How a child process ended and what it cost.
struct Outcome {
  int exit_code = 0;  // meaningful when signal is 0; -1: somebody else has waited for it
  int signal = 0;
  double cpu_seconds = 0;
  double wall_seconds = 0;
  std::int64_t peak_bytes = 0;  // largest resident set
};

/// How long a thread of OpenMP that waits for others keeps its processor: GCC's own choice is some
/// milliseconds, in which whoever it waits for may be without one. kSpins are some 20 us, and nothing is
/// slower for it where a machine is idle. Not set where the user has set either variable.
inline constexpr const char* kWaitPolicy = "OMP_WAIT_POLICY";
inline constexpr const char* kSpinCount = "GOMP_SPINCOUNT";
inline constexpr const char* kSpins = "1000";

class ChildProcess {
 public:
  /// Starts `command` (command[0] is a path) with `environment` added to ours. When the thread that
  /// called this ends, the kernel sends SIGTERM to the child, so call it from the main thread.
  /// `inherited`: descriptors above 3 that it gets beside; a lock on one is held until both have let go.
  /// Throws Error when the program cannot be started or the log cannot be written.
  ChildProcess(const std::vector<std::string>& command, const std::filesystem::path& log,
               const std::vector<std::pair<std::string, std::string>>& environment = {},
               const std::vector<int>& inherited = {});
  /// Kills the child and its group where it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// For poll(); -1 once the child has closed its end.
  [[nodiscard]] int report_fd() const { return report_.number(); }
  /// Complete lines that have arrived since the last call; never waits. What is longer than 1 MiB
  /// without an end of line is dropped: it is no report of ours.
  [[nodiscard]] std::vector<std::string> read_lines();
  /// To the child's whole group; does nothing after its end.
  void signal(int number);
  /// Its end, once it has come; never waits. What is left of its group is killed then.
  [[nodiscard]] std::optional<Outcome> poll();

 private:
  pid_t pid_ = -1;
  Descriptor report_;
  std::string partial_;  // a line that has not ended yet
  double started_ = 0;
  std::optional<Outcome> end_;
};

}  // namespace attnlab::launch
