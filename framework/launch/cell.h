/// cell.h: one run to launch, how to launch it, and what came of it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/launch/gpu_claims.h"
#include "framework/launch/worker_protocol.h"
#include "framework/store/store.h"

namespace attnlab::launch {

struct Cell {
  store::CellRecord record;
  RunSpec spec;  // run_id, fingerprint and an empty config are filled in from the record at its start
  std::string label{};       // for people: "hash_sparse buckets=8 seed=1"
  std::string refusal;       // not empty: stored as skipped with this reason, never started
  std::shared_ptr<const store::Facts> environment{};  // what stands in the database beside the run
  int gpus = 0;              // that it computes on: one for each of its ranks that is started here
};

/// Whether another process named `attnlab-worker` than those in `ours` runs on this machine.
[[nodiscard]] bool other_workers_running(const std::vector<pid_t>& ours);

struct LaunchOptions {
  std::filesystem::path worker;
  std::filesystem::path runs_dir;  // one folder per attempt is made in it
  int jobs = 1;                    // runs at a time
  int retries = 0;                 // further attempts of a run that failed
  bool fail_fast = false;          // the first failure stops the rest
  bool take_over = false;          // runs of Slurm jobs that cannot be asked for count as interrupted
  bool from_scratch = false;       // no checkpoint of an earlier attempt is used
  double silence_limit =
      1800;  // seconds without a report after which a worker counts as hung; 0: never
  double look_elsewhere = 1;  // seconds between looks at a cell that another process runs
  /// Whether other runs than these processes compute on this machine.
  std::function<bool(const std::vector<pid_t>&)> others = other_workers_running;
  /// Where cells that need a GPU get one; nothing: they take what CUDA_VISIBLE_DEVICES shows first.
  std::shared_ptr<const GpuClaims> gpus{};
  double time_limit = 0;  // seconds after which everything is stopped; 0: never
  double grace = 30;     // seconds between asking a worker to stop and killing it
  double patience = 60;  // seconds for which a database that is locked or full is tried again
};

/// What came of one cell.
struct CellResult {
  Status status = Status::planned;  // planned: it was not started
  bool before = false;              // done, and already before this launch
  std::int64_t run_id = 0;
  std::string reason{};         // where it is not done, or done before
  std::filesystem::path log{};  // where this process started a worker
  double seconds = 0;
};
/// The status, or "done before", "not started".
[[nodiscard]] std::string_view to_text(const CellResult& result);
/// "failed       run 3: dense seed=1: why", and where the log is.
[[nodiscard]] std::string line_of(const CellResult& result, const std::string& label);

struct LaunchResult {
  std::vector<CellResult> cells;  // one per cell, in the same order
  bool detached = false;          // asked to leave what is not over to a batch system
  int stopped_by = 0;             // a signal's number, SIGALRM for the time limit; 0: by nothing
  [[nodiscard]] int count(Status status, bool before = false) const;
  [[nodiscard]] int exit_code() const;
};

}  // namespace attnlab::launch
