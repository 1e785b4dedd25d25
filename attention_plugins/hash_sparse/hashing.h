/// hashing.h: the bucket of a row, h(x) = argmax [xR ; -xR], columns of R normalised.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "attention_plugins/hash_sparse/hash_sparse_config.h"
#include "framework/attention/attention.h"

namespace attnlab::hash_sparse {

/// float32 [H, D, buckets/2], N(0, 1), every column of unit length. A pure function of (run seed,
/// layer, step unless fixed, head unless shared): the same for all sequences of a step.
[[nodiscard]] at::Tensor draw_projections(const HashSparseConfig& config,
                                          const AttentionShape& shape,
                                          const AttentionContext& context);

/// int32 [B, H, T], values 0..buckets-1, in float32 whatever the rows' dtype. The first bucket wins
/// ties. Every row is summed in the same order wherever it stands, so a batch may be cut anywhere.
/// `moments` null: the rows are hashed as they are.
[[nodiscard]] at::Tensor hash_rows(const at::Tensor& rows,         // [B, H, T, D]
                                   const at::Tensor& projections,  // [H, D, buckets/2]
                                   const sparse::RunningMoments* moments = nullptr);

}  // namespace attnlab::hash_sparse
