/// company.h: the ranks of a training run, from their start to their meeting. Of a run of one process
///   there is nothing to it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "framework/train/trainer.h"
#include "framework/worker/job.h"
#include "framework/worker/peers.h"

namespace attnlab::worker {

class Company {
 public:
  /// Starts the other ranks where that is this process's part. Throws Error: a process that cannot be started.
  Company(const Prepared& prepared, const Session& session);
  ~Company();
  Company(const Company&) = delete;
  Company& operator=(const Company&) = delete;

  [[nodiscard]] bool first() const { return place_.first(); }
  /// Empty, or why this model cannot be trained by several ranks.
  [[nodiscard]] std::string refusal(model::Transformer& model) const;
  /// Returns once all are there. Throws Error where that fails (train/gloo_group.h).
  void meet();
  /// Null before they have met, and alone.
  [[nodiscard]] train::Group* group() const { return group_.get(); }
  /// What rank 0 goes on from, for all.
  [[nodiscard]] std::optional<train::Resume> shared(std::optional<train::Resume> of_first) const;

 private:
  launch::Place place_;
  std::string fingerprint_, rhythm_;
  std::filesystem::path nccl_;  // empty on the CPU
  std::unique_ptr<Peers> peers_;
  std::unique_ptr<train::Group> group_;  // gone before them
};

}  // namespace attnlab::worker
