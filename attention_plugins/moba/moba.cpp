/// moba.cpp: each query attends to its own block of keys and to the blocks that a gate likes best.
///   Lu et al. 2025 (Moonshot AI), "MoBA: Mixture of Block Attention for Long-Context LLMs",
///   https://arxiv.org/abs/2502.13189; over the segment engine.
#include <ATen/ATen.h>

#include "framework/attention/checks.h"
#include "framework/attention/plugin.h"
#include "framework/sparse/merge.h"
#include "framework/sparse/plans.h"

namespace attnlab {
namespace {

struct MobaConfig {
  std::int64_t block = 64;
  std::int64_t top = 3;
  static constexpr auto fields() {
    return std::tuple{
        config::integer("block", &MobaConfig::block, {.low = 1, .high = 1 << 20}, "tokens",
                        "tokens in a block of keys"),
        config::integer("top", &MobaConfig::top, {.low = 1, .high = 64}, "blocks",
                        "blocks that a query sees: its own and top - 1 earlier ones")};
  }
};

class Moba final : public Attention {
 public:
  Moba(const AttentionShape& shape, const MobaConfig& config)
      : include_self_(shape.causality == config::Causality::inclusive), config_(config) {}

  [[nodiscard]] AttentionOutput forward(const AttentionInput& input,
                                        const AttentionContext& context) override {
    check_input(input, "moba");
    const auto plans = plans_for(input.query.detach(), input.key.detach(), input.documents);
    const auto merged = sparse::attend_in_rounds(input.query, input.key, input.value, plans);
    kernel_ = merged.kernel;
    // A strict first token sees nothing; the merge would give it its own value.
    AttentionOutput output{merged.out.masked_fill(merged.last_resort.unsqueeze(-1), 0), std::nullopt, {}};
    if (context.wants_statistics()) output.statistics = statistics(plans, merged.last_resort);
    return output;
  }

  [[nodiscard]] std::string kernel() const override { return kernel_; }

 private:
  /// What the gate weighs earlier blocks by.
  struct Gate {
    at::Tensor means;        // [B, H, whole blocks, D], float32 or float64
    at::Tensor documents;    // [B, 1, T, 1] of the queries; undefined: all is one document
    at::Tensor of_blocks{};  // [B, 1, 1, whole blocks]
  };

  /// Round 0: every query and its own block. Round r: every query and the block that its gate likes
  /// r-th best of those before its own; so no pair stands in two rounds.
  [[nodiscard]] std::vector<sparse::SegmentPlan> plans_for(const at::Tensor& query,
                                                           const at::Tensor& key,
                                                           const at::Tensor& documents) const {
    const std::int64_t B = query.size(0), H = query.size(1), T = query.size(2);
    const std::int64_t blocks = (T + config_.block - 1) / config_.block;
    const auto own = at::arange(T, query.options().dtype(at::kInt)).floor_divide(config_.block);
    const auto key_blocks = own.to(at::kInt).expand({B, H, T}).contiguous();
    const auto plan = [&](const at::Tensor& query_blocks, std::int64_t count) {
      return sparse::keep_within(
          sparse::bucket_plan(query_blocks, key_blocks, count, include_self_), documents);
    };
    std::vector<sparse::SegmentPlan> plans{plan(key_blocks, blocks)};
    const std::int64_t others = std::min(config_.top, blocks) - 1;
    if (others == 0) return plans;
    // Some rows at a time, so that no array of T rows and all blocks exists.
    constexpr std::int64_t kRows = 512;
    std::vector<at::Tensor> parts;
    const auto gate = gate_of(key, documents);
    for (std::int64_t begin = 0; begin < T; begin += kRows) {
      const auto rows = std::min(kRows, T - begin);
      parts.push_back(chosen_blocks(query.narrow(2, begin, rows), gate, begin,
                                    own.narrow(0, begin, rows), blocks, others));
    }
    const auto chosen = at::cat(parts, 2);  // [B, H, T, others]
    for (std::int64_t r = 0; r < others; ++r) {
      // One bucket more than blocks: of queries that have no r-th block. It holds no key.
      plans.push_back(plan(chosen.select(3, r).contiguous(), blocks + 1));
    }
    return plans;
  }

