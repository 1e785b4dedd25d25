/// merge.h: attention over several rounds (Reformer).
///   out = sum_r exp(lse_r - lse) out_r with lse = logsumexp_r lse_r; a row whose lse is -inf in
///   every round gets its own value. Rows with lse = -inf bring no NaN into either direction.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {

struct Merged {
  at::Tensor out;          // [B, H, T, D]
  at::Tensor last_resort;  // bool [B, H, T]: rows that no round gave a key
  std::string kernel{};    // what the rounds ran, from attend_in_rounds: kernel_name()
};

/// The rounds' plans over the same rows, merged; half precision is rounded once, after the merge.
/// Differentiable in query, key and value. Throws as segment_attention does.
[[nodiscard]] Merged attend_in_rounds(const at::Tensor& query, const at::Tensor& key,
                                      const at::Tensor& value,
                                      const std::vector<SegmentPlan>& rounds);

/// The merge alone, differentiable in every out, lse and in value: out and value [B, H, T, D], lse
/// [B, H, T], all of one device, float32 or float64; on a GPU out and value may have 16 bits.
/// Throws c10::Error on other dtypes and on shapes that differ.
[[nodiscard]] Merged merge_rounds(const std::vector<SegmentResult>& rounds,
                                  const at::Tensor& value);

/// The two directions without autograd. `out` and `lse` hold one tensor per round. Meta tensors
/// give meta tensors.
[[nodiscard]] Merged merge_forward(at::TensorList out, at::TensorList lse, const at::Tensor& value);

struct MergeGradient {
  std::vector<at::Tensor> out;  // per round [B, H, T, D]
  std::vector<at::Tensor> lse;  // per round [B, H, T]
  at::Tensor value;             // [B, H, T, D]
};
[[nodiscard]] MergeGradient merge_backward(const at::Tensor& grad, at::TensorList out,
                                           at::TensorList lse, const at::Tensor& merged);

}  // namespace attnlab::sparse
