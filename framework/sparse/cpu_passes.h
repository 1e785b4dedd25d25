/// cpu_passes.h: the two passes of segment attention on the CPU, over tensors.
#pragma once

#include "framework/sparse/segment_passes.h"

namespace attnlab::sparse::cpu {

/// query, key, value: contiguous [B, H, T, D], all of one dtype: float32, float64, bfloat16 or
/// float16. The plan has been checked.
[[nodiscard]] ForwardPass forward(const at::Tensor& query, const at::Tensor& key,
                                  const at::Tensor& value, const SegmentPlan& plan);

/// grads.out contiguous in the inputs' dtype; grads.lse contiguous in lse's, or undefined.
/// unique_keys: no row repeats among a group's packed keys, so that each gradient is written once.
/// Bit-equal for any thread count.
[[nodiscard]] InputGradients backward(const ResultGradients& grads, const at::Tensor& query,
                                      const at::Tensor& key, const at::Tensor& value,
                                      const ForwardPass& forward, const SegmentPlan& plan,
                                      bool unique_keys);

/// "segment_attention cpu bfloat16 avx512".
[[nodiscard]] std::string kernel_name(at::ScalarType dtype);

}  // namespace attnlab::sparse::cpu
