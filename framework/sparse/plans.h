/// plans.h: segment plans from ordinary integer data, in time and memory linear in T.
///   R rounds, B batch, H heads, T length, N buckets. All tensors int32 and contiguous. Every
///   function here throws c10::Error on dtypes and shapes other than those it names, and is safe to
///   call from several threads. Counts may be symbols; meta tensors give meta tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {

/// N at most, so that what is counted by bucket fits into memory.
inline constexpr std::int64_t kMostBuckets = std::int64_t{1} << 24;

/// Rows grouped and, inside a group, in order of position.
struct GroupedRows {
  at::Tensor rows;   // int32 [B, H, T]; past start[N] those left out, or 0
  at::Tensor start;  // int32 [B, H, N+1]: where each group begins
};

/// Stable counting sort. buckets: int32, uint16 or uint8 [B, H, T] with values 0..N-1. Throws
/// c10::Error on a bucket out of range, on the CPU; on CUDA such a row is left out, because asking
/// would wait for the device.
[[nodiscard]] GroupedRows sort_by_bucket(const at::Tensor& buckets, const c10::SymInt& N);

/// Prefix-sum compaction into one group. keep: bool [B, H, T].
[[nodiscard]] GroupedRows compact(const at::Tensor& keep);

/// Queries of each bucket see the keys of the same bucket, causally. The two sides, of one shape,
/// may be the same tensor or hashed apart, with buckets of different sizes.
[[nodiscard]] SegmentPlan bucket_plan(const at::Tensor& query_buckets,
                                      const at::Tensor& key_buckets, std::int64_t N,
                                      bool include_self);

/// Kept queries see kept keys, causally; dropped rows are in no segment.
[[nodiscard]] SegmentPlan kept_plan(const at::Tensor& query_keep, const at::Tensor& key_keep,
                                    bool include_self);

/// One segment of all rows: plain causal attention.
[[nodiscard]] SegmentPlan full_plan(std::int64_t B, std::int64_t H, std::int64_t T,
                                    bool include_self, at::Device device = at::kCPU);

/// Every row sees the last `window` of the rows before it that are a multiple of `dilation` away
/// (1: all of them); with include_self its own is one of these. Both at least 1.
[[nodiscard]] SegmentPlan window_plan(std::int64_t B, std::int64_t H, std::int64_t T,
                                      std::int64_t window, std::int64_t dilation, bool include_self,
                                      at::Device device = at::kCPU);

/// The Reformer's rounds: rows sorted by bucket and cut into chunks.
///   Kitaev, Kaiser, Levskaya 2020, https://arxiv.org/abs/2001.04451, section 2.
struct ChunkedRounds {
  at::Tensor buckets;      // [R, B, H, T] of every row
  at::Tensor order;        // [R, B, H, T] rows by (bucket, position)
  at::Tensor chunks;       // [R, B, H, T] chunk of every row: its place in the order / chunk
  std::int64_t chunk = 1;  // rows in a chunk, below 2^30; the last one may be shorter

 private:
  friend struct PlanSeal;
  std::shared_ptr<const PlanSeal> seal_;  // of sort_into_chunks()
};

/// Stable counting sort of every round, O(T + N) each. buckets as for sort_by_bucket, [R, B, H, T].
/// A chunk longer than T is one chunk.
[[nodiscard]] ChunkedRounds sort_into_chunks(const at::Tensor& buckets, const c10::SymInt& N,
                                             std::int64_t chunk);

struct ChunkRules {
  bool equal_buckets = false;       // attend within equal buckets only
  bool correct_duplicates = false;  // leave out pairs that an earlier round contains
};

/// One segment per chunk, which sees its own chunk and the one before; the first sees itself only.
/// Strict causality: a query's own row is left out. Not ascending.
[[nodiscard]] SegmentPlan chunk_plan(const ChunkedRounds& rounds, std::int64_t round,
                                     const ChunkRules& rules);

/// `plan`, in which no row sees one of another document any more. documents: int32 [B, T], the number
/// of each row's document, never decreasing along T; undefined: nothing changes. On the CPU an
/// ascending plan's segments are cut at the borders, so that nothing is computed across one, and numbers
/// that decrease throw c10::Error; any other plan, and every plan on a GPU, where nobody waits, gets
/// labels, together with those that it has. Where every sequence is one document, which the CPU looks
/// at, the plan stays as it is.
[[nodiscard]] SegmentPlan keep_within(SegmentPlan plan, const at::Tensor& documents);

/// int64 [B, T]: how many rows of the same document stand before each one.
[[nodiscard]] at::Tensor earlier_in_document(const at::Tensor& documents);

/// How much a causal, ascending plan leaves, for statistics: max_distance counts, and labels where they
/// never decrease along T, as those of keep_within() do. Throws c10::Error on any other plan, and on one
/// that segment_attention refuses. Waits for the device that the plan is on. Counted in O(T) a group,
/// not by pairs.
struct PlanCounts {
  std::int64_t pairs = 0;            // of query and key, over all B and H
  std::int64_t queries = 0;          // rows in some segment
  std::int64_t seeing = 0;           // of these, rows that see at least one key
  std::int64_t largest_segment = 0;  // in queries
};
[[nodiscard]] PlanCounts count(const SegmentPlan& plan);

/// The same as float64 tensors of one number each on the plan's device, which nothing waits for: for
/// statistics of a training step. On a GPU, where nobody looks, labels that decrease make `pairs` and
/// `seeing` NaN.
struct PlanTally {
  at::Tensor pairs, queries, seeing, largest_segment;
};
[[nodiscard]] PlanTally tally(const SegmentPlan& plan);

}  // namespace attnlab::sparse
