/// attention_params.h: arguments of the segment-attention kernels; the axes of segment_plan.h.
///   G = B*H groups, T length, D head_dim. Device pointers; nothing here owns memory. Everything
///   that a kernel needs to know of a plan's contents stays on the device.
#pragma once

#include <cstdint>

#include "framework/cuda/plan_params.h"

namespace attnlab::cuda {

/// [B, H, T, D] with any strides, in elements, but contiguous along D; those of rows are
/// below 2^31. 16-bit elements: rows begin at multiples of 16 bytes.
struct Rows {
  void* data = nullptr;
  std::int64_t batch = 0;
  std::int64_t head = 0;
  std::int64_t row = 0;
};

/// Rows that a block owns, and which kernels take them: attention_launch.h says who has which.
enum class TileShape : std::int32_t {
  large,
  small,   // for plans of short segments
  groups,  // kernels that multiply by warpgroups
};

/// What no tile has is left as it was, here and backward: 0 in out and the gradients and -inf in
/// lse is up to the caller, where tiles do not list every packed row and those every row.
struct ForwardParams {
  Plan plan;
  TileShape shape = TileShape::large;  // as `tiles` were listed for
  TileList tiles;
  Rows query, key, value, out;
  float* lse = nullptr;       // [G, T], natural log
  float* largest = nullptr;   // [G, T] largest score, and
  float* total = nullptr;     // [G, T] sum of exp(score - largest); float32 kernels only
  float scale = 1;            // of the scores; above 0
  std::int32_t head_dim = 0;  // a multiple of 8, at most the kernel's
};

struct BackwardParams {
  Plan plan;
  TileShape shape = TileShape::large;  // as both lists were made for
  TileList query_tiles, key_tiles;
  Rows query, key, value, out, grad_out, grad_query, grad_key, grad_value;
  const float* lse = nullptr;       // [G, T]
  const float* largest = nullptr;   // [G, T], float32 kernels only
  const float* total = nullptr;     // [G, T], float32 kernels only
  const float* grad_lse = nullptr;  // [G, T] or null
  float* shift = nullptr;  // [G, T], scratch: sum_d grad_out * out - grad_lse; 0 without keys
  /// Where rows repeat among a group's packed keys: [G, Nk, D] sums of each packed key, 0 before,
  /// to be added up afterwards into every row. Null: each row is at most once there, and its
  /// gradient is written at once.
  float* packed_grad_key = nullptr;
  float* packed_grad_value = nullptr;
  /// Then also scratch for the packed keys sorted by row: [G, Nk], [G, T+1], and
  /// sort_scratch(G, Nk, T).
  std::int32_t* key_order = nullptr;
  std::int32_t* key_start = nullptr;
  std::int32_t* key_counts = nullptr;
  /// [G, T, D], 0 before: grad_query is added up here with atomics, in no fixed order, which saves
  /// a pass. Null: deterministic. 16-bit kernels only.
  float* grad_query_sums = nullptr;
  float scale = 1;
  std::int32_t head_dim = 0;
};

}  // namespace attnlab::cuda
