/// parent_watch.h: a worker does not outlive the process that started it.
#pragma once

#include <atomic>
#include <string>
#include <thread>

namespace attnlab::worker {

/// True once a stop signal (launch/stop_signals.h) arrived, or the parent is gone: the current step
/// is finished, its metrics are written, and the run ends as interrupted. install_stop_signals()
/// makes it so.
extern std::atomic<bool> stop_requested;
/// What asked: "SIGTERM", "time limit" (SIGALRM), "its launcher is gone"; "" where nothing did.
[[nodiscard]] std::string stop_cause();
void install_stop_signals();

/// Watches the pipe to the launcher and the parent's process id from a thread of its own. When the
/// parent is gone it sets stop_requested, and two seconds later ends the process, wherever it is,
/// so that no orphan goes on writing. Does nothing where `fd` is not a pipe.
class ParentWatch {
 public:
  explicit ParentWatch(int fd);

 private:
  std::jthread thread_;
};

}  // namespace attnlab::worker
