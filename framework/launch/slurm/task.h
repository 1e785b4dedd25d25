/// task.h: one cell's attempt as a task of a job array: its folder, what it leaves there, its end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/launch/slurm/texts.h"
#include "framework/launch/worker_protocol.h"
#include "framework/store/spool.h"
#include "framework/store/store.h"

namespace attnlab::launch::slurm {

struct Task {
  std::size_t cell = 0;
  std::int64_t run_id = 0;
  std::int64_t attempt = 1;
  std::filesystem::path folder{};
  store::Spool spool;
  std::string comment{};       // of its array
  TaskState state{};           // as Slurm said last
  double started = 0;          // when this process first saw it run; 0: not yet
  std::uint64_t reported = 0;  // bytes of its reports that were read
  double heard = 0;            // when it reported last, or began
  int seen_over = 0;           // looks, one after the other, at which it was over
  double over_since = 0;
  bool closed = false;  // its attempt was ended by somebody else
  Asked asked = Asked::nobody;  // of this process, to cancel it

  Task(std::size_t cell_number, const store::Claim& claim, std::filesystem::path run_folder,
       const std::string& fingerprint, TaskId id);

  /// Whole lines of reports.jsonl since the last call; of a long file that was never read, its end.
  [[nodiscard]] std::vector<Report> reports();
  /// Whether it has brought the run further: an attempt's folder begins without one.
  [[nodiscard]] bool has_checkpoint() const;
  /// How it ended, Slurm's word and the spool's taken together. `silence`: seconds after which it was cancelled.
  [[nodiscard]] Ending ending(double silence = 0) const;
};

}  // namespace attnlab::launch::slurm
