/// queue.h: Slurm, through its programs: sbatch, squeue, sacct, scancel and scontrol on PATH.
///   From the main thread. Everything throws Error where Slurm gives no answer; Slurm's own words are in it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/core/error.h"
#include "framework/launch/slurm/texts.h"

namespace attnlab::launch::slurm {

/// sbatch said no. `limit`: because of how many jobs there may be, so that it passes.
class Refused : public Error {
 public:
  Refused(const std::string& words, bool is_limit) : Error(words), limit(is_limit) {}
  bool limit;
};

class Queue {
 public:
  /// Asks for the cluster's limits. Throws Error: no Slurm here, or its controller does not answer.
  Queue();
  [[nodiscard]] const Limits& limits() const { return limits_; }

  /// Submits folder/job.sh and returns the array's number. `comment` is what finds it again when this
  /// process dies before it has heard the number. Throws Refused.
  [[nodiscard]] std::int64_t submit(const std::filesystem::path& folder, const std::string& comment,
                                    std::int64_t after) const;
  /// All array tasks of this user that the controller knows: those that ended too, for some minutes.
  [[nodiscard]] std::vector<TaskState> tasks() const;
  /// The same from the accounting; empty where there is none.
  [[nodiscard]] std::vector<TaskState> past(const std::vector<TaskId>& tasks) const;
  /// Comment to array, of this user's jobs.
  [[nodiscard]] std::map<std::string, std::int64_t> comments() const;
  void cancel(const std::vector<TaskId>& tasks) const;

 private:
  Limits limits_;
};

}  // namespace attnlab::launch::slurm
