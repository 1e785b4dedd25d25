/// hashing.h: angular locality-sensitive hashing, h(x) = argmax [xR ; -xR].
///   Andoni et al. 2015, https://arxiv.org/abs/1509.02897, as the Reformer uses it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "attention_plugins/reformer/reformer_config.h"
#include "framework/attention/attention.h"

namespace attnlab::reformer {

/// Standard normal float32 [R, H, D, buckets/2], columns not normalised (as in the Reformer's code:
/// every column has the same expected length, so only the spread of bucket sizes would change).
/// A pure function of (run seed, layer, step unless fixed, round, head unless shared).
[[nodiscard]] at::Tensor draw_projections(const ReformerConfig& config, const AttentionShape& shape,
                                          const AttentionContext& context, std::int64_t buckets);

/// Bucket of every row in every round, int32 [R, B, H, T], from 0 to buckets-1, computed in
/// float32. Sums run in one order for each row, so neither batch, position nor thread count changes
/// a bucket; scores of one row at a time stand in memory, so it is linear in T where buckets grow
/// with T. Ties take the first bucket, as argmax does.
[[nodiscard]] at::Tensor hash_rows(const at::Tensor& rows,          // [B, H, T, D] any dtype
                                   const at::Tensor& projections);  // [R, H, D, buckets/2]

}  // namespace attnlab::reformer
