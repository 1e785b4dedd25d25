/// masked_softmax.h: the simplest attention there is, for tests of the model around it.
#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <memory>

#include "framework/attention/attention.h"

namespace attnlab {

class MaskedSoftmax final : public Attention {
 public:
  explicit MaskedSoftmax(config::Causality causality) : causality_(causality) {}

  AttentionOutput forward(const AttentionInput& input, const AttentionContext&) override {
    const auto length = input.query.size(2);
    const int diagonal = causality_ == config::Causality::strict ? -1 : 0;
    auto seen = at::ones({length, length}, at::kBool).tril(diagonal);
    if (const auto& own = input.documents; own.defined()) {
      seen = seen.logical_and(own.unsqueeze(2).eq(own.unsqueeze(1)).unsqueeze(1));  // [B, 1, T, T]
    }
    const double scale = 1 / std::sqrt(static_cast<double>(input.query.size(3)));
    const auto scores = at::matmul(input.query, input.key.transpose(2, 3)) * scale;
    const auto masked = scores.masked_fill(~seen, -std::numeric_limits<double>::infinity());
    const auto weights = at::nan_to_num(at::softmax(masked, -1), 0);  // rows without keys: 0
    return {at::matmul(weights, input.value), {}, {}};
  }
  std::string kernel() const override { return "masked softmax"; }

 private:
  config::Causality causality_;
};

/// Output 0, as the plugin `none`.
class NoAttention final : public Attention {
 public:
  AttentionOutput forward(const AttentionInput& input, const AttentionContext&) override {
    return {input.value * 0, {}, {}};
  }
  std::string kernel() const override { return "none"; }
};

}  // namespace attnlab
