#include "attention_plugins/hash_sparse/hashing.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/core/random.h"
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

/// One head's matrix [D, half], column by column.
void draw_columns(const RandomStream& stream, std::int64_t D, std::int64_t half, float* matrix) {
  std::vector<double> column(static_cast<std::size_t>(D));
  for (std::int64_t n = 0; n < half; ++n) {
    double squares = 0;
    for (std::int64_t d = 0; d < D; ++d) {
      const double x = stream.normal(static_cast<std::uint64_t>(n * D + d));
      column[static_cast<std::size_t>(d)] = x;
      squares += x * x;
    }
    const double length = squares > 0 ? std::sqrt(squares) : 1.0;
    for (std::int64_t d = 0; d < D; ++d) {
      matrix[d * half + n] = static_cast<float>(column[static_cast<std::size_t>(d)] / length);
    }
  }
}

/// argmax of [sums ; -sums], first of equals.
std::int32_t first_largest(const float* sums, std::int64_t half) {
  std::int64_t high = 0, low = 0;
  for (std::int64_t n = 1; n < half; ++n) {
    if (sums[n] > sums[high]) high = n;
    if (sums[n] < sums[low]) low = n;
  }
  return static_cast<std::int32_t>(sums[high] >= -sums[low] ? high : half + low);
}

/// The buckets of one head of one sequence; `sums` holds `half` elements.
void hash_group(const float* rows, const float* matrix, std::int64_t T, std::int64_t D,
                std::int64_t half, float* sums, std::int32_t* buckets) {
  for (std::int64_t t = 0; t < T; ++t) {
    std::fill(sums, sums + half, 0.0F);
    for (std::int64_t d = 0; d < D; ++d) {
      const float x = rows[t * D + d];
      for (std::int64_t n = 0; n < half; ++n) sums[n] += x * matrix[d * half + n];
    }
    buckets[t] = first_largest(sums, half);
  }
}

}  // namespace

at::Tensor draw_projections(const HashSparseConfig& config, const AttentionShape& shape,
                            const AttentionContext& context) {
  const std::int64_t D = shape.head_dim, half = config.buckets / 2;
  const auto projections = at::empty({shape.heads, D, half}, at::kFloat);  // [H, D, buckets/2]
  auto* matrix = projections.mutable_data_ptr<float>();
  for (std::int64_t h = 0; h < shape.heads; ++h, matrix += D * half) {
    if (h > 0 && !config.projection_per_head) {
      std::copy(matrix - D * half, matrix, matrix);
    } else {
      draw_columns(stream_of(config, context, h), D, half, matrix);
    }
  }
  return projections;
}

at::Tensor hash_rows(const at::Tensor& rows, const at::Tensor& projections) {
  const auto x = rows.detach().to(at::kFloat).contiguous();  // [B, H, T, D]
  const std::int64_t B = x.size(0), H = x.size(1), T = x.size(2), D = x.size(3);
  const std::int64_t half = projections.size(2);
  const auto buckets = at::empty({B, H, T}, at::kInt);
  const auto* from = x.const_data_ptr<float>();
  const auto* matrices = projections.const_data_ptr<float>();
  auto* to = buckets.mutable_data_ptr<std::int32_t>();
  sparse::share(B * H, [&](const auto& next) {
    std::vector<float> sums(static_cast<std::size_t>(half));
    for (std::int64_t g = next(); g >= 0; g = next()) {
      hash_group(from + g * T * D, matrices + g % H * D * half, T, D, half, sums.data(),
                 to + g * T);
    }
  });
  return buckets;
}

}  // namespace attnlab::hash_sparse
