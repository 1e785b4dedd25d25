#include "framework/sparse/plans.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <vector>

#include "framework/sparse/cuda_library.h"
#include "framework/sparse/cuda_plans.h"
#include "framework/sparse/plan_seal.h"
#include "framework/sparse/sort.h"

namespace attnlab::sparse {
namespace {

void check_input(const at::Tensor& tensor, const char* name, at::ScalarType dtype) {
  TORCH_CHECK(tensor.dim() == 3 && tensor.scalar_type() == dtype && tensor.is_cpu(), "[plans] ",
              name, " is ", tensor.scalar_type(), " ", tensor.sizes(), " on ", tensor.device(),
              "; expected ", dtype, " [B, H, T] on the CPU");
}

void check_buckets(bool in_range, const at::Tensor& buckets, std::int64_t N) {
  if (in_range) return;
  const auto low = buckets.min().item<std::int32_t>(), high = buckets.max().item<std::int32_t>();
  TORCH_CHECK(false, "[plans] bucket ", low < 0 ? low : high, "; expected 0 to ", N - 1);
}

/// One segment: rows ascend on both sides, so one walk over the keys serves all queries.
void count_segment(const std::int32_t* queries, std::int64_t query_count, const std::int32_t* keys,
                   std::int64_t key_count, bool include_self, PlanCounts& counts) {
  std::int64_t seen = 0;
  for (std::int64_t i = 0; i < query_count; ++i) {
    while (seen < key_count && keys[seen] < queries[i] + include_self) ++seen;
    counts.pairs += seen;
    counts.seeing += seen > 0;
  }
  counts.queries += query_count;
  counts.largest_segment = std::max(counts.largest_segment, query_count);
}

/// The groups of both sides, bucket by bucket.
SegmentPlan join_sides(const GroupedRows& queries, const GroupedRows& keys, bool include_self) {
  const std::int64_t N = queries.start.size(2) - 1;
  SegmentPlan plan;
  plan.query_rows = queries.rows;                             // [B, H, T]
  plan.key_rows = keys.rows;                                  // [B, H, T]
  plan.query_start = queries.start;                           // [B, H, N+1]
  plan.key_begin = keys.start.slice(2, 0, N).contiguous();    // [B, H, N]
  plan.key_end = keys.start.slice(2, 1, N + 1).contiguous();  // [B, H, N]
  plan.ascending = true;
  plan.include_self = include_self;
  seal(plan, queries.rows.size(2));
  return plan;
}

}  // namespace

GroupedRows sort_by_bucket(const at::Tensor& buckets, std::int64_t N) {
  TORCH_CHECK(N >= 1, "[plans] ", N, " buckets; expected at least 1");
  if (on_cuda(buckets)) return cuda::sort_by_bucket(buckets, N);
  check_input(buckets, "buckets", at::kInt);
  const std::int64_t B = buckets.size(0), H = buckets.size(1), T = buckets.size(2);
  const auto packed = buckets.contiguous();
  GroupedRows grouped{at::empty({B, H, T}, at::kInt), at::empty({B, H, N + 1}, at::kInt)};
  SortParams params;
  params.buckets = packed.const_data_ptr<std::int32_t>();
  params.groups = B * H;
  params.length = T;
  params.count = N;
  params.rows = grouped.rows.mutable_data_ptr<std::int32_t>();
  params.start = grouped.start.mutable_data_ptr<std::int32_t>();
  check_buckets(sort_rows(params), packed, N);
  return grouped;
}

GroupedRows compact(const at::Tensor& keep) {
  if (on_cuda(keep)) return cuda::compact(keep);
  check_input(keep, "keep", at::kBool);
  const std::int64_t B = keep.size(0), H = keep.size(1), T = keep.size(2);
  const auto packed = keep.contiguous();
  GroupedRows grouped{at::empty({B, H, T}, at::kInt), at::empty({B, H, 2}, at::kInt)};
  compact_rows({packed.const_data_ptr<bool>(), B * H, T,
                grouped.rows.mutable_data_ptr<std::int32_t>(),
                grouped.start.mutable_data_ptr<std::int32_t>()});
  return grouped;
}

SegmentPlan bucket_plan(const at::Tensor& query_buckets, const at::Tensor& key_buckets,
                        std::int64_t N, bool include_self) {
  const auto queries = sort_by_bucket(query_buckets, N);
  const auto keys = key_buckets.is_same(query_buckets) ? queries : sort_by_bucket(key_buckets, N);
  return join_sides(queries, keys, include_self);
}

SegmentPlan kept_plan(const at::Tensor& query_keep, const at::Tensor& key_keep, bool include_self) {
  return join_sides(compact(query_keep), compact(key_keep), include_self);
}

PlanCounts count(const SegmentPlan& plan) {
  PlanCounts counts;
  const std::int64_t segments = plan.key_begin.size(2), rows = plan.query_rows.size(2);
  const std::int64_t keys = plan.key_rows.size(2);
  const std::array host{plan.query_rows.cpu(), plan.key_rows.cpu(), plan.query_start.cpu(),
                        plan.key_begin.cpu(), plan.key_end.cpu()};
  const auto* query_rows = host[0].const_data_ptr<std::int32_t>();
  const auto* key_rows = host[1].const_data_ptr<std::int32_t>();
  const auto* start = host[2].const_data_ptr<std::int32_t>();
  const auto* begin = host[3].const_data_ptr<std::int32_t>();
  const auto* end = host[4].const_data_ptr<std::int32_t>();
  for (std::int64_t g = 0; g < plan.key_begin.size(0) * plan.key_begin.size(1); ++g) {
    for (std::int64_t s = 0; s < segments; ++s) {
      const auto first = start[g * (segments + 1) + s];
      count_segment(query_rows + g * rows + first, start[g * (segments + 1) + s + 1] - first,
                    key_rows + g * keys + begin[g * segments + s],
                    end[g * segments + s] - begin[g * segments + s], plan.include_self, counts);
    }
  }
  return counts;
}

SegmentPlan full_plan(std::int64_t B, std::int64_t H, std::int64_t T, bool include_self,
                      at::Device device) {
  const auto of_all = [&](const at::Tensor& per_head) {
    return per_head.expand({B, H, per_head.size(0)}).contiguous();
  };
  const auto options = at::device(device).dtype(at::kInt);
  const GroupedRows all{of_all(at::arange(T, options)),  // [B, H, T]
                        of_all(at::arange(2, options) * T)};
  return join_sides(all, all, include_self);
}

}  // namespace attnlab::sparse
