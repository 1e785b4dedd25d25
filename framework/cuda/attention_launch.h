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
/// Whether there are kernels that multiply by warpgroups (wgmma): compute capability 9.0 only.
constexpr bool has_group_kernels(AttnlabElement element, int head_dim) {
  const int made_for = kernel_head_dim(head_dim);
  return element != kAttnlabFloat32 && (made_for == 64 || made_for == 128);
}
constexpr bool has_group_backward(AttnlabElement element, int head_dim) {
  return has_group_kernels(element, head_dim) && head_dim <= 64;
}
/// Rows of a tile, for the tile lists: of queries in both directions, of keys backward.
constexpr int query_tile_rows(AttnlabElement element, int head_dim, bool groups = false) {
  if (groups) return 128;
  if (element == kAttnlabFloat32) return head_dim > 96 ? 32 : 64;
  return head_dim > 64 ? 64 : 128;
}
constexpr int key_tile_rows(AttnlabElement element, int head_dim) {
  return query_tile_rows(element, head_dim);
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
