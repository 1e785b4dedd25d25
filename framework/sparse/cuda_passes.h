/// cuda_passes.h: the two passes of segment attention on a GPU, over tensors. Nothing here waits
/// for
///   the device, so that a training step can be captured in a CUDA graph.
#pragma once

#include "framework/sparse/segment_passes.h"

namespace attnlab::sparse::cuda {

/// The tensor itself where the kernels can read it, with whatever strides; else a contiguous copy.
[[nodiscard]] at::Tensor readable(const at::Tensor& rows);

/// query, key, value: [B, H, T, D], readable(), all of one dtype: float32, bfloat16 or float16;
/// D up to 128. `largest` and `total` are left undefined for 16-bit inputs, whose backward pass
/// takes lse.
[[nodiscard]] ForwardPass forward(const at::Tensor& query, const at::Tensor& key,
                                  const at::Tensor& value, const SegmentPlan& plan);

/// grads.out readable() in the inputs' dtype; grads.lse contiguous float32, or undefined.
/// unique_keys: no row repeats among a group's packed keys. Bit-equal every time, unless the
/// environment says ATTNLAB_CUDA_BACKWARD=atomic: then, for 16-bit inputs, grad_query is added up
/// with atomics, in two products of seven less.
[[nodiscard]] InputGradients backward(const ResultGradients& grads, const at::Tensor& query,
                                      const at::Tensor& key, const at::Tensor& value,
                                      const ForwardPass& forward, const SegmentPlan& plan,
                                      bool unique_keys);

/// "segment_attention cuda bfloat16 mma.sync"; of float32: "... float32 plain".
[[nodiscard]] std::string kernel_name(at::ScalarType dtype);

}  // namespace attnlab::sparse::cuda
