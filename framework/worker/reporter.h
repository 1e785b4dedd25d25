/// reporter.h: the worker's side of the report pipe.
#pragma once

#include <chrono>

#include "framework/bench/bench.h"
#include "framework/launch/worker_protocol.h"
#include "framework/train/trainer.h"

namespace attnlab::worker {

/// Where this process reports: a copy of launch::kReportFd that no code of a plugin's knows of. The
/// first call makes it, before a plugin is loaded; what is written to kReportFd from then on goes
/// nowhere. -1 where that descriptor is not open.
[[nodiscard]] int report_fd();

/// Writes messages as lines to `fd`; steps at most five times a second, everything else at once. Where
/// it is a file (of a run that nobody waits for by a pipe), steps every ten seconds, and synced. Where `fd` is -1, they go nowhere. For one thread.
class Reporter {
 public:
  explicit Reporter(int fd);

  /// A launch::Report or launch::CheckReport.
  template <class Message>
  void send(const Message& message) const {
    write(launch::to_json(message) + "\n");
  }
  void progress(const train::Progress& progress);
  void timing(const bench::Progress& progress);

 private:
  void write(std::string_view line) const;

  int fd_;
  bool file_;
  std::chrono::steady_clock::time_point last_step_{};
};

}  // namespace attnlab::worker
