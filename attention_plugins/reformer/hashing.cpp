#include "attention_plugins/reformer/hashing.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "framework/core/random.h"
#include "framework/sparse/parallel.h"

namespace attnlab::reformer {
namespace {

RandomStream stream_of(const ReformerConfig& config, const AttentionContext& context,
                       std::uint64_t round, std::uint64_t head) {
  const auto layer = static_cast<std::uint64_t>(context.layer);
  const auto step = static_cast<std::uint64_t>(context.step);
  if (config.projections == Projections::fixed) {
    return RandomStream(context.run_seed, "reformer.fixed", {layer, round, head});
  }
  return RandomStream(context.run_seed, "reformer.redrawn", {layer, step, round, head});
}

}  // namespace

at::Tensor draw_projections(const ReformerConfig& config, const AttentionShape& shape,
                            const AttentionContext& context, std::int64_t buckets) {
  const std::int64_t half = buckets / 2, size = shape.head_dim * half;
  const std::int64_t heads = config.projection_per_head ? shape.heads : 1;
  at::Tensor projections = at::empty({config.rounds, heads, shape.head_dim, half}, at::kFloat);
  float* out = projections.mutable_data_ptr<float>();
  sparse::share(config.rounds * heads, [&](const auto& next) {
    std::vector<double> normals(static_cast<std::size_t>(size));
    for (std::int64_t i = next(); i >= 0; i = next()) {
      stream_of(config, context, i / heads, i % heads).fill_normal(normals);
      std::copy(normals.begin(), normals.end(), out + i * size);
    }
  });
  return projections;
}

}  // namespace attnlab::reformer
