/// careful_rows.cuh: rows of the warpgroup kernels whose sums were not finite, once more by one
/// warp
///   each: pair by pair, so that NaN and Inf of what a row does not see stay out of it
///   (not_finite.cuh says why they get in). Slow, for what is rare; ends as soon as a score is NaN.
#pragma once

#include "framework/cuda/gpu_sm90.h"
#include "framework/cuda/rows.cuh"

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
  template <class To>
  GPU_FUNCTION void write(To* row, int head_dim, float factor) const {
    GPU_UNROLL
    for (int i = 0; i < D / kWarp; ++i) {
      const int d = gpu::lane() + kWarp * i;
      if (d < head_dim) store_rounded(row + d, x[i] * factor);
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

/// grad_query of one query.
template <class T, int D>
GPU_NO_INLINE void query_carefully(const BackwardParams& p, Range keys, std::int32_t group,
                                   std::int32_t query) {
  gpu::count_careful();
  const GroupPlace place(p.plan.heads, group);
  const GroupRows<T> key_rows(p.key, place), value_rows(p.value, place);
  const SpreadRow<T, D> own(GroupRows<T>(p.query, place).row(query), p.head_dim);
  const SpreadRow<T, D> grad(GroupRows<T>(p.grad_out, place).row(query), p.head_dim);
  const std::int64_t at = group * p.plan.length + query;
  const float lse = gpu::load(p.lse + at), shift = gpu::load(p.shift + at);
  SpreadRow<T, D> sum;
  sum.clear();
  for_keys_of(p.plan, keys, group, query, [&](std::int32_t key) {
    const SpreadRow<T, D> row(key_rows.row(key), p.head_dim);
    const float weight = gpu::exp_exact(gpu::multiply_add(own.dot(row), p.scale, -lse));
    const float slope = grad.dot({value_rows.row(key), p.head_dim}) - shift;
    sum.add(weight * slope, row);
    return false;
  });
  sum.write(GroupRows<T>(p.grad_query, place).row(query), p.head_dim, p.scale);
}

/// grad_key and grad_value of one packed key of a tile, to their places.
template <class T, int D>
GPU_NO_INLINE void key_carefully(const BackwardParams& p, TileItem tile, std::int32_t at) {
  gpu::count_careful();
  const GroupPlace place(p.plan.heads, tile.group);
  const GroupPlan group(p.plan, tile.group);
  const GroupRows<T> queries(p.query, place), grads(p.grad_out, place);
  const std::int32_t row = gpu::load(group.key_rows + at);
  const SpreadRow<T, D> key(GroupRows<T>(p.key, place).row(row), p.head_dim);
  const SpreadRow<T, D> value(GroupRows<T>(p.value, place).row(row), p.head_dim);
  SpreadRow<T, D> sum_key, sum_value;
  sum_key.clear();
  sum_value.clear();
  const auto add = [&](std::int32_t query) {
    const std::int64_t number = tile.group * p.plan.length + query;
    const float lse = gpu::load(p.lse + number);
    if (lse == -kInfinity) return;  // it sees nothing
    const SpreadRow<T, D> own(queries.row(query), p.head_dim), grad(grads.row(query), p.head_dim);
    const float weight = gpu::exp_exact(gpu::multiply_add(own.dot(key), p.scale, -lse));
    sum_value.add(weight, grad);
    sum_key.add(weight * (grad.dot(value) - gpu::load(p.shift + number)), own);
  };
  const Rule rule(p.plan);
  const GroupMarks marks(p.plan, tile.group);
  const bool any = tile.segment < p.plan.segments;
  GPU_NO_UNROLL
  for (std::int32_t s = any ? tile.segment : -1; s >= 0; --s) {
    if (gpu::load(group.key_end + s) <= at) break;
    const std::int32_t end = gpu::load(group.query_start + s + 1);
    GPU_NO_UNROLL
    for (std::int32_t i = gpu::load(group.query_start + s); i < end; ++i) {
      const std::int32_t query = gpu::load(group.query_rows + i);
      if (is_near(rule, query, row) && !(rule.more && is_excluded(marks, query, row))) add(query);
    }
  }
  if (p.packed_grad_key == nullptr) {
    sum_key.write(GroupRows<T>(p.grad_key, place).row(row), p.head_dim, p.scale);
    sum_value.write(GroupRows<T>(p.grad_value, place).row(row), p.head_dim, 1);
    return;
  }
  const std::int64_t first = (tile.group * p.plan.keys + at) * p.head_dim;
  sum_key.write(p.packed_grad_key + first, p.head_dim, p.scale);
  sum_value.write(p.packed_grad_value + first, p.head_dim, 1);
}

/// Other than 0 where some sum of this lane's half (0: the lower, 1: the upper) of a warp's 16 rows
/// is not finite.
template <int N>
GPU_FUNCTION float poison_of(const float (&sum)[N][4], int half) {
  float poison = 0;
  GPU_UNROLL
  for (int n = 0; n < N; ++n) {
    poison = gpu::multiply_add(sum[n][2 * half], 0.0F, poison);
    poison = gpu::multiply_add(sum[n][2 * half + 1], 0.0F, poison);
  }
  return poison;
}
/// do_row(row) by the whole warp for each of its 16 rows that are poisoned; its number becomes
/// kNoRow, because it is written. rows: of this lane's two halves.
template <class DoRow>
GPU_FUNCTION void for_spoiled_rows(const float (&poison)[2], std::int32_t (&rows)[2],
                                   const DoRow& do_row) {
  GPU_UNROLL
  for (int half = 0; half < 2; ++half) {
    std::uint32_t spoiled = gpu::ballot(poison[half] != 0 && rows[half] != kNoRow);
    GPU_NO_UNROLL
    for (int row = 0; row < 8; ++row, spoiled >>= 4) {
      if ((spoiled & 15) == 0) continue;
      do_row(gpu::shuffle(rows[half], row * 4));
      if (gpu::lane() / 4 == row) rows[half] = kNoRow;
    }
  }
}

}  // namespace attnlab::cuda
