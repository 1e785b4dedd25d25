/// job.h: what every job of a worker shares: where its numbers go, and how it ends.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "framework/core/status.h"
#include "framework/launch/worker_protocol.h"
#include "framework/store/store.h"
#include "framework/worker/reporter.h"

namespace attnlab::worker {

[[nodiscard]] inline Ending skipped(const std::string& reason) {
  return {Status::skipped, reason};
}

/// Ends a run whose results can no longer be stored: going on would be for nothing. A disk that is
/// full for a moment is waited for; the writer keeps everything meanwhile.
class StoreWatch {
 public:
  explicit StoreWatch(const store::RunWriter* writer) : writer_(writer) {}
  void look();  // often

 private:
  const store::RunWriter* writer_;  // null: there is no store
  std::chrono::steady_clock::time_point last_good_ = std::chrono::steady_clock::now();
};

/// The work itself. Whatever it throws ends the run as failed.
using Work = std::function<Ending(MetricSink& sink, Reporter& reporter, StoreWatch store)>;

/// Does the work with the spec's store around it and stores how it ended. `where` stands before the
/// message of an exception that is no Error: "in the trainer". Returns the worker's exit code.
/// Throws nothing.
[[nodiscard]] int perform(const launch::RunSpec& spec, const std::string& where, const Work& work);

}  // namespace attnlab::worker
