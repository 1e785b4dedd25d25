/// hashing.h: the Reformer's random projections.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "attention_plugins/reformer/reformer_config.h"
#include "framework/attention/attention.h"

namespace attnlab::reformer {

/// Standard normal float32 [R, H, D, buckets/2], or [R, 1, D, buckets/2] where heads share, columns
/// not normalised (as in the Reformer's code: every column has the same expected length, so only
/// the spread of bucket sizes would change). A pure function of (run seed, layer, step unless
/// fixed, round, head unless shared).
[[nodiscard]] at::Tensor draw_projections(const ReformerConfig& config, const AttentionShape& shape,
                                          const AttentionContext& context, std::int64_t buckets);

}  // namespace attnlab::reformer
