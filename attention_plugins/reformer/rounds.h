/// rounds.h: hashed rows to chunks, and chunks to segment plans.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "attention_plugins/reformer/reformer_config.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab::reformer {

/// R rounds; all tensors int32, contiguous.
struct Rounds {
  at::Tensor buckets;  // [R, B, H, T] of every row
  at::Tensor order;    // [R, B, H, T] rows sorted by (bucket, position)
  at::Tensor chunks;   // [R, B, H, T] chunk of every row: its place in the order / chunk length
};

/// Stable counting sort of every round, O(T + bucket_count) each.
[[nodiscard]] Rounds sort_into_chunks(const at::Tensor& buckets,  // int32 [R, B, H, T]
                                      std::int64_t bucket_count, std::int64_t chunk);

/// What the hashing did to one forward pass, over all rounds, sequences and heads.
struct Spread {
  double coverage = 1;       // share of the pairs (same bucket, key before query) that the chunks
                             // reach: own chunk or the one before; 1 where there is no such pair
  std::int64_t largest = 0;  // rows in the fullest bucket
};

/// O(R B H T), from the sorted order alone.
[[nodiscard]] Spread spread_of(const Rounds& rounds, std::int64_t chunk);

/// One segment per chunk, which sees its own chunk and the one before; the first sees itself only.
/// Strict causality: a query's own row is left out.
[[nodiscard]] sparse::SegmentPlan plan_of_round(const Rounds& rounds, std::int64_t round,
                                                const ReformerConfig& config);

}  // namespace attnlab::reformer
