/// segment_passes.h: segment attention forward and backward without autograd, for those who bring
///   their own: the operators of framework/python.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {

/// All contiguous; lse, largest and total float32, for float64 input float64.
struct ForwardPass {
  at::Tensor out;      // [B, H, T, D] in the dtype of the query
  at::Tensor lse;      // [B, H, T]
  at::Tensor largest;  // [B, H, T] largest score of a row, and
  at::Tensor total;    // [B, H, T] sum of exp(score - largest), for the backward pass
};
/// Checks the plan like segment_attention, of which this is the forward half.
[[nodiscard]] ForwardPass forward_pass(const at::Tensor& query, const at::Tensor& key,
                                       const at::Tensor& value, const SegmentPlan& plan);

/// Of `out` and `lse`; an undefined one counts as zeros.
struct ResultGradients {
  at::Tensor out, lse;
};
struct InputGradients {
  at::Tensor query, key, value;  // [B, H, T, D], contiguous, in the dtypes of the inputs
};
[[nodiscard]] InputGradients backward_pass(const ResultGradients& grads, const at::Tensor& query,
                                           const at::Tensor& key, const at::Tensor& value,
                                           const ForwardPass& forward, const SegmentPlan& plan);

}  // namespace attnlab::sparse
