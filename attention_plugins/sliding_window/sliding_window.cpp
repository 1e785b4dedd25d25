/// sliding_window.cpp: attention to the last `window` tokens, or to every `dilation`-th of them.
///   Child, Gray, Radford, Sutskever 2019, "Generating Long Sequences with Sparse Transformers",
///   https://arxiv.org/abs/1904.10509; a plan for the segment engine, no kernel of its own.
#include <ATen/ATen.h>

#include "framework/attention/checks.h"
#include "framework/attention/plugin.h"
#include "framework/sparse/plans.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab {
namespace {

struct SlidingWindowConfig {
  std::int64_t window = 128;
  std::int64_t dilation = 1;
  static constexpr auto fields() {
    using C = SlidingWindowConfig;
    return std::tuple{
        config::integer("window", &C::window, {.low = 1, .high = 1 << 30}, "tokens",
                        "keys that a token sees at most; its own is one of them when inclusive"),
        config::integer("dilation", &C::dilation, {.low = 1, .high = 1 << 30}, "tokens",
                        "distance from one seen key to the next")};
  }
};

class SlidingWindow final : public Attention {
 public:
  SlidingWindow(const AttentionShape& shape, const SlidingWindowConfig& config)
      : include_self_(shape.causality == config::Causality::inclusive), config_(config) {}

  [[nodiscard]] AttentionOutput forward(const AttentionInput& input,
                                        const AttentionContext& context) override {
    check_input(input, "sliding_window");
    const auto& query = input.query;
    const auto plan = sparse::keep_within(
        sparse::window_plan(query.size(0), query.size(1), query.size(2), config_.window,
                            config_.dilation, include_self_, query.device()),
        input.documents);
    auto result = sparse::segment_attention(input.query, input.key, input.value, plan);
    kernel_ = sparse::kernel_name(input.query, plan);
    AttentionOutput output{result.out, std::nullopt, {}};
    if (context.wants_statistics()) output.statistics = statistics(input);
    return output;
  }

  [[nodiscard]] std::string kernel() const override { return kernel_; }

 private:
  [[nodiscard]] std::vector<Statistic> statistics(const AttentionInput& input) const {
    const auto earlier = input.documents.defined() ? sparse::earlier_in_document(input.documents)
                                                   : at::arange(input.query.size(2));
    const auto before = earlier.floor_divide(config_.dilation);  // in the row's own class
    const auto seen = (include_self_ ? before + 1 : before).clamp_max(config_.window);
    if (seen.is_cuda()) {  // nobody waits for it
      return {{"pairs_per_query", "keys", seen.to(at::kDouble).mean()},
              {"rows_without_keys", "share", seen.eq(0).to(at::kDouble).mean()}};
    }
    const auto mean = [](const at::Tensor& x) { return x.to(at::kDouble).mean().item<double>(); };
    return {{"pairs_per_query", "keys", mean(seen)},
            {"rows_without_keys", "share", mean(seen.eq(0))}};
  }

  bool include_self_;
  SlidingWindowConfig config_;
  std::string kernel_ = "not run yet";
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN(
    (PluginFacts{.name = "sliding_window",
                 .summary = "exact attention to the last `window` tokens, with optional gaps",
                 .citation = "Child, Gray, Radford, Sutskever 2019, arXiv 1904.10509",
                 .traits = plugin::kExactSoftmax | plugin::kRunsOnCpu | plugin::kRunsOnCuda |
                           plugin::kFloat32 | plugin::kFloat64 | plugin::kBfloat16 |
                           plugin::kFloat16 | plugin::kStrict | plugin::kInclusive |
                           plugin::kIsolatesDocuments,
                 .dense_when = "window=1073741824 dilation=1",
                 .max_head_dim_cuda = sparse::kMostHeadDimOnGpu}),
    SlidingWindow, SlidingWindowConfig)

}  // namespace attnlab
