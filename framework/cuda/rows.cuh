/// rows.cuh: what is done to whole rows beside the tiles.
#pragma once

#include "framework/cuda/attention_params.h"
#include "framework/cuda/tile.cuh"

namespace attnlab::cuda {

/// sum_d a[d] b[d] of this lane's row, 16-bit elements, at most D; null: of a row of zeros. Four
/// lanes stand for a row; of these the one that holds_sum() has it. It is the diagonal of a warp's
/// 8 rows times 8 rows by the tiles' own products, so that a query with a single key gets a
/// gradient of exactly 0. load() waits for nothing.
template <class T, int D>
struct RowSum {
  static constexpr int kLanes = 4;
  static GPU_FUNCTION bool holds_sum() { return gpu::lane() % 4 == gpu::lane() / 8; }
  GPU_FUNCTION void load(const T* a, const T* b, int head_dim) {
    const auto words = [&](const T* row, int d) {
      const bool exists = row != nullptr && d < head_dim;
      return exists ? gpu::load(reinterpret_cast<const std::uint32_t*>(row + d)) : 0U;
    };
    GPU_UNROLL
    for (int k = 0; k < D / 16; ++k) {
      const int d = 16 * k + gpu::lane() % 4 * 2;
      left[k][0] = words(a, d), left[k][1] = words(a, d + 8);
      right[k][0] = words(b, d), right[k][1] = words(b, d + 8);
    }
  }
  GPU_FUNCTION float value() const {
    float sums[4] = {0, 0, 0, 0};
    GPU_UNROLL
    for (int k = 0; k < D / 16; ++k) {
      const std::uint32_t rows[4] = {left[k][0], 0, left[k][1], 0};
      gpu::multiply<T>(sums, rows, right[k][0], right[k][1]);
    }
    return gpu::lane() / 4 % 2 == 0 ? sums[0] : sums[1];
  }
  std::uint32_t left[D / 16][2], right[D / 16][2];
};

/// One thread an element, or RowSum's lanes a row.
struct RowKernel {
  static constexpr int kThreads = 128, kBlocks = 1;
  static constexpr std::uint32_t kSharedBytes = 0;
  static constexpr std::int64_t blocks(std::int64_t threads) {
    return (threads + kThreads - 1) / kThreads;
  }
  static GPU_FUNCTION std::int64_t index() { return gpu::block() * kThreads + gpu::thread(); }
};

/// shift of every row, where no query pass fills it: sum_d grad_out[t,d] out[t,d] - grad_lse[t]; 0
/// where a row sees no key, whatever gradient arrives there.
template <class T, int D>
struct FillShift : RowKernel {
  using Params = BackwardParams;
  static GPU_FUNCTION void run(const Params& p) {
    using Sum = RowSum<T, D>;
    const std::int64_t row = index() / Sum::kLanes;
    const bool exists = row < p.plan.groups * p.plan.length;
    const bool seen = exists && gpu::load(p.lse + row) != -kInfinity;
    const T *grad_out = nullptr, *out = nullptr;
    if (seen) {
      const auto t = static_cast<std::int32_t>(row % p.plan.length);
      const GroupPlace place(p.plan.heads, row / p.plan.length);
      grad_out = GroupRows<T>(p.grad_out, place).row(t);
      out = GroupRows<T>(p.out, place).row(t);
    }
    Sum product;
    product.load(grad_out, out, p.head_dim);
    float sum = product.value();
    if (!exists || !Sum::holds_sum()) return;
    if (seen && p.grad_lse != nullptr) sum -= gpu::load(p.grad_lse + row);
    gpu::store(p.shift + row, sum);
  }
};

GPU_FUNCTION void store_rounded(float* to, float x) { gpu::store(to, x); }
template <class T>
GPU_FUNCTION void store_rounded(T* to, float x) {
  gpu::store(to, T{static_cast<std::uint16_t>(gpu::pack<T>(x, 0))});
}

/// Sums of grad_query to their rows, rounded once.
template <class T>
struct RoundSums : RowKernel {
  using Params = BackwardParams;
  static GPU_FUNCTION void run(const Params& p) {
    const std::int64_t row = index() / p.head_dim;
    if (row >= p.plan.groups * p.plan.length) return;
    const GroupRows<T> rows(p.grad_query, GroupPlace(p.plan.heads, row / p.plan.length));
    store_rounded(rows.row(static_cast<std::int32_t>(row % p.plan.length)) + index() % p.head_dim,
                  gpu::load(p.grad_query_sums + index()));
  }
};

/// A row's gradients: the sums over its packed keys, in packed order.
template <class T>
struct AddUp : RowKernel {
  using Params = BackwardParams;
  static GPU_FUNCTION void run(const Params& p) {
    const std::int64_t row = index() / p.head_dim, d = index() % p.head_dim;
    if (row >= p.plan.groups * p.plan.length) return;
    const std::int64_t group = row / p.plan.length, t = row % p.plan.length;
    const std::int32_t* start = p.key_start + group * (p.plan.length + 1) + t;
    const std::int32_t end = gpu::load(start + 1);
    float key = 0, value = 0;
    for (std::int32_t i = gpu::load(start); i < end; ++i) {
      const std::int64_t packed =
          group * p.plan.keys + gpu::load(p.key_order + group * p.plan.keys + i);
      key += gpu::load(p.packed_grad_key + packed * p.head_dim + d);
      value += gpu::load(p.packed_grad_value + packed * p.head_dim + d);
    }
    const GroupPlace place(p.plan.heads, group);
    const auto at = static_cast<std::int32_t>(t);
    store_rounded(GroupRows<T>(p.grad_key, place).row(at) + d, key);
    store_rounded(GroupRows<T>(p.grad_value, place).row(at) + d, value);
  }
};

}  // namespace attnlab::cuda
