/// qk_drop.cpp: attention between randomly kept queries and keys, exactly.
///   Pagliardini, Paliotta, Jaggi, Fleuret 2023, "Fast Attention Over Long Sequences With Dynamic
///   Sparse Flash Attention", https://arxiv.org/abs/2306.01160; over the segment engine.
#include <ATen/ATen.h>

#include <tuple>
#include <vector>

#include "attention_plugins/qk_drop/qk_drop_config.h"
#include "framework/attention/checks.h"
#include "framework/attention/plugin.h"
#include "framework/core/random.h"
#include "framework/sparse/hashing.h"
#include "framework/sparse/parallel.h"
#include "framework/sparse/plans.h"
#include "framework/sparse/remembered.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab {
namespace {

using qk_drop::Evaluation;
using qk_drop::QkDropConfig;

/// Keep mask bool [B, H, T], on the CPU. Row t of head h is kept by a pure function of (run seed,
/// layer, step, sequence id, h, t), from a stream of its own per `side`.
at::Tensor draw_keep(std::string_view side, double rate, const at::Tensor& query,
                     const AttentionContext& context) {
  const std::int64_t B = query.size(0), H = query.size(1), T = query.size(2);
  const auto keep = at::empty({B, H, T}, at::kBool);
  auto* to = keep.mutable_data_ptr<bool>();
  sparse::share(B * H, [&](const auto& next) {
    for (std::int64_t g = next(); g >= 0; g = next()) {
      const auto id =
          static_cast<std::uint64_t>(context.sequence_ids[static_cast<std::size_t>(g / H)]);
      const RandomStream stream(
          context.run_seed, side,
          {static_cast<std::uint64_t>(context.layer), static_cast<std::uint64_t>(context.step), id,
           static_cast<std::uint64_t>(g % H)});
      sparse::draw_keep(stream, rate, T, to + g * T);
    }
  });
  return keep;
}

class QkDrop final : public Attention {
 public:
  QkDrop(const AttentionShape& shape, const QkDropConfig& config)
      : include_self_(shape.causality == config::Causality::inclusive), config_(config) {}

  [[nodiscard]] AttentionOutput forward(const AttentionInput& input,
                                        const AttentionContext& context) override {
    check_input(input, "qk_drop");
    check_sequence_ids(input, context, "qk_drop");
    const bool drops = context.training || config_.evaluation == Evaluation::same;
    const double query_rate = drops ? config_.query_rate() : 0.0;
    const double key_rate = drops ? config_.key_rate() : 0.0;
    const auto plan = sparse::keep_within(
        sparse::kept_plan(keep("qk_drop.query", query_rate, input.query, context, query_keep_),
                          keep("qk_drop.key", key_rate, input.query, context, key_keep_),
                          include_self_),
        input.documents);
    auto result = sparse::segment_attention(input.query, input.key, input.value, plan);
    kernel_ = sparse::kernel_name(input.query, plan);
    AttentionOutput output{result.out, std::nullopt, {}};
    if (context.wants_statistics()) output.statistics = statistics(plan);
    return output;
  }

  [[nodiscard]] std::string kernel() const override { return kernel_; }

 private:
  /// All that a mask depends on: seed, layer, step, sequences, rate and shape.
  using Draw = std::tuple<std::uint64_t, std::int64_t, std::int64_t, std::vector<std::int64_t>,
                          double, std::vector<std::int64_t>>;

  [[nodiscard]] static at::Tensor keep(std::string_view side, double rate, const at::Tensor& query,
                                       const AttentionContext& context,
                                       sparse::Remembered<Draw>& known) {
    const auto shape = query.sizes().slice(0, 3);
    if (rate == 0) return at::ones(shape, query.options().dtype(at::kBool));
    const auto& ids = context.sequence_ids;
    return known.on_device_of(query,
                              {context.run_seed,
                               context.layer,
                               context.step,
                               {ids.begin(), ids.end()},
                               rate,
                               shape.vec()},
                              [&] { return draw_keep(side, rate, query, context); });
  }

  [[nodiscard]] static std::vector<Statistic> statistics(const sparse::SegmentPlan& plan) {
    const auto counts = sparse::tally(plan);
    const auto rows = static_cast<double>(plan.query_rows.numel());
    return {{"queries_kept", "share", counts.queries / rows},
            {"pairs_per_query", "keys", counts.pairs / rows},
            {"rows_without_keys", "share", 1 - counts.seeing / rows}};
  }

  bool include_self_;
  QkDropConfig config_;
  sparse::Remembered<Draw> query_keep_, key_keep_;
  std::string kernel_ = "not run yet";
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN(
    (PluginFacts{.name = "qk_drop",
                 .summary = "exact attention between randomly kept queries and keys",
                 .citation = "Pagliardini, Paliotta, Jaggi, Fleuret 2023, SCFA, arXiv 2306.01160",
                 .traits = plugin::kExactSoftmax | plugin::kRunsOnCpu | plugin::kRunsOnCuda |
                           plugin::kFloat32 | plugin::kFloat64 | plugin::kBfloat16 |
                           plugin::kFloat16 | plugin::kStrict | plugin::kInclusive |
                           plugin::kDrawsAtRandom | plugin::kIsolatesDocuments,
                 .dense_when = "drop=0",
                 .max_head_dim_cuda = sparse::kMostHeadDimOnGpu}),
    QkDrop, QkDropConfig)

}  // namespace attnlab
