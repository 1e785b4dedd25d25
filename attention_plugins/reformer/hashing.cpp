#include "attention_plugins/reformer/hashing.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

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

/// The largest and the smallest projection of one row, first of equals.
struct Extremes {
  float high = -std::numeric_limits<float>::infinity();
  float low = std::numeric_limits<float>::infinity();
  std::int64_t argmax = 0, argmin = 0;

  void see(float value, std::int64_t column) {
    if (value > high) high = value, argmax = column;
    if (value < low) low = value, argmin = column;
  }
  [[nodiscard]] std::int32_t bucket(std::int64_t half) const {
    return static_cast<std::int32_t>(high >= -low ? argmax : half + argmin);
  }
};

constexpr std::int64_t kLanes = 8;  // columns side by side; a fixed count, so compilers vectorise

/// Blocks of kLanes columns, each contiguous; columns past the last are zero.
at::Tensor in_blocks(const at::Tensor& projections) {  // [R, H, D, half]
  const std::int64_t half = projections.size(3), blocks = (half + kLanes - 1) / kLanes;
  return at::constant_pad_nd(projections, {0, blocks * kLanes - half})
      .unflatten(3, {blocks, kLanes})
      .transpose(2, 3)
      .contiguous();  // [R, H, blocks, D, kLanes]
}

std::int32_t bucket_of(const float* row, const float* columns, std::int64_t head_dim,
                       std::int64_t half) {
  Extremes extremes;
  for (std::int64_t first = 0; first < half; first += kLanes) {
    float sums[kLanes] = {};
    for (std::int64_t d = 0; d < head_dim; ++d, columns += kLanes) {
      for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += row[d] * columns[lane];
    }
    const std::int64_t lanes = std::min(kLanes, half - first);
    for (std::int64_t lane = 0; lane < lanes; ++lane) extremes.see(sums[lane], first + lane);
  }
  return extremes.bucket(half);
}

}  // namespace

at::Tensor draw_projections(const ReformerConfig& config, const AttentionShape& shape,
                            const AttentionContext& context, std::int64_t buckets) {
  const std::int64_t half = buckets / 2, size = shape.head_dim * half;
  at::Tensor projections =
      at::empty({config.rounds, shape.heads, shape.head_dim, half}, at::kFloat);
  float* out = projections.data_ptr<float>();
  for (std::int64_t round = 0; round < config.rounds; ++round) {
    for (std::int64_t head = 0; head < shape.heads; ++head, out += size) {
      if (head > 0 && !config.projection_per_head) {
        std::copy(out - size, out, out);
        continue;
      }
      const RandomStream stream = stream_of(config, context, round, head);
      for (std::int64_t i = 0; i < size; ++i) out[i] = static_cast<float>(stream.normal(i));
    }
  }
  return projections;
}

at::Tensor hash_rows(const at::Tensor& rows, const at::Tensor& projections) {
  const at::Tensor x = rows.detach().to(at::kFloat).contiguous();  // [B, H, T, D]
  const std::int64_t B = x.size(0), H = x.size(1), T = x.size(2), D = x.size(3);
  const std::int64_t R = projections.size(0), half = projections.size(3);
  const at::Tensor columns = in_blocks(projections);  // [R, H, blocks, D, kLanes]
  const std::int64_t head_columns = columns.size(2) * D * kLanes;
  at::Tensor buckets = at::empty({R, B, H, T}, at::kInt);
  const auto hash_head = [&](std::int64_t i) {  // i: one head of one sequence in one round
    const std::int64_t round = i / (B * H), head = i % H;
    const float* row = x.data_ptr<float>() + i % (B * H) * T * D;
    const float* projection = columns.data_ptr<float>() + (round * H + head) * head_columns;
    std::int32_t* out = buckets.data_ptr<std::int32_t>() + i * T;
    for (std::int64_t t = 0; t < T; ++t) out[t] = bucket_of(row + t * D, projection, D, half);
  };
  sparse::share(R * B * H, [&](const auto& next) {
    for (std::int64_t i = next(); i >= 0; i = next()) hash_head(i);
  });
  return buckets;
}

}  // namespace attnlab::reformer
