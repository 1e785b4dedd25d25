/// merge.h: attention over several rounds from the rounds' own results (Reformer).
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {

struct Merged {
  at::Tensor out;          // [B, H, T, D]
  at::Tensor last_resort;  // bool [B, H, T]: rows that no round gave a key
};

/// out = sum_r exp(lse_r - lse) out_r with lse = logsumexp_r lse_r; a row whose lse is -inf in
/// every round gets its own value. Differentiable in every out, lse and in value; rows with lse =
/// -inf bring no NaN into either direction. All float32 or all float64.
/// Throws c10::Error on other dtypes and on shapes that differ.
[[nodiscard]] Merged merge_rounds(const std::vector<SegmentResult>& rounds,
                                  const at::Tensor& value);  // [B, H, T, D]

/// The two directions without autograd. `out` and `lse` hold one tensor per round.
[[nodiscard]] Merged merge_forward(at::TensorList out, at::TensorList lse, const at::Tensor& value);

struct MergeGradient {
  std::vector<at::Tensor> out;  // per round [B, H, T, D]
  std::vector<at::Tensor> lse;  // per round [B, H, T]
  at::Tensor value;             // [B, H, T, D]
};
[[nodiscard]] MergeGradient merge_backward(const at::Tensor& grad, at::TensorList out,
                                           at::TensorList lse, const at::Tensor& merged);

}  // namespace attnlab::sparse
