#include "attention_plugins/hash_sparse/hashing.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "framework/core/random.h"
#include "framework/sparse/hashing.h"
#include "framework/sparse/parallel.h"

namespace attnlab::hash_sparse {
namespace {

RandomStream stream_of(const HashSparseConfig& config, const AttentionContext& context,
                       std::int64_t head) {
  const auto layer = static_cast<std::uint64_t>(context.layer);
  const auto step = static_cast<std::uint64_t>(context.step);
  const auto h = static_cast<std::uint64_t>(head);
  if (config.projections == Projections::fixed) {
    return RandomStream(context.run_seed, "hash_sparse.fixed", {layer, h});
  }
  return RandomStream(context.run_seed, "hash_sparse.redrawn", {layer, step, h});
}

/// One head's matrix [D, half], drawn column by column.
void draw_columns(const RandomStream& stream, std::int64_t D, std::int64_t half, float* matrix) {
  std::vector<double> normals(static_cast<std::size_t>(D * half));
  stream.fill_normal(normals);
  const double* column = normals.data();
  for (std::int64_t n = 0; n < half; ++n, column += D) {
    double squares = 0;
    for (std::int64_t d = 0; d < D; ++d) squares += column[d] * column[d];
    const double length = squares > 0 ? std::sqrt(squares) : 1.0;
    for (std::int64_t d = 0; d < D; ++d) {
      matrix[d * half + n] = static_cast<float>(column[d] / length);
    }
  }
}

}  // namespace

at::Tensor draw_projections(const HashSparseConfig& config, const AttentionShape& shape,
                            const AttentionContext& context) {
  const std::int64_t D = shape.head_dim, half = config.buckets / 2;
  const std::int64_t drawn = config.projection_per_head ? shape.heads : 1;
  const auto projections = at::empty({drawn, D, half}, at::kFloat);
  auto* matrix = projections.mutable_data_ptr<float>();
  sparse::share(drawn, [&](const auto& next) {
    for (std::int64_t h = next(); h >= 0; h = next()) {
      draw_columns(stream_of(config, context, h), D, half, matrix + h * D * half);
    }
  });
  return projections.expand({shape.heads, D, half});  // [H, D, buckets/2]
}

at::Tensor hash_rows(const at::Tensor& rows, const at::Tensor& projections,
                     const sparse::RunningMoments* moments) {
  if (moments == nullptr) return sparse::hash_buckets(rows, projections.unsqueeze(0)).squeeze(0);
  const auto hashing = moments->transform(projections.unsqueeze(0));
  return sparse::hash_buckets(rows, hashing.projections, hashing.offset).squeeze(0);
}

}  // namespace attnlab::hash_sparse
