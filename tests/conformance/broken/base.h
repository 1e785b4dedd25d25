/// base.h: softmax attention over all earlier tokens, right in every respect. The plugins beside it
///   derive from it, and each is wrong in one place.
#pragma once

#include <ATen/ATen.h>

#include <cmath>

#include "framework/attention/plugin.h"
#include "framework/attention/reference.h"
#include "framework/core/random.h"

namespace attnlab::broken {

struct NoConfig {
  static constexpr auto fields() { return std::tuple{}; }
};

inline constexpr std::uint32_t kTraits = plugin::kExactSoftmax | plugin::kRunsOnCpu |
                                         plugin::kFloat32 | plugin::kFloat64 | plugin::kStrict |
                                         plugin::kInclusive | plugin::kQuadraticMemory;

class Base : public Attention {
 public:
  Base(const AttentionShape& shape, const NoConfig&)
      : strict_(shape.causality == config::Causality::strict) {}

  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    const auto mask = seen(input, context);
    const auto blocked = scores(input).masked_fill(mask.logical_not(), -1e30);
    const auto weights = blocked.softmax(-1) * mask;  // a row that sees nothing is exactly 0
    return {finish(weights.matmul(input.value), input), std::nullopt, {}};
  }
  std::string kernel() const override { return "matmul"; }

 protected:
  /// bool, broadcast to [B, H, T, T]: row t sees key s.
  virtual at::Tensor seen(const AttentionInput& input, const AttentionContext&) {
    return causal_mask(input.query.size(2), strict_);
  }
  virtual at::Tensor scores(const AttentionInput& input) {
    return input.query.matmul(input.key.transpose(-2, -1)) / std::sqrt(input.query.size(3));
  }
  virtual at::Tensor finish(const at::Tensor& output, const AttentionInput&) { return output; }

  bool strict_;
};

}  // namespace attnlab::broken

/// NAME: the plugin's name; CLASS derives from broken::Base; TRAITS in parentheses.
#define BROKEN_PLUGIN(NAME, CLASS, TRAITS)                                                       \
  ATTNLAB_ATTENTION_PLUGIN(                                                                      \
      (PluginFacts{.name = NAME, .summary = "for tests", .citation = "none", .traits = TRAITS}), \
      CLASS, broken::NoConfig)
