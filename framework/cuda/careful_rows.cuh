/// careful_rows.cuh: rows of the warpgroup kernels whose sums were not finite, once more by one warp
///   each: pair by pair, so that NaN and Inf of what a row does not see stay out of it (not_finite.cuh
///   says why they get in). Slow, for what is rare; ends as soon as a score is NaN.
#pragma once

#include "framework/cuda/gpu_sm90.h"
#include "framework/cuda/tile.cuh"

namespace attnlab::cuda {

/// Of a row's D elements this lane holds those at lane + 32 i.
template <class T, int D>
struct SpreadRow {
  GPU_FUNCTION SpreadRow() {}
  GPU_FUNCTION SpreadRow(const T* row, int head_dim) {
    GPU_UNROLL
    for (int i = 0; i < D / kWarp; ++i) {
      const int d = gpu::lane() + kWarp * i;
      x[i] = d < head_dim ? gpu::to_float(gpu::load(row + d)) : 0;
    }
  }
  GPU_FUNCTION void clear() {
    GPU_UNROLL
    for (int i = 0; i < D / kWarp; ++i) x[i] = 0;
  }
  GPU_FUNCTION float dot(const SpreadRow& other) const {
    float sum = 0;
    GPU_UNROLL
    for (int i = 0; i < D / kWarp; ++i) sum = gpu::multiply_add(x[i], other.x[i], sum);
    GPU_UNROLL
    for (int bit = 1; bit < kWarp; bit *= 2) sum += gpu::shuffle_xor(sum, bit);
    return sum;
  }
  GPU_FUNCTION void add(float factor, const SpreadRow& other, float shrink = 1) {
    GPU_UNROLL
    for (int i = 0; i < D / kWarp; ++i) x[i] = gpu::multiply_add(factor, other.x[i], x[i] * shrink);
  }
  GPU_FUNCTION void write(T* row, int head_dim, float factor) const {
    GPU_UNROLL
    for (int i = 0; i < D / kWarp; ++i) {
      const int d = gpu::lane() + kWarp * i;
      if (d < head_dim) {
        gpu::store(row + d, T{static_cast<std::uint16_t>(gpu::pack<T>(x[i] * factor, 0))});
      }
    }
  }
  float x[D / kWarp];
};

/// do_key(row) for every key that the query sees, until it says true. All lanes call alike.
template <class DoKey>
GPU_FUNCTION void for_keys_of(const Plan& plan, const Range& keys, std::int32_t group,
                              std::int32_t query, const DoKey& do_key) {
  const Rule rule(plan);
  const GroupMarks marks(plan, group);
  const std::int32_t* const rows = plan.key_rows + group * plan.keys;
  GPU_NO_UNROLL
  for (std::int32_t i = keys.begin; i < keys.end; ++i) {
    const std::int32_t key = gpu::load(rows + i);
    if (!is_near(rule, query, key) || (rule.more && is_excluded(marks, query, key))) continue;
    if (do_key(key)) return;
  }
}

/// out and lse of one query.
template <class T, int D>
GPU_NO_INLINE void attend_carefully(const ForwardParams& p, Range keys, std::int32_t group,
                                    std::int32_t query) {
  gpu::count_careful();
  const GroupPlace place(p.plan.heads, group);
  const GroupRows<T> key_rows(p.key, place), value_rows(p.value, place);
  const SpreadRow<T, D> own(GroupRows<T>(p.query, place).row(query), p.head_dim);
  SpreadRow<T, D> sum;
  sum.clear();
  float largest = -kInfinity, total = 0;
  for_keys_of(p.plan, keys, group, query, [&](std::int32_t key) {
    const float score = own.dot({key_rows.row(key), p.head_dim}) * p.scale;
    const float now = gpu::larger(largest, score);
    const float shrink = total == 0 ? 0 : gpu::exp_exact(largest - now);
    const float weight = gpu::exp_exact(score - now);
    sum.add(weight, {value_rows.row(key), p.head_dim}, total == 0 ? 1 : shrink);
    total = gpu::multiply_add(total, shrink, weight);
    largest = now;
    return total != total;  // so is all of the row
  });
  sum.write(GroupRows<T>(p.out, place).row(query), p.head_dim, total == 0 ? 0 : 1 / total);
  if (gpu::lane() == 0) {
    gpu::store(p.lse + group * p.plan.length + query,
               total == 0 ? -kInfinity : largest + gpu::log_exact(total));
  }
}

}  // namespace attnlab::cuda
