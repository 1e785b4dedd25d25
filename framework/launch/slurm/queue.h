/// queue.h: Slurm, through its programs: sbatch, squeue, sacct, scancel and scontrol on PATH.
///   From the main thread. Everything throws Error where Slurm gives no answer; Slurm's own words are in it.
///   A controller that is overloaded may keep them waiting for minutes, so whoever asks may stop it.
#pragma once

#include <filesystem>
#include <functional>
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

/// Its controller could not be asked; it may come back.
class NoAnswer : public Error {
 public:
  using Error::Error;
};

/// What a call throws whose answer nobody waits for any more. It has changed nothing; a scancel may have.
struct Stopped {};

class Queue {
 public:
  /// Asks for the cluster's limits. `stop` is asked all the while a program runs; where it says true, the
  /// program is killed and Stopped thrown. Throws Error: no Slurm here, or its controller does not answer.
  explicit Queue(std::function<bool()> stop = {});
  /// From now on no call takes longer.
  void hurry(double seconds) { seconds_ = seconds; }
  [[nodiscard]] const Limits& limits() const { return limits_; }

  /// Submits folder/job.sh and returns the array's number. `comment` is what finds it again when this
  /// process dies before it has heard the number. Throws Refused, also where it was stopped.
  [[nodiscard]] std::int64_t submit(const std::filesystem::path& folder, const std::string& comment,
                                    std::int64_t after) const;
  /// All array tasks of this user that the controller knows: those that ended too, for some minutes.
  [[nodiscard]] std::vector<TaskState> tasks() const;
  /// The same from the accounting; empty where there is none.
  [[nodiscard]] std::vector<TaskState> past(const std::vector<TaskId>& tasks) const;
  /// Comment to array, of this user's jobs.
  [[nodiscard]] std::map<std::string, std::int64_t> comments() const;
  /// Those that are over are passed over.
  void cancel(const std::vector<TaskId>& tasks) const;

 private:
  [[nodiscard]] std::string asked(const std::vector<std::string>& command) const;

  std::function<bool()> stop_;
  double seconds_ = 120;
  Limits limits_;
};

}  // namespace attnlab::launch::slurm
