/// collected.h: what the attentions of a model collected in a step for their buffers, summed over the ranks.
#pragma once

#include <string>
#include <vector>

#include "framework/model/transformer.h"
#include "framework/train/group.h"

namespace attnlab::train {

class Collected {
 public:
  /// Both outlive it.
  Collected(model::Transformer& model, Group& group) : model_(model), group_(group) {}

  /// Attention::collected() of every layer becomes the sum over all ranks, the same bits on each. Sums are
  /// made in float64 whatever their own dtype. Throws Error where an attention gives other sizes than another
  /// rank's or than at the step before.
  void add_up();

 private:
  void expect_layout(const std::vector<at::Tensor>& sums);

  model::Transformer& model_;
  Group& group_;
  std::string layout_;  // of all ranks, at every step; empty before the first
};

}  // namespace attnlab::train
