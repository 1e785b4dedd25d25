/// plans.h: segment plans from ordinary integer data, in time and memory linear in T.
///   B batch, H heads, T length, N buckets. All results are ascending and causal.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {

/// Rows grouped and, inside a group, in order of position.
struct GroupedRows {
  at::Tensor rows;   // int32 [B, H, T]; rows past start[N] are 0
  at::Tensor start;  // int32 [B, H, N+1]: where each group begins
};

/// Stable counting sort. buckets: int32 [B, H, T] with values 0..N-1; on CUDA also uint8 and
/// uint16. Throws c10::Error on a bucket out of range, on the CPU; on CUDA such a row is left out,
/// because asking would wait for the device.
[[nodiscard]] GroupedRows sort_by_bucket(const at::Tensor& buckets, std::int64_t N);

/// Prefix-sum compaction into one group. keep: bool [B, H, T].
[[nodiscard]] GroupedRows compact(const at::Tensor& keep);

/// Queries of each bucket see the keys of the same bucket. The two sides may be the same tensor or
/// hashed apart, with different sizes.
[[nodiscard]] SegmentPlan bucket_plan(const at::Tensor& query_buckets,
                                      const at::Tensor& key_buckets, std::int64_t N,
                                      bool include_self);

/// Kept queries see kept keys; dropped rows are in no segment.
[[nodiscard]] SegmentPlan kept_plan(const at::Tensor& query_keep, const at::Tensor& key_keep,
                                    bool include_self);

/// How much a plan from here leaves, for statistics. Waits for the device that the plan is on.
/// Counted in O(T) a group, not by pairs.
struct PlanCounts {
  std::int64_t pairs = 0;            // of query and key, over all B and H
  std::int64_t queries = 0;          // rows in some segment
  std::int64_t seeing = 0;           // of these, rows that see at least one key
  std::int64_t largest_segment = 0;  // in queries
};
[[nodiscard]] PlanCounts count(const SegmentPlan& plan);

/// One segment of all rows: plain causal attention.
[[nodiscard]] SegmentPlan full_plan(std::int64_t B, std::int64_t H, std::int64_t T,
                                    bool include_self, at::Device device = at::kCPU);

}  // namespace attnlab::sparse
