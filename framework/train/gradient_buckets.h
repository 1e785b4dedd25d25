/// gradient_buckets.h: the gradients of a step, summed over the ranks while backward still runs.
///   Parameters lie in flat buckets in the order in which backward comes to them, the last layer first.
///   They lie on the weights' device: on a GPU the host waits for none of it before finish().
///   A bucket is on its way once its gradients and all buckets before it are complete, so the ranks
///   send the same buckets in the same order.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "framework/model/parameters.h"
#include "framework/train/group.h"

namespace attnlab::train {

class GradientBuckets {
 public:
  static constexpr std::int64_t kNumbers = 1 << 20;  // 4 MiB of float32

  /// A bucket is closed before it would have more than `numbers`; one parameter may be larger. Both
  /// arguments outlive it. Hooks stand on the parameters while it lives.
  GradientBuckets(const model::ParameterList& parameters, Group& group, std::int64_t numbers = kNumbers);
  ~GradientBuckets();
  GradientBuckets(const GradientBuckets&) = delete;
  GradientBuckets& operator=(const GradientBuckets&) = delete;

  /// Before the last backward pass of a step.
  void arm() { armed_ = true; }
  /// After it: every parameter's gradient is the sum over the ranks, and undefined where no rank has
  /// one. Returns the seconds that this took beyond backward itself.
  double finish();

 private:
  struct Entry {
    at::Tensor weight;
    std::size_t bucket = 0;
    std::int64_t at = 0, number = 0;  // where its gradient begins in the bucket; which of the bucket's it is
    bool filled = false;
  };
  struct Bucket {
    std::vector<std::size_t> entries;
    at::Tensor numbers;  // on the weights' device: gradients, then for each parameter how many ranks have one
    std::int64_t size = 0;
    std::size_t filled = 0;
    std::unique_ptr<Group::Sum> sum;
  };
  struct Hook;

  void fill(std::size_t entry);
  void send_complete();
  void take(const Bucket& bucket, const float* ranks);

  Group& group_;
  std::vector<Entry> entries_;
  std::vector<Bucket> buckets_;
  std::size_t sent_ = 0;
  bool armed_ = false;
};

}  // namespace attnlab::train
