// none.cpp: no attention at all. Output 0, and gradients 0 rather than missing, so that every
// parameter is updated as under the other variants.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/attention/checks.h"
#include "framework/attention/plugin.h"
#include "framework/sparse/differentiable.h"

namespace attnlab {
namespace {

struct NoneConfig {
  static constexpr auto fields() { return std::tuple{}; }
};

at::Tensor zero_of(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value) {
  const auto output = [&] {
    const at::NoGradGuard none;
    return at::zeros_like(query, at::MemoryFormat::Contiguous);
  }();
  sparse::record("none", {query, key, value}, {output}, {}, sparse::Refused::by_operators,
                 [](const sparse::Tensors& grads, const sparse::Tensors&) {
                   const auto zero = at::zeros_like(grads[0]);
                   return sparse::Tensors{zero, zero, zero};
                 });
  return output;
}

class None final : public Attention {
 public:
  None(const AttentionShape&, const NoneConfig&) {}

  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    check_input(input, "none");
    AttentionOutput output{zero_of(input.query, input.key, input.value), std::nullopt, {}};
    if (context.wants_statistics()) output.statistics = {{"pairs_per_query", "keys", 0}};
    return output;
  }
  std::string kernel() const override { return "none"; }
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN(
    (PluginFacts{.name = "none",
                 .summary = "output 0: what the rest of the model learns without attention",
                 .citation = "no paper; the floor of every comparison",
                 .traits = plugin::kExactSoftmax | plugin::kRunsOnCpu | plugin::kRunsOnCuda |
                           plugin::kFloat32 | plugin::kFloat64 | plugin::kBfloat16 |
                           plugin::kFloat16 | plugin::kStrict | plugin::kInclusive |
                           plugin::kIsolatesDocuments}),
    None, NoneConfig)

}  // namespace attnlab
