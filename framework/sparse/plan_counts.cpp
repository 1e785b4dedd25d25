// plan_counts.cpp: how many pairs of query and key a plan leaves.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>

#include "framework/sparse/plans.h"

namespace attnlab::sparse {
namespace {

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

/// int64 [B, H, Q]: keys that the query in each packed place sees, by bisection of its segment's.
at::Tensor keys_seen(const SegmentPlan& plan) {
  const auto B = plan.query_rows.size(0), H = plan.query_rows.size(1);
  const auto Q = plan.query_rows.size(2), K = plan.key_rows.size(2), S = plan.key_begin.size(2);
  const auto start = plan.query_start.to(at::kLong);
  const auto places = at::arange(Q, start.options()).expand({B, H, Q}).contiguous();
  const auto ends = start.slice(2, 1).contiguous();  // [B, H, S]
  const auto segment = at::searchsorted(ends, places, /*out_int32=*/false, /*right=*/true).clamp_max(S - 1);
  const auto in_some = at::logical_and(places >= start.slice(2, 0, 1), places < start.slice(2, S));

  const auto begin = plan.key_begin.to(at::kLong).gather(2, segment);
  const auto limit = plan.query_rows + (plan.include_self ? 1 : 0);
  auto low = begin, high = plan.key_end.to(at::kLong).gather(2, segment);
  for (auto width = K; width > 0; width /= 2) {
    const auto middle = (low + high).floor_divide(2);
    const auto open = low < high;
    const auto seen = plan.key_rows.gather(2, middle.clamp_max(K - 1)) < limit;
    low = at::where(at::logical_and(open, seen), middle + 1, low);
    high = at::where(at::logical_and(open, seen.logical_not()), middle, high);
  }
  return (low - begin).masked_fill(in_some.logical_not(), 0);
}

}  // namespace

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

PlanTally tally(const SegmentPlan& plan) {
  const at::NoGradGuard no_graph;
  if (!plan.query_rows.is_cuda()) {  // one walk is faster there, and nobody waits
    const auto counts = count(plan);
    const auto number = [](std::int64_t value) { return at::scalar_tensor(value, at::kDouble); };
    return {number(counts.pairs), number(counts.queries), number(counts.seeing),
            number(counts.largest_segment)};
  }
  const auto keys = keys_seen(plan);
  const auto sizes = plan.query_start.diff();  // [B, H, S]
  const auto sum = [](const at::Tensor& numbers) { return numbers.sum().to(at::kDouble); };
  return {sum(keys), sum(sizes), sum(keys > 0), sizes.max().to(at::kDouble)};
}

}  // namespace attnlab::sparse
