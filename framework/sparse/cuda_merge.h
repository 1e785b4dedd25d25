/// cuda_merge.h: merge.h for tensors on a GPU, by LibTorch's operators. out may have 16 bits; lse
/// is
///   float32 or float64.
#pragma once

#include "framework/sparse/merge.h"

namespace attnlab::sparse::cuda {

[[nodiscard]] Merged merge_forward(at::TensorList out, at::TensorList lse, const at::Tensor& value);
[[nodiscard]] MergeGradient merge_backward(const at::Tensor& grad, at::TensorList out,
                                           at::TensorList lse, const at::Tensor& merged);

}  // namespace attnlab::sparse::cuda
