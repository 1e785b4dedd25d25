// dense.cpp: exact attention over all earlier tokens, by the fastest of two exact kernels.
#include <ATen/ATen.h>

#include "attention_plugins/dense/observer.h"
#include "framework/attention/checks.h"
#include "framework/attention/plugin.h"
#include "framework/sparse/plans.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab {
namespace {

enum class Kernel { automatic, libtorch, engine };

struct DenseConfig {
  Kernel kernel = Kernel::automatic;
  static constexpr auto fields() {
    return std::tuple{config::choice("kernel", &DenseConfig::kernel,
                                     {"automatic", "libtorch", "engine"},
                                     "automatic: the segment engine for float32 and bfloat16 on "
                                     "a CPU and for documents kept apart, LibTorch's elsewhere")};
  }
};

at::Tensor inclusive(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (q.size(2) == 1) {
    // The gradients of scores over a single key are 0. LibTorch's own softmax gives that exactly;
    // its fused kernels leave the rounding error of exp(score - logsumexp) = 1.
    return std::get<0>(at::_scaled_dot_product_attention_math(q, k, v));
  }
  return at::scaled_dot_product_attention(q, k, v, {}, /*dropout_p=*/0.0, /*is_causal=*/true);
}

// Row t sees keys 0..t-1: rows 1.. of the queries over all but the last key, inclusively.
at::Tensor strict(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const auto length = q.size(2);
  const auto rest = inclusive(q.slice(2, 1), k.slice(2, 0, length - 1), v.slice(2, 0, length - 1));
  return at::constant_pad_nd(rest, {0, 0, 1, 0});  // row 0 sees nothing
}

// Bool [B, 1, T, T]: earlier rows of the same document, as LibTorch takes them: T x T numbers. A row that
// sees none is open to itself, since LibTorch would make NaN of it; `blind` [B, 1, T, 1] says which.
struct DocumentMask {
  at::Tensor open, blind;
};
DocumentMask mask_of(const at::Tensor& documents, bool strict) {
  const auto T = documents.size(1);
  const auto causal = at::ones({T, T}, documents.options().dtype(at::kBool)).tril(strict ? -1 : 0);
  const auto same = documents.unsqueeze(2).eq(documents.unsqueeze(1)).unsqueeze(1);
  const auto seen = same.logical_and(causal);
  const auto blind = seen.any(-1, /*keepdim=*/true).logical_not();
  return {seen.logical_or(blind.logical_and(at::eye(T, causal.options()))), blind};
}

at::Tensor within_documents(const AttentionInput& input, bool strict) {
  const auto mask = mask_of(input.documents, strict);
  return at::scaled_dot_product_attention(input.query, input.key, input.value, mask.open)
      .masked_fill(mask.blind, 0);
}

class Dense final : public Attention {
 public:
  Dense(const AttentionShape& shape, const DenseConfig& config)
      : strict_(shape.causality == config::Causality::strict), choice_(config.kernel) {}

  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    check_input(input, "dense");
    AttentionOutput output{by_engine(input) ? segments(input) : libtorch(input),
                           std::nullopt, {}};
    if (context.wants_statistics()) output.statistics = {pairs_per_query(input)};
    return output;
  }
  std::string kernel() const override { return kernel_; }

 private:
  [[nodiscard]] bool by_engine(const AttentionInput& input) const {
    if (choice_ != Kernel::automatic) return choice_ == Kernel::engine;
    const bool possible = input.query.device().is_cpu() || input.query.size(3) <= sparse::kMostHeadDimOnGpu;
    if (input.documents.defined()) return possible;  // LibTorch needs T x T numbers of a mask
    const auto dtype = input.query.scalar_type();
    return input.query.device().is_cpu() && (dtype == at::kFloat || dtype == at::kBFloat16);
  }

  at::Tensor segments(const AttentionInput& input) {
    const auto& query = input.query;
    const auto plan = sparse::keep_within(
        sparse::full_plan(query.size(0), query.size(1), query.size(2), !strict_, query.device()),
        input.documents);
    auto result = sparse::segment_attention(query, input.key, input.value, plan);
    kernel_ = sparse::kernel_name(query, plan);
    return result.out;
  }

  [[nodiscard]] Statistic pairs_per_query(const AttentionInput& input) const {
    const int self = strict_ ? 0 : 1;
    if (!input.documents.defined()) {
      return {"pairs_per_query", "keys", static_cast<double>(input.query.size(2) - 1) / 2 + self};
    }
    const auto before = sparse::earlier_in_document(input.documents);
    return {"pairs_per_query", "keys", before.to(at::kDouble).mean() + self};
  }

  at::Tensor libtorch(const AttentionInput& input) {
    const auto compute = [&] {
      if (input.documents.defined()) return within_documents(input, strict_);
      return strict_ ? strict(input.query, input.key, input.value)
                     : inclusive(input.query, input.key, input.value);
    };
    auto output = kernels_.observe(input, compute);
    kernel_ = kernels_.last();
    return output;
  }

  bool strict_;
  Kernel choice_;
  std::string kernel_ = "not run yet";
  dense::KernelObserver kernels_;
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN(
    (PluginFacts{
        .name = "dense",
        .summary = "exact softmax attention over all earlier tokens",
        .citation = "Vaswani et al. 2017, arXiv 1706.03762; kernel: Dao 2023, arXiv 2307.08691",
        .traits = plugin::kExactSoftmax | plugin::kRunsOnCpu | plugin::kRunsOnCuda |
                  plugin::kFloat32 | plugin::kFloat64 | plugin::kBfloat16 | plugin::kFloat16 |
                  plugin::kStrict | plugin::kInclusive |
                  plugin::kIsolatesDocuments}),
    Dense, DenseConfig)

}  // namespace attnlab
