#include "framework/sparse/chunk_plans.h"

#include <ATen/ATen.h>

#include "framework/sparse/cuda_library.h"
#include "framework/sparse/cuda_plans.h"
#include "framework/sparse/plan_seal.h"
#include "framework/sparse/sort.h"

namespace attnlab::sparse {

ChunkedRounds sort_into_chunks(const at::Tensor& buckets, std::int64_t bucket_count,
                               std::int64_t chunk) {
  TORCH_CHECK(bucket_count >= 1 && chunk >= 1, "[plans] ", bucket_count, " buckets in chunks of ",
              chunk, "; expected at least 1 of both");
  if (on_cuda(buckets)) {
    const auto chunked = cuda::sort_into_chunks(buckets, bucket_count, chunk);
    return {buckets.to(at::kInt), chunked.order, chunked.chunks, chunk};
  }
  TORCH_CHECK(buckets.dim() == 4 && buckets.scalar_type() == at::kInt && buckets.is_cpu(),
              "[plans] buckets is ", buckets.scalar_type(), " ", buckets.sizes(), " on ",
              buckets.device(), "; expected Int [R, B, H, T] on the CPU");
  const auto packed = buckets.contiguous();
  ChunkedRounds rounds{packed, at::empty_like(packed), at::empty_like(packed), chunk};
  SortParams params;
  params.buckets = packed.const_data_ptr<std::int32_t>();
  params.groups = packed.size(0) * packed.size(1) * packed.size(2);
  params.length = packed.size(3);
  params.count = bucket_count;
  params.rows = rounds.order.mutable_data_ptr<std::int32_t>();
  params.chunks = rounds.chunks.mutable_data_ptr<std::int32_t>();
  params.chunk = chunk;
  TORCH_CHECK(sort_rows(params), "[plans] buckets from ", packed.min().item<std::int32_t>(), " to ",
              packed.max().item<std::int32_t>(), "; expected 0 to ", bucket_count - 1);
  return rounds;
}

SegmentPlan chunk_plan(const ChunkedRounds& rounds, std::int64_t round, const ChunkRules& rules) {
  const std::int64_t B = rounds.order.size(1), H = rounds.order.size(2), T = rounds.order.size(3);
  const std::int64_t segments = (T + rounds.chunk - 1) / rounds.chunk;
  const at::Tensor borders =
      (at::arange(segments + 1, rounds.order.options()) * rounds.chunk).clamp_max(T);  // [S+1]
  const auto for_all_heads = [&](const at::Tensor& per_segment) {
    return per_segment.expand({B, H, per_segment.size(0)}).contiguous();
  };

  SegmentPlan plan;
  plan.query_rows = rounds.order[round];      // [B, H, T]
  plan.key_rows = plan.query_rows;            // [B, H, T]
  plan.query_start = for_all_heads(borders);  // [B, H, S+1]
  plan.key_begin = for_all_heads(
      at::cat({borders.slice(0, 0, 1), borders.slice(0, 0, segments - 1)}));  // [B, H, S]
  plan.key_end = for_all_heads(borders.slice(0, 1));                          // [B, H, S]
  if (rules.equal_buckets) {
    plan.query_labels = rounds.buckets[round];  // [B, H, T]
    plan.key_labels = plan.query_labels;        // [B, H, T]
  }
  if (rules.correct_duplicates && rounds.order.size(0) > 1) {
    plan.chunks = rounds.chunks;                                  // [R, B, H, T]
    if (rules.equal_buckets) plan.round_labels = rounds.buckets;  // [R, B, H, T]
    plan.round = round;
  }
  seal(plan, T);
  return plan;
}

}  // namespace attnlab::sparse
