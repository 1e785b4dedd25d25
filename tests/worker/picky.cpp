// picky.cpp: refuses more than 100 tokens, has an auxiliary loss, and is no exact softmax unless told.
#include <ATen/ATen.h>

#include "framework/attention/plugin.h"

namespace attnlab {
namespace {

struct PickyConfig {
  bool exact = false;
  double auxiliary = 10;
  static constexpr auto fields() {
    return std::tuple{
        config::flag("exact", &PickyConfig::exact, "divides by the sum of the weights"),
        config::real("auxiliary", &PickyConfig::auxiliary, {.low = 0}, "", "auxiliary loss")};
  }
};

class Picky final : public Attention {
 public:
  Picky(const AttentionShape& shape, const PickyConfig& config)
      : config_(config), strict_(shape.causality == config::Causality::strict) {}

  static std::string refuses(const AttentionShape& shape, const PickyConfig&) {
    return shape.max_length > 100 ? "it takes 100 tokens at most" : "";
  }

  AttentionOutput forward(const AttentionInput& in, const AttentionContext&) override {
    const auto T = in.query.size(2);
    const auto later = at::ones({T, T}, at::kBool).tril(strict_ ? -1 : 0).logical_not();
    const double scale = 1 / std::sqrt(static_cast<double>(in.query.size(-1)));
    auto weights = (scale * in.query.matmul(in.key.transpose(-1, -2))).exp().masked_fill(later, 0);
    const auto sum = weights.sum(-1, /*keepdim=*/true);
    weights = weights / (config_.exact ? sum.clamp_min(1e-30) : sum + 1);
    AttentionOutput result{weights.matmul(in.value), {}, {}};
    if (config_.auxiliary > 0) {
      result.auxiliary_loss = at::full({}, config_.auxiliary, in.query.options());
    }
    return result;
  }
  std::string kernel() const override { return "picky"; }

 private:
  PickyConfig config_;
  bool strict_;
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN((PluginFacts{.name = "picky",
                                      .summary = "for tests",
                                      .citation = "none",
                                      .traits = plugin::kExactSoftmax | plugin::kRunsOnCpu |
                                                plugin::kFloat32 | plugin::kStrict |
                                                plugin::kQuadraticMemory,
                                      .exact_when = "exact=true"}),
                         Picky, PickyConfig)

}  // namespace attnlab
