/// hash.cuh: rows to buckets, one thread a row; nothing of size T x N is stored.
#pragma once

#include "framework/cuda/elements.cuh"
#include "framework/cuda/gpu.h"
#include "framework/cuda/plan_params.h"

namespace attnlab::cuda {

inline constexpr int kHashColumns = 8;  // of the projection side by side, in registers

/// Eight consecutive elements as float.
GPU_FUNCTION void load_eight(const float* from, float (&to)[8]) {
  GPU_UNROLL
  for (int i = 0; i < 8; ++i) to[i] = gpu::load(from + i);
}
template <class Half>
GPU_FUNCTION void load_eight(const Half* from, float (&to)[8]) {
  Elements<Half, 8>::load(from, to);
}

template <class Element, class Bucket>
struct HashRows {
  using Params = HashParams;
  static constexpr int kThreads = 128, kBlocks = 1;
  /// kHashColumns columns of one head's projection, and where their sums begin.
  static constexpr std::uint32_t shared_bytes(int head_dim) {
    return static_cast<std::uint32_t>(head_dim + 1) * kHashColumns * 4;
  }
  static constexpr std::int64_t blocks(const Params& p) {
    return p.rounds * p.batch * p.heads * ((p.length + kThreads - 1) / kThreads);
  }

  static GPU_FUNCTION void run(const Params& p) {
    const std::int64_t blocks = (p.length + kThreads - 1) / kThreads;
    const std::int64_t group = gpu::block() / blocks;  // of R * B * H
    const std::int64_t head = group % p.heads, batch = group / p.heads % p.batch;
    const std::int64_t round = group / p.heads / p.batch;
    const std::int64_t row = gpu::block() % blocks * kThreads + gpu::thread();
    const bool valid = row < p.length;
    const Element* from = static_cast<const Element*>(p.rows) + batch * p.batch_stride +
                          head * p.head_stride + (valid ? row : 0) * p.row_stride;
    constexpr float kInfinity = __builtin_huge_valf();
    float high = -kInfinity, low = kInfinity;  // a NaN compares with nothing and leaves bucket 0
    int highest = 0, lowest = 0;
    for (int first = 0; first < p.half; first += kHashColumns) {
      gpu::sync_threads();
      share_columns(p, round, head, first);
      gpu::sync_threads();
      float sums[kHashColumns];
      project(from, p.head_dim, sums);
      GPU_UNROLL
      for (int n = 0; n < kHashColumns; ++n) {
        if (first + n >= p.half) continue;
        if (sums[n] > high) high = sums[n], highest = first + n;
        if (sums[n] < low) low = sums[n], lowest = first + n;
      }
    }
    const int bucket = high >= -low ? highest : p.half + lowest;
    Bucket* const to = static_cast<Bucket*>(p.buckets) + group * p.length + row;
    if (valid) gpu::store(to, static_cast<Bucket>(bucket));
  }

 private:
  /// Columns first .. first + 7 of the matrix to shared memory, zeros past its end; behind them
  /// what their sums begin with, so that an offset costs nothing per row.
  static GPU_FUNCTION void share_columns(const Params& p, std::int64_t round, std::int64_t head,
                                         int first) {
    const std::int64_t which = round * p.projection_heads + (p.projection_heads == 1 ? 0 : head);
    const float* matrix = p.projections + which * p.matrix_rows * p.half;
    const std::int64_t offset = round * p.offset_heads + (p.offset_heads == 1 ? 0 : head);
    for (int i = gpu::thread(); i < (p.head_dim + 1) * kHashColumns; i += kThreads) {
      const int d = i / kHashColumns, column = first + i % kHashColumns;
      float x = 0;
      if (column < p.half && d < p.matrix_rows) {
        x = gpu::load(matrix + static_cast<std::int64_t>(d) * p.half + column);
      } else if (column < p.half && d == p.head_dim && p.offsets != nullptr) {
        x = -gpu::load(p.offsets + offset * p.half + column);
      }
      gpu::shared_store(static_cast<std::uint32_t>(i) * 4, x);
    }
  }

  static GPU_FUNCTION void project(const Element* row, int head_dim, float (&sums)[kHashColumns]) {
    const auto shared = [](int d, int n) {
      return gpu::shared_load<float>(static_cast<std::uint32_t>(d * kHashColumns + n) * 4);
    };
    GPU_UNROLL
    for (int n = 0; n < kHashColumns; ++n) sums[n] = shared(head_dim, n);
    for (int d = 0; d < head_dim; d += 8) {
      float x[8];
      load_eight(row + d, x);
      GPU_UNROLL
      for (int i = 0; i < 8; ++i) {
        GPU_UNROLL
        for (int n = 0; n < kHashColumns; ++n) {
          sums[n] = gpu::multiply_add(x[i], shared(d + i, n), sums[n]);
        }
      }
    }
  }
};

}  // namespace attnlab::cuda
