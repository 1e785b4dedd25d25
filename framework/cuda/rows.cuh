/// rows.cuh: what is done to every row before and after the tiles.
#pragma once

#include "framework/cuda/attention_params.h"
#include "framework/cuda/tile.cuh"

namespace attnlab::cuda {

inline constexpr int kRowThreads = 128;

/// values[i] = value for i < count.
struct FillParams {
  float* values = nullptr;
  std::int64_t count = 0;
  float value = 0;
};
GPU_FUNCTION void fill(const FillParams& p) {
  const std::int64_t i = gpu::block() * kRowThreads + gpu::thread();
  if (i < p.count) gpu::store(p.values + i, p.value);
}

/// Rows of `rows` become 0: those whose lse is -inf, which no tile writes; all where lse is null.
template <class T>
struct ClearParams {
  Rows rows;
  const float* lse = nullptr;  // [G, T]
  std::int64_t groups = 0, heads = 1, length = 0;
  std::int32_t head_dim = 0;
};
/// 8 threads a row.
template <class T>
GPU_FUNCTION void clear_rows(const ClearParams<T>& p) {
  const std::int64_t index = (gpu::block() * kRowThreads + gpu::thread()) / 8;
  if (index >= p.groups * p.length) return;
  if (p.lse != nullptr && gpu::load(p.lse + index) != -kInfinity) return;
  constexpr int kPiece = 16 / sizeof(T);
  T* row = GroupRows<T>(p.rows, GroupPlace(p.heads, index / p.length))
               .row(static_cast<std::int32_t>(index % p.length));
  for (int i = gpu::thread() % 8; i < p.head_dim / kPiece; i += 8) {
    gpu::store(reinterpret_cast<Vector16*>(row + i * kPiece), Vector16{});
  }
}

/// sum_d a[d] b[d] of this lane's row, summed in the order of the tiles, so that a query with a
/// single key gets a gradient of exactly 0. All lanes call it; null: a row of zeros. kLanes stand
/// for a row, and the one that holds_sum() has it. float32: one lane adds in the order of
/// plain.cuh.
template <class T>
struct RowSum {
  static constexpr int kLanes = 8;
  static GPU_FUNCTION bool holds_sum() { return gpu::lane() % kLanes == 0; }
  static GPU_FUNCTION float of(const T* a, const T* b, int head_dim) {
    float sum = 0;
    for (int d = 0; a != nullptr && holds_sum() && d < head_dim; ++d) {
      sum = gpu::multiply_add(gpu::load(a + d), gpu::load(b + d), sum);
    }
    return sum;
  }
};
/// 16 bits: the diagonal of a warp's 8 rows times 8 rows, by the tiles' own products.
template <class T>
struct RowSum16 {
  static constexpr int kLanes = 4;
  static GPU_FUNCTION bool holds_sum() { return gpu::lane() % 4 == gpu::lane() / 8; }
  static GPU_FUNCTION float of(const T* a, const T* b, int head_dim) {
    float sums[4] = {0, 0, 0, 0};
    const auto words = [&](const T* row, int d) {
      const bool exists = row != nullptr && d < head_dim;
      return exists ? gpu::load(reinterpret_cast<const std::uint32_t*>(row + d)) : 0U;
    };
    for (int d = gpu::lane() % 4 * 2; d < head_dim; d += 16) {
      const std::uint32_t left[4] = {words(a, d), 0, words(a, d + 8), 0};
      gpu::multiply<T>(sums, left, words(b, d), words(b, d + 8));
    }
    return gpu::lane() / 4 % 2 == 0 ? sums[0] : sums[1];
  }
};
template <>
struct RowSum<Bf16> : RowSum16<Bf16> {};
template <>
struct RowSum<F16> : RowSum16<F16> {};

/// shift[t] = sum_d grad_out[t,d] out[t,d] - grad_lse[t]; 0 where a row sees no key, whatever
/// gradient arrives there.
template <class T>
GPU_FUNCTION void fill_shift(const BackwardParams& p) {
  using Sum = RowSum<T>;
  const Plan& plan = p.plan;
  const std::int64_t index = (gpu::block() * kRowThreads + gpu::thread()) / Sum::kLanes;
  const bool exists = index < plan.groups * plan.length;
  const bool seen = exists && gpu::load(p.lse + index) != -kInfinity;
  const T *grad_out = nullptr, *out = nullptr;
  if (seen) {
    const auto t = static_cast<std::int32_t>(index % plan.length);
    const GroupPlace place(plan.heads, index / plan.length);
    grad_out = GroupRows<T>(p.grad_out, place).row(t);
    out = GroupRows<T>(p.out, place).row(t);
  }
  float sum = Sum::of(grad_out, out, p.head_dim);
  if (!exists || !Sum::holds_sum()) return;
  if (seen && p.grad_lse != nullptr) sum -= gpu::load(p.grad_lse + index);
  gpu::store(p.shift + index, sum);
}

/// A row's gradient: the sum over its packed keys, in packed order. One thread an element.
template <class T>
struct AddUpParams {
  Rows to;
  const float* packed = nullptr;        // [G, Nk, D]
  const std::int32_t* order = nullptr;  // [G, Nk] packed keys sorted by row
  const std::int32_t* start = nullptr;  // [G, T+1]
  std::int64_t groups = 0, heads = 1, length = 0, keys = 0;
  std::int32_t head_dim = 0;
};
GPU_FUNCTION void store_rounded(float* to, float x) { gpu::store(to, x); }
template <class T>
GPU_FUNCTION void store_rounded(T* to, float x) {
  gpu::store(to, T{static_cast<std::uint16_t>(gpu::pack<T>(x, 0))});
}
/// Sums of grad_query to their rows, rounded once. One thread an element.
template <class T>
GPU_FUNCTION void round_sums(const BackwardParams& p) {
  const std::int64_t index = gpu::block() * kRowThreads + gpu::thread();
  const std::int64_t row = index / p.head_dim;
  if (row >= p.plan.groups * p.plan.length) return;
  const GroupRows<T> rows(p.grad_query, GroupPlace(p.plan.heads, row / p.plan.length));
  store_rounded(rows.row(static_cast<std::int32_t>(row % p.plan.length)) + index % p.head_dim,
                gpu::load(p.grad_query_sums + index));
}

template <class T>
GPU_FUNCTION void add_up(const AddUpParams<T>& p) {
  const std::int64_t index = gpu::block() * kRowThreads + gpu::thread();
  const std::int64_t row = index / p.head_dim, d = index % p.head_dim;
  if (row >= p.groups * p.length) return;
  const std::int64_t group = row / p.length, t = row % p.length;
  const std::int32_t* start = p.start + group * (p.length + 1) + t;
  const std::int32_t end = gpu::load(start + 1);
  float sum = 0;
  for (std::int32_t i = gpu::load(start); i < end; ++i) {
    const std::int64_t key = group * p.keys + gpu::load(p.order + group * p.keys + i);
    sum += gpu::load(p.packed + key * p.head_dim + d);
  }
  const GroupRows<T> rows(p.to, GroupPlace(p.heads, group));
  store_rounded(rows.row(static_cast<std::int32_t>(t)) + d, sum);
}

}  // namespace attnlab::cuda
