/// reformer.cpp: LSH attention after Kitaev, Kaiser, Levskaya 2020, "Reformer: The Efficient
///   Transformer", https://arxiv.org/abs/2001.04451, section 2; over the segment engine.
#include <ATen/ATen.h>

#include <tuple>

#include "attention_plugins/reformer/hashing.h"
#include "attention_plugins/reformer/spread.h"
#include "framework/attention/checks.h"
#include "framework/attention/plugin.h"
#include "framework/sparse/hashing.h"
#include "framework/sparse/merge.h"
#include "framework/sparse/plans.h"
#include "framework/sparse/remembered.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab {
namespace {

using reformer::ReformerConfig;

class Reformer final : public Attention {
 public:
  Reformer(const AttentionShape& shape, const ReformerConfig& config, Owner& owner)
      : shape_(shape), config_(config) {
    if (config.hash_space == sparse::HashSpace::raw) return;
    moments_ = sparse::RunningMoments::of(owner, "query", shape.heads, shape.head_dim, sparse::moments_of(config));
  }

  [[nodiscard]] AttentionOutput forward(const AttentionInput& input,
                                        const AttentionContext& context) override {
    check_input(input, "reformer");
    TORCH_CHECK(input.query.size(1) == shape_.heads && input.query.size(3) == shape_.head_dim,
                "[reformer] query: expected ", shape_.heads, " heads of ", shape_.head_dim,
                ", got ", input.query.sizes());
    const std::int64_t bucket_count = config_.buckets_for(input.query.size(2));
    // One hash for both sides: keys are queries up to a positive factor, which argmax ignores.
    const auto projections = projections_for(input.query, context, bucket_count);
    const auto hashing = moments_ ? moments_->transform(projections) : sparse::Hashing{projections, {}};
    const at::Tensor buckets =
        sparse::hash_buckets(input.query, hashing.projections, hashing.offset);  // [R, B, H, T]
    const auto rounds = sparse::sort_into_chunks(buckets, bucket_count, config_.chunk);

    const sparse::ChunkRules rules{config_.bucket_mask, config_.correct_duplicates};
    std::vector<sparse::SegmentPlan> plans;
    for (std::int64_t round = 0; round < config_.rounds; ++round) {
      plans.push_back(sparse::keep_within(sparse::chunk_plan(rounds, round, rules), input.documents));
    }
    const auto merged = sparse::attend_in_rounds(input.query, input.key, input.value, plans);
    kernel_ = merged.kernel;

    AttentionOutput output{merged.out, std::nullopt, {}};
    if (context.training && moments_) moments_->collect(input.query);
    if (context.wants_statistics()) {
      output.statistics = statistics(rounds, input.documents, merged.last_resort, bucket_count);
    }
    if (!context.training) {  // this one waits for the device
      output.statistics.push_back(
          {"pairs_per_query", "keys",
           reformer::pairs_per_query(rounds, input.documents, config_.bucket_mask)});
    }
    return output;
  }

  [[nodiscard]] std::string kernel() const override { return kernel_; }

  void finish_step() override {
    if (moments_) moments_->finish_step();
  }

  [[nodiscard]] std::vector<at::Tensor> collected() override {
    return moments_ ? moments_->collected() : std::vector<at::Tensor>();
  }

 private:
  [[nodiscard]] static std::vector<Statistic> statistics(const sparse::ChunkedRounds& rounds,
                                                         const at::Tensor& documents,
                                                         const at::Tensor& last_resort,
                                                         std::int64_t buckets) {
    const auto spread = reformer::spread_of(rounds, documents, buckets);
    return {{"bucket_coverage", "share", spread.coverage},
            {"last_resort_rows", "share", last_resort.to(at::kDouble).mean()},
            {"buckets", "per head", static_cast<double>(buckets)},
            {"bucket_load_max", "rows", spread.largest},
            {"bucket_entropy", "bits", spread.entropy},
            {"pairs_over_even", "of even", spread.pairs_over_even}};
  }

  [[nodiscard]] at::Tensor projections_for(const at::Tensor& query, const AttentionContext& context,
                                           std::int64_t buckets) {
    const bool fixed = config_.projections == reformer::Projections::fixed;
    return projections_.on_device_of(
        query, {context.run_seed, context.layer, fixed ? 0 : context.step, buckets},
        [&] { return reformer::draw_projections(config_, shape_, context, buckets); });
  }

  AttentionShape shape_;
  ReformerConfig config_;
  sparse::Remembered<std::tuple<std::uint64_t, std::int64_t, std::int64_t, std::int64_t>>
      projections_;
  std::optional<sparse::RunningMoments> moments_;  // none where rows are hashed raw
  std::string kernel_ = "not run yet";
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN(
    (PluginFacts{.name = "reformer",
                 .summary = "LSH attention: sorts rows by hash bucket and attends within chunks, "
                            "over several rounds",
                 .citation = "Kitaev, Kaiser, Levskaya 2020, Reformer, arXiv 2001.04451",
                 .traits = plugin::kNeedsSharedKeys | plugin::kExactSoftmax |
                           plugin::kPatternSeesFuture | plugin::kRunsOnCpu | plugin::kRunsOnCuda |
                           plugin::kFloat32 | plugin::kBfloat16 | plugin::kFloat16 |
                           plugin::kFloat64 | plugin::kStrict | plugin::kDrawsAtRandom |
                           plugin::kSelfAsLastResort | plugin::kIsolatesDocuments,
                 // A pair in several rounds otherwise counts as often; README, Limits.
                 .exact_when = "correct_duplicates=true",
                 // Angular hashing tells directions apart, and one channel has two. Each round's
                 // gradient is a difference of sums over D that no single channel averages out.
                 .min_head_dim = 8,
                 .max_head_dim_cuda = sparse::kMostHeadDimOnGpu}),
    Reformer, ReformerConfig)

}  // namespace attnlab
