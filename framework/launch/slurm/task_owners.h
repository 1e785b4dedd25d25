/// task_owners.h: what a grid without Slurm does about cells that tasks of Slurm have. Nobody may follow those: a
///   job that was cancelled meanwhile would keep its cell for ever.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "framework/launch/slurm/queue.h"
#include "framework/store/store.h"

namespace attnlab::launch::slurm {

struct OwnerQuestions {
  double every = 15;             // seconds between questions to Slurm, and until one that is over counts as left
  bool take_over = false;        // of tasks that cannot be asked for
  std::function<bool()> stop{};  // ends a question
};

class TaskOwners {
 public:
  TaskOwners(store::Store& store, OwnerQuestions options) : store_(store), options_(std::move(options)) {}

  /// Looks at a running attempt whose owner is in Slurm, often. A task that is over, and that no grid in Slurm
  /// has looked after since the last question, is ended in the store: what it left is taken in, its
  /// ending is the one that such a grid would give it. Returns what to tell of it, or "". Throws Error: the store.
  [[nodiscard]] std::string look(const store::Claim& claim, const std::string& fingerprint);

 private:
  struct Seen {
    double over_since = 0;
    bool told = false;
  };
  void ask();
  [[nodiscard]] std::string of_unreachable(const store::Claim& claim, const std::string& fingerprint, Seen& seen);
  [[nodiscard]] std::string end(const store::Claim& claim, const std::string& fingerprint, const TaskState& state);

  store::Store& store_;
  OwnerQuestions options_;
  std::optional<Queue> queue_;
  std::map<TaskId, TaskState> known_;
  std::map<std::int64_t, Seen> seen_;  // by run
  std::string problem_;                // why Slurm cannot be asked
  double asked_ = 0;
};

}  // namespace attnlab::launch::slurm
