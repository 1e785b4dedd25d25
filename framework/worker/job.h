/// job.h: what the jobs of a worker share: where their numbers go, and how they end.
#pragma once

#include <string>
#include <vector>

#include "framework/core/status.h"
#include "framework/launch/worker_protocol.h"
#include "framework/store/store.h"
#include "framework/launch/place.h"
#include "framework/worker/prepare.h"
#include "framework/worker/reporter.h"

namespace attnlab::worker {

/// Where a job's numbers go and who is told. Not thread-safe.
struct Session {
  MetricSink& sink;
  Reporter& reporter;
  store::RunWriter* writer;  // null: there is no store
  const launch::RunSpec& spec;
  launch::Place place{};            // of a training run's ranks
  std::vector<std::string> gpus{};  // of this host's ranks, where they compute on GPUs
  std::string spec_file{};  // where the spec lies, for ranks that this one starts

  /// False once the job must end: it was asked to stop, or its results can no longer be stored and
  /// going on would be for nothing. Asked often.
  [[nodiscard]] bool go_on();
};

/// One training run, and one timing. What they throw ends the run as failed. time(), check(),
/// properties() and gpu_state() are left out of builds with ATTNLAB_INSTRUMENTS=OFF: time() throws Error, check() refuses.
[[nodiscard]] Ending train(const Prepared& prepared, Session& session);
[[nodiscard]] Ending time(const Prepared& prepared, Session& session);
/// Scores spec.checkpoint on spec.split; the numbers go to the reporter.
[[nodiscard]] Ending evaluate(const Prepared& prepared, Session& session);
/// What the attention keeps of exact softmax, of spec.checkpoint or of initial weights, on spec.split;
/// the numbers go to the reporter.
[[nodiscard]] Ending xray(const Prepared& prepared, Session& session);

/// Does what the spec, which lies in `file`, says with its store around it and stores how it ended: rank 0
/// does, the other ranks of a run only report. Returns the worker's exit code. Throws nothing.
[[nodiscard]] int perform(const launch::RunSpec& spec, const std::string& file);

/// Loads the plugin and checks it; what comes of it goes to report_fd() line by line. Returns
/// an exit code: 0 also where properties failed. Throws nothing.
[[nodiscard]] int check(const launch::CheckRequest& request);

/// Builds the attention of every layer and reports what it owns to report_fd(), an OwnedTensor a
/// line. Returns an exit code. Throws nothing.
[[nodiscard]] int owned(const launch::RunSpec& spec);

/// What `plugin check` looks at, "name=promise" a line; empty where they are left out.
[[nodiscard]] std::string properties();

/// Clocks of the first visible GPU and what throttles them; empty where that is left out.
[[nodiscard]] std::string gpu_state();

/// A line with the time, and the rank where it is not 0, in the run's log.
void log_line(const std::string& line);

}  // namespace attnlab::worker
