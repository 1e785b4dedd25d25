/// merge.h: attention over several rounds from the rounds' own results.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/sparse/segment_plan.h"

namespace attnlab::reformer {

struct Merged {
  at::Tensor out;          // [B, H, T, D]
  at::Tensor last_resort;  // bool [B, H, T]: rows that no round gave a key
};

/// out = sum_r exp(lse_r - lse) out_r with lse = logsumexp_r lse_r; a row whose lse is -inf in
/// every round gets its own value. Differentiable in every out, lse and in value; rows with lse =
/// -inf bring no NaN into either direction.
[[nodiscard]] Merged merge_rounds(const std::vector<sparse::SegmentResult>& rounds,
                                  const at::Tensor& value);  // [B, H, T, D]

}  // namespace attnlab::reformer
