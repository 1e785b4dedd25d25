/// attention_launch.h: launchers of segment attention; part of libattnlab_cuda.so's interface.
///   As in plan_launch.h: device pointers, a stream, a status, no wait for the device.
#pragma once

#include "framework/cuda/attention_params.h"
#include "framework/cuda/plan_launch.h"

namespace attnlab::cuda {

/// The head dim that the kernels for `head_dim` are made for; above it, rows are padded with zeros
/// in shared memory only. 0 where there are none.
constexpr int kernel_head_dim(int head_dim) {
  if (head_dim < 8 || head_dim > 128 || head_dim % 8 != 0) return 0;
  return (head_dim + 31) / 32 * 32;
}
/// Whether there are kernels that multiply by warpgroups (wgmma): compute capability 9.0 only. Made
/// for 64 and 128; up to 32 the others are expected to be faster than rows padded to 64.
constexpr bool has_group_kernels(AttnlabElement element, int head_dim) {
  return element != kAttnlabFloat32 && kernel_head_dim(head_dim) >= 64;
}
/// Whether there are kernels with small tiles; deterministic ones only.
constexpr bool has_small_tiles(AttnlabElement element, int head_dim) {
  const int made_for = kernel_head_dim(head_dim);
  return element != kAttnlabFloat32 && made_for != 0 && made_for <= 64;
}
/// Rows of a tile, for the tile lists: of queries in both directions, of keys backward.
constexpr int query_tile_rows(AttnlabElement element, int head_dim,
                              TileShape shape = TileShape::large) {
  if (shape != TileShape::large) return shape == TileShape::groups ? 128 : 64;
  if (element == kAttnlabFloat32) return head_dim > 96 ? 32 : 64;
  return head_dim > 64 ? 64 : 128;
}
constexpr int key_tile_rows(AttnlabElement element, int head_dim,
                            TileShape shape = TileShape::large) {
  return query_tile_rows(element, head_dim, shape);
}

/// Mean rows of a segment below which small tiles are to be chosen, in place of large ones and of
/// those by warpgroups. Predictions, not measured: static_look/README.md.
inline constexpr std::int64_t kFewRows = 320, kFewRowsOfGroups = 96;
/// Whether the plan's segments have fewer rows than `rows` in the mean; told by its shape alone, so
/// that it is the same every time and nobody waits for the device.
constexpr bool has_short_segments(const Plan& plan, std::int64_t rows) {
  return plan.queries < rows * plan.segments;
}
}  // namespace attnlab::cuda

extern "C" {

/// Fills out and lse (and largest and total) of every row that a tile has: -inf and 0 where a row
/// sees no key.
int attnlab_cuda_attention_forward(const attnlab::cuda::ForwardParams* params,
                                   AttnlabElement element, void* stream);

/// Fills the gradients of every row that a tile has; bit for bit the same every time.
int attnlab_cuda_attention_backward(const attnlab::cuda::BackwardParams* params,
                                    AttnlabElement element, void* stream);
}
