/// ranks.h: what a step needs of the other ranks of its run. Alone, all of it costs nothing and changes
///   no bit. What is said to be the same for all ranks is decided by sums or by rank 0.
#pragma once

#include <atomic>
#include <optional>

#include "framework/model/transformer.h"
#include "framework/train/collected.h"
#include "framework/train/gradient_buckets.h"
#include "framework/train/group.h"
#include "framework/train/layer_means.h"
#include "framework/train/optimizer.h"

namespace attnlab::train {

class Ranks {
 public:
  /// `group` null: alone. All arguments outlive it.
  Ranks(Group* group, model::Transformer& model, const AdamW& optimizer, const std::atomic<bool>& stop);

  [[nodiscard]] bool alone() const { return group_ == nullptr; }
  [[nodiscard]] int rank() const { return alone() ? 0 : group_->rank(); }
  [[nodiscard]] int size() const { return alone() ? 1 : group_->size(); }
  [[nodiscard]] Group* group() const { return group_; }

  /// Weights, buffers and moments of rank 0 to all, before the first step.
  void begin_with_first();
  /// Rank 0's answer for all; `patience` is of those that wait for it.
  [[nodiscard]] bool first_says(bool answer, Group::Patience patience = Group::Patience::usual);

  /// Whether all ranks stop here, between two steps: as of the last add_up().
  [[nodiscard]] bool stop() const { return alone() ? stop_.load() : agreed_stop_; }
  /// Between two micro-batches of a step; asked of the others only where steps take seconds.
  [[nodiscard]] bool stop_on_the_way();
  /// Before the last micro-batch of a step.
  void last_part();

  struct Step {
    double loss = 0;
    std::optional<double> auxiliary{};
    bool checkpoint = false;  // rank 0 finds that one is due
  };
  /// After it: this rank's part of a step becomes the whole, its gradients and what its attentions
  /// collected for their buffers the sums over all ranks.
  void add_up(Step& step);
  void add_up(LayerMeans& statistics);
  /// Seconds of a step for which a rank waits for others and for sums, mean since it was last asked.
  [[nodiscard]] double wait_seconds();
  void took(double seconds) { step_seconds_ = seconds; }  // a step, on rank 0

  /// Throws Error, on all ranks, where a weight, a moment or `batches` is not rank 0's. Called seldom:
  /// it reads all of them.
  void expect_equal(const std::string& batches) const;

 private:
  Group* group_;
  model::Transformer& model_;
  const AdamW& optimizer_;
  const std::atomic<bool>& stop_;
  std::optional<GradientBuckets> buckets_;
  std::optional<Collected> collected_;
  bool agreed_stop_ = false;
  double step_seconds_ = 0;  // of rank 0, known to all
  double waited_ = 0;
  std::int64_t waits_ = 0;
};

}  // namespace attnlab::train
