/// hash.cuh: rows to buckets, one thread a row; nothing of size T x N is stored.
#pragma once

#include "framework/cuda/gpu.h"
#include "framework/cuda/plan_params.h"

namespace attnlab::cuda {

inline constexpr int kHashThreads = 128;
inline constexpr int kHashColumns = 8;  // of the projection side by side, in registers
/// Shared memory: kHashColumns columns of one head's projection.
constexpr std::uint32_t hash_shared_bytes(int head_dim) {
  return static_cast<std::uint32_t>(head_dim) * kHashColumns * 4;
}
/// groups: R * B * H.
constexpr std::int64_t hash_blocks(std::int64_t groups, std::int64_t length) {
  return groups * ((length + kHashThreads - 1) / kHashThreads);
}

/// Eight consecutive elements as float.
GPU_FUNCTION void load_eight(const float* from, float (&to)[8]) {
  GPU_UNROLL
  for (int i = 0; i < 8; ++i) to[i] = gpu::load(from + i);
}
template <class Half>
GPU_FUNCTION void load_eight(const Half* from, float (&to)[8]) {
  const Vector16 packed = gpu::load(reinterpret_cast<const Vector16*>(from));
  GPU_UNROLL
  for (int i = 0; i < 4; ++i) {
    to[2 * i] = gpu::to_float(Half{static_cast<std::uint16_t>(packed.word[i])});
    to[2 * i + 1] = gpu::to_float(Half{static_cast<std::uint16_t>(packed.word[i] >> 16)});
  }
}

/// Columns first .. first + 7 of the matrix [D, half] to shared memory, zeros past the last.
GPU_FUNCTION void share_columns(const float* matrix, int head_dim, int half, int first) {
  for (int i = gpu::thread(); i < head_dim * kHashColumns; i += kHashThreads) {
    const int column = first + i % kHashColumns;
    const float x = column < half ? gpu::load(matrix + i / kHashColumns * half + column) : 0.0F;
    gpu::shared_store(static_cast<std::uint32_t>(i) * 4, x);
  }
}

template <class Element>
GPU_FUNCTION void project(const Element* row, int head_dim, float (&sums)[kHashColumns]) {
  GPU_UNROLL
  for (int n = 0; n < kHashColumns; ++n) sums[n] = 0.0F;
  for (int d = 0; d < head_dim; d += 8) {
    float x[8];
    load_eight(row + d, x);
    GPU_UNROLL
    for (int i = 0; i < 8; ++i) {
      GPU_UNROLL
      for (int n = 0; n < kHashColumns; ++n) {
        const auto at = static_cast<std::uint32_t>((d + i) * kHashColumns + n) * 4;
        sums[n] = gpu::multiply_add(x[i], gpu::shared_load<float>(at), sums[n]);
      }
    }
  }
}

/// Grid: hash_blocks(G, T) blocks of kHashThreads.
template <class Element, class Bucket>
GPU_FUNCTION void hash_rows(const HashParams<Element, Bucket>& p) {
  const std::int64_t blocks = (p.length + kHashThreads - 1) / kHashThreads;
  const std::int64_t group = gpu::block() / blocks;  // of R * B * H
  const std::int64_t head = group % p.heads, batch = group / p.heads % p.batch;
  const std::int64_t round = group / p.heads / p.batch;
  const std::int64_t row = gpu::block() % blocks * kHashThreads + gpu::thread();
  const float* matrix = p.projections + (round * p.heads + head) * p.head_dim * p.half;
  const bool valid = row < p.length;
  const Element* from =
      p.rows + batch * p.batch_stride + head * p.head_stride + (valid ? row : 0) * p.row_stride;
  constexpr float kInfinity = __builtin_huge_valf();
  float high = -kInfinity, low = kInfinity;  // a NaN compares with nothing and leaves bucket 0
  int highest = 0, lowest = 0;
  for (int first = 0; first < p.half; first += kHashColumns) {
    gpu::sync_threads();
    share_columns(matrix, p.head_dim, p.half, first);
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
  if (valid) gpu::store(p.buckets + group * p.length + row, static_cast<Bucket>(bucket));
}

}  // namespace attnlab::cuda
