/// hash_sparse.cpp: attention within hash buckets, exactly.
///   Pagliardini, Paliotta, Jaggi, Fleuret 2023, "Fast Attention Over Long Sequences With Dynamic
///   Sparse Flash Attention", https://arxiv.org/abs/2306.01160; over the segment engine.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <optional>
#include <tuple>
#include <vector>

#include "attention_plugins/hash_sparse/hashing.h"
#include "framework/attention/checks.h"
#include "framework/attention/plugin.h"
#include "framework/sparse/plans.h"
#include "framework/sparse/remembered.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab {
namespace {

using hash_sparse::HashSparseConfig;
using hash_sparse::Keys;

class HashSparse final : public Attention {
 public:
  HashSparse(const AttentionShape& shape, const HashSparseConfig& config, Owner& owner)
      : shape_(shape), config_(config) {
    if (const auto reason = refuses(shape, config); !reason.empty()) throw Error(reason);
    if (config.hash_space == sparse::HashSpace::raw || config.buckets == 1) return;
    const auto moments = [&](const char* side) {
      return sparse::RunningMoments::of(owner, side, shape.heads, shape.head_dim, sparse::moments_of(config));
    };
    queries_ = moments("query");
    if (config.keys == Keys::separate) keys_ = moments("key");
  }

  [[nodiscard]] static std::string refuses(const AttentionShape& shape,
                                           const HashSparseConfig& config) {
    if (shape.shared_keys || config.keys == Keys::separate) return {};
    return "keys=shared gives a key its query's bucket, but the model has keys of its own "
           "(model.shared_keys=false). Set hash_sparse.keys=separate or model.shared_keys=true.";
  }

  [[nodiscard]] AttentionOutput forward(const AttentionInput& input,
                                        const AttentionContext& context) override {
    check_input(input, "hash_sparse");
    TORCH_CHECK(input.query.size(1) == shape_.heads && input.query.size(3) == shape_.head_dim,
                "[hash_sparse] query: expected ", shape_.heads, " heads of ", shape_.head_dim,
                ", got ", input.query.sizes());
    const auto buckets = plan_for(input, context);
    const auto plan = sparse::keep_within(buckets, input.documents);
    auto result = sparse::segment_attention(input.query, input.key, input.value, plan);
    kernel_ = sparse::kernel_name(input.query, plan);
    AttentionOutput output{result.out, std::nullopt, {}};
    if (context.wants_statistics()) output.statistics = statistics(input, buckets, plan);
    if (context.training) {
      if (queries_) queries_->collect(input.query);
      if (keys_) keys_->collect(input.key);
    }
    return output;
  }

  void finish_step() override {
    if (queries_) queries_->finish_step();
    if (keys_) keys_->finish_step();
  }

  [[nodiscard]] std::vector<at::Tensor> collected() override {
    std::vector<at::Tensor> sums;
    for (const auto* moments : {&queries_, &keys_}) {
      if (!*moments) continue;
      const auto more = (*moments)->collected();
      sums.insert(sums.end(), more.begin(), more.end());
    }
    return sums;
  }

  [[nodiscard]] std::string kernel() const override { return kernel_; }

 private:
  [[nodiscard]] sparse::SegmentPlan plan_for(const AttentionInput& input,
                                             const AttentionContext& context) {
    const bool include_self = shape_.causality == config::Causality::inclusive;
    const auto& query = input.query;
    if (config_.buckets == 1) {
      return sparse::full_plan(query.size(0), query.size(1), query.size(2), include_self,
                               query.device());
    }
    const auto projections = projections_for(query, context);  // [H, D, buckets/2]
    const auto hash = [&](const at::Tensor& rows, const auto& moments) {  // [B, H, T]
      return hash_sparse::hash_rows(rows, projections, moments ? &*moments : nullptr);
    };
    const auto query_buckets = hash(query, queries_);
    const auto key_buckets = config_.keys == Keys::shared ? query_buckets : hash(input.key, keys_);
    return sparse::bucket_plan(query_buckets, key_buckets, config_.buckets, include_self);
  }

  [[nodiscard]] at::Tensor projections_for(const at::Tensor& query,
                                           const AttentionContext& context) {
    const bool fixed = config_.projections == hash_sparse::Projections::fixed;
    return projections_.on_device_of(
        query, {context.run_seed, context.layer, fixed ? 0 : context.step},
        [&] { return hash_sparse::draw_projections(config_, shape_, context); });
  }

  /// Entropy of a head's buckets over its queries, in bits; the mean over heads and sequences.
  [[nodiscard]] static at::Tensor entropy(const sparse::SegmentPlan& plan) {
    const auto sizes = plan.query_start.diff().to(at::kDouble);
    const auto share = sizes / static_cast<double>(plan.query_rows.size(2));
    return 0 - (share * share.clamp_min(1e-300).log2()).sum(-1).mean();  // a minus would give -0
  }

  /// Over the pairs of dense attention, in the same documents, shared out evenly.
  [[nodiscard]] at::Tensor over_even(const AttentionInput& input, bool include_self,
                                     const at::Tensor& pairs) const {
    const auto buckets = static_cast<double>(config_.buckets);
    const int self = include_self ? 1 : 0;
    if (input.documents.defined()) {
      const auto all = sparse::earlier_in_document(input.documents).to(at::kDouble).mean() + self;
      return at::where(all > 0, pairs * buckets / all, 1.0);
    }
    const double even = (static_cast<double>(input.query.size(2) - 1) / 2 + self) / buckets;
    return even > 0 ? pairs / even : at::ones_like(pairs);
  }

  /// Of buckets whatever the documents, and of `plan`, the pairs that are really seen.
  [[nodiscard]] std::vector<Statistic> statistics(const AttentionInput& input,
                                                  const sparse::SegmentPlan& buckets,
                                                  const sparse::SegmentPlan& plan) const {
    const at::NoGradGuard no_graph;
    const auto counts = sparse::tally(plan);
    const auto T = static_cast<double>(plan.query_rows.size(2));
    const auto rows = static_cast<double>(plan.query_rows.numel());
    const auto pairs = counts.pairs / rows;
    return {{"bucket_share_max", "of T", buckets.query_start.diff().max().to(at::kDouble) / T},
            {"bucket_entropy", "bits", entropy(buckets)},
            {"pairs_over_even", "of even", over_even(input, plan.include_self, pairs)},
            {"pairs_per_query", "keys", pairs},
            {"rows_without_keys", "share", 1 - counts.seeing / rows}};
  }

  AttentionShape shape_;
  HashSparseConfig config_;
  sparse::Remembered<std::tuple<std::uint64_t, std::int64_t, std::int64_t>> projections_;
  std::optional<sparse::RunningMoments> queries_, keys_;  // none where rows are hashed raw
  std::string kernel_ = "not run yet";
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN(
    (PluginFacts{.name = "hash_sparse",
                 .summary = "exact attention between queries and keys of the same hash bucket",
                 .citation = "Pagliardini, Paliotta, Jaggi, Fleuret 2023, SCFA, arXiv 2306.01160",
                 .traits = plugin::kExactSoftmax | plugin::kRunsOnCpu | plugin::kRunsOnCuda |
                           plugin::kFloat32 | plugin::kFloat64 | plugin::kBfloat16 |
                           plugin::kFloat16 | plugin::kStrict | plugin::kInclusive |
                           plugin::kDrawsAtRandom | plugin::kIsolatesDocuments,
                 .dense_when = "buckets=1",
                 .max_head_dim_cuda = sparse::kMostHeadDimOnGpu}),
    HashSparse, HashSparseConfig)

}  // namespace attnlab
