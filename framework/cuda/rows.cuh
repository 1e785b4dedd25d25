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

/// This thread's share of sum_d a[d] b[d], of 8 threads. In float32 one thread has it all and adds
/// in the order of plain.cuh, so that a query with a single key gets a gradient of exactly 0.
GPU_FUNCTION float dot_share(const float* a, const float* b, int head_dim) {
  float sum = 0;
  for (int d = 0; gpu::thread() % 8 == 0 && d < head_dim; ++d) {
    sum = gpu::multiply_add(gpu::load(a + d), gpu::load(b + d), sum);
  }
  return sum;
}
template <class T>
GPU_FUNCTION float dot_share(const T* a, const T* b, int head_dim) {
  float sum = 0;
  for (int i = gpu::thread() % 8; i < head_dim / 8; i += 8) {
    const auto x = gpu::load(reinterpret_cast<const Vector16*>(a + 8 * i));
    const auto y = gpu::load(reinterpret_cast<const Vector16*>(b + 8 * i));
    GPU_UNROLL
    for (int e = 0; e < 8; ++e) {
      const int shift = e % 2 * 16;
      sum = gpu::multiply_add(gpu::to_float(T{static_cast<std::uint16_t>(x.word[e / 2] >> shift)}),
                              gpu::to_float(T{static_cast<std::uint16_t>(y.word[e / 2] >> shift)}),
                              sum);
    }
  }
  return sum;
}

/// shift[t] = sum_d grad_out[t,d] out[t,d] - grad_lse[t]; 0 where a row sees no key, whatever
/// gradient arrives there. 8 threads a row.
template <class T>
GPU_FUNCTION void fill_shift(const BackwardParams& p) {
  const Plan& plan = p.plan;
  const std::int64_t index = (gpu::block() * kRowThreads + gpu::thread()) / 8;
  const bool exists = index < plan.groups * plan.length;
  const bool seen = exists && gpu::load(p.lse + index) != -kInfinity;
  float sum = 0;
  if (seen) {
    const auto t = static_cast<std::int32_t>(index % plan.length);
    const GroupPlace place(plan.heads, index / plan.length);
    sum = dot_share(GroupRows<T>(p.grad_out, place).row(t), GroupRows<T>(p.out, place).row(t),
                    p.head_dim);
  }
  GPU_UNROLL
  for (int step = 1; step < 8; step *= 2) sum += gpu::shuffle_xor(sum, step);
  if (!exists || gpu::thread() % 8 != 0) return;
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
