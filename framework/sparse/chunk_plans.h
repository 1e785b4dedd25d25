/// chunk_plans.h: the Reformer's plans: rows sorted by bucket and cut into chunks, in several
/// rounds.
///   Kitaev, Kaiser, Levskaya 2020, https://arxiv.org/abs/2001.04451, section 2.
///   R rounds, B batch, H heads, T length. All tensors int32 and contiguous; time and memory linear
///   in T.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {

struct ChunkedRounds {
  at::Tensor buckets;      // [R, B, H, T] of every row
  at::Tensor order;        // [R, B, H, T] rows by (bucket, position)
  at::Tensor chunks;       // [R, B, H, T] chunk of every row: its place in the order / chunk
  std::int64_t chunk = 1;  // rows in a chunk; the last one may be shorter
};

/// Stable counting sort of every round, O(T + bucket_count) each. Throws c10::Error on a bucket out
/// of range.
[[nodiscard]] ChunkedRounds sort_into_chunks(const at::Tensor& buckets,  // int32 [R, B, H, T]
                                             std::int64_t bucket_count, std::int64_t chunk);

struct ChunkRules {
  bool equal_buckets = false;       // attend within equal buckets only
  bool correct_duplicates = false;  // leave out pairs that an earlier round contains
};

/// One segment per chunk, which sees its own chunk and the one before; the first sees itself only.
/// Strict causality: a query's own row is left out.
[[nodiscard]] SegmentPlan chunk_plan(const ChunkedRounds& rounds, std::int64_t round,
                                     const ChunkRules& rules);

}  // namespace attnlab::sparse
