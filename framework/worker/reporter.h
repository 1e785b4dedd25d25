/// reporter.h: the worker's side of the report pipe.
#pragma once

#include <chrono>

#include "framework/bench/attention_bench.h"
#include "framework/launch/worker_protocol.h"
#include "framework/train/trainer.h"

namespace attnlab::worker {

/// Writes reports as lines to `fd`; steps at most five times a second, everything else at once.
/// Where the descriptor is not open, reports go nowhere.
class Reporter {
 public:
  explicit Reporter(int fd);

  void start(std::int64_t steps);
  void progress(const train::Progress& progress);
  void timing(const bench::Progress& progress);
  void end(const std::string& status, const std::string& reason);

 private:
  void write(const launch::Report& report) const;

  int fd_;
  std::chrono::steady_clock::time_point last_step_{};
};

}  // namespace attnlab::worker