  /// A later query's document is the last one of a block or none of it, so a block's mean is that of its
  /// last document's keys.
  [[nodiscard]] Gate gate_of(const at::Tensor& key, const at::Tensor& documents) const {
    const auto dtype = key.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const std::int64_t whole = key.size(2) / config_.block;
    const auto in_blocks = [&](const at::Tensor& x, std::int64_t axis) {
      return x.narrow(axis, 0, whole * config_.block).unflatten(axis, {whole, config_.block});
    };
    const auto keys = in_blocks(key, 2).to(dtype);  // [B, H, whole, block, D]
    if (!documents.defined()) return {keys.mean(3), {}};
    const auto within = in_blocks(documents, 1);  // [B, whole, block]
    const auto last = within.select(2, config_.block - 1);
    const auto counts = within.eq(last.unsqueeze(2)).unsqueeze(1).unsqueeze(4);
    return {keys.masked_fill(counts.logical_not(), 0).sum(3) / counts.sum(3),
            documents.unsqueeze(1).unsqueeze(3), last.unsqueeze(1).unsqueeze(2)};
  }

  /// int32 [B, H, rows, others]: the earlier blocks with the largest query . (mean of the block's keys),
  /// the earlier block among equals; `blocks` where there are fewer. Blocks before the query's own are
  /// complete, so their means hold no later token. `first`: row of the first query.
  [[nodiscard]] static at::Tensor chosen_blocks(const at::Tensor& query, const Gate& by,
                                                std::int64_t first, const at::Tensor& own,
                                                std::int64_t blocks, std::int64_t others) {
    const std::int64_t rows = query.size(2), whole = by.means.size(2);
    const auto gate = query.to(by.means.scalar_type()).matmul(by.means.transpose(2, 3));
    auto before = at::arange(whole, own.options()) < own.unsqueeze(1);  // [rows, whole]
    if (by.documents.defined()) {
      before = before.logical_and(by.documents.narrow(2, first, rows).eq(by.of_blocks));
    }
    constexpr double kLeast = -std::numeric_limits<double>::infinity();
    const auto order = std::get<1>(gate.masked_fill(before.logical_not(), kLeast)
                                       .sort(/*stable=*/true, /*dim=*/-1, /*descending=*/true));
    const auto best = order.narrow(3, 0, std::min(others, whole));
    const auto allowed = before.expand_as(gate).gather(3, best);
    const auto chosen = at::where(allowed, best, blocks).to(at::kInt);
    if (whole >= others) return chosen;
    return at::constant_pad_nd(chosen, {0, others - whole}, blocks);
  }

  [[nodiscard]] static std::vector<Statistic> statistics(
      const std::vector<sparse::SegmentPlan>& plans, const at::Tensor& without_keys) {
    auto pairs = sparse::tally(plans[0]).pairs;
    for (std::size_t r = 1; r < plans.size(); ++r) pairs = pairs + sparse::tally(plans[r]).pairs;
    return {{"pairs_per_query", "keys", pairs / static_cast<double>(without_keys.numel())},
            {"rows_without_keys", "share", without_keys.to(at::kDouble).mean()}};
  }

  bool include_self_;
  MobaConfig config_;
  std::string kernel_ = "not run yet";
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN(
    (PluginFacts{.name = "moba",
                 .summary = "exact attention to the own block of keys and the best blocks of a gate",
                 .citation = "Lu et al. 2025, MoBA, arXiv 2502.13189",
                 .traits = plugin::kExactSoftmax | plugin::kRunsOnCpu | plugin::kRunsOnCuda |
                           plugin::kFloat32 | plugin::kFloat64 | plugin::kBfloat16 |
                           plugin::kFloat16 | plugin::kStrict | plugin::kInclusive |
                           plugin::kIsolatesDocuments,
                 .dense_when = "block=1048576",
                 .max_head_dim_cuda = sparse::kMostHeadDimOnGpu}),
    Moba, MobaConfig)

}  // namespace attnlab
