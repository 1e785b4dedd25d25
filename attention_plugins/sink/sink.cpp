// sink.cpp: dense attention with a learned logit per head that takes weight and gives no value.
#include <ATen/ATen.h>

#include "framework/attention/checks.h"
#include "framework/attention/plugin.h"
#include "framework/sparse/plans.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab {
namespace {

struct SinkConfig {
  double initial = 0;

  static constexpr auto fields() {
    return std::tuple{config::real("initial", &SinkConfig::initial, {}, "logit",
                                   "first value of every head's sink; far below the scores: dense")};
  }
};

class Sink final : public Attention {
 public:
  Sink(const AttentionShape& shape, const SinkConfig& config, Owner& owner)
      : include_self_(shape.causality == config::Causality::inclusive),
        sink_(owner.parameter("sink", {shape.heads}, {.mean = config.initial})) {}

  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    check_input(input, "sink");
    const auto& q = input.query;
    const auto plan = sparse::keep_within(
        sparse::full_plan(q.size(0), q.size(1), q.size(2), include_self_, q.device()), input.documents);
    const auto dense = sparse::segment_attention(q, input.key, input.value, plan);
    kernel_ = sparse::kernel_name(q, plan);
    // exp(lse) / (exp(lse) + exp(sink)): what the keys keep. 0 where there are none (lse = -inf).
    const auto kept = at::sigmoid(dense.lse - sink_.view({1, -1, 1}));
    AttentionOutput result{dense.out * kept.unsqueeze(-1).to(q.scalar_type()), {}, {}};
    if (context.wants_statistics()) {
      result.statistics.push_back({"sink_weight", "share", 1 - kept.detach().mean()});
    }
    return result;
  }
  std::string kernel() const override { return kernel_; }

 private:
  bool include_self_;
  at::Tensor sink_;  // [H]
  std::string kernel_;
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN(
    (PluginFacts{.name = "sink",
                 .summary = "dense attention whose softmax has one more, learned logit per head",
                 .citation = "Miller 2023 (softmax1); Xiao et al. 2023, arXiv 2309.17453",
                 .traits = plugin::kRunsOnCpu | plugin::kRunsOnCuda | plugin::kFloat32 |
                           plugin::kFloat64 | plugin::kBfloat16 | plugin::kFloat16 |
                           plugin::kStrict | plugin::kInclusive | plugin::kIsolatesDocuments,
                 .dense_when = "initial=-1000",
                 .max_head_dim_cuda = sparse::kMostHeadDimOnGpu}),
    Sink, SinkConfig)

}  // namespace attnlab
