// plan_counts.cpp: how many pairs of query and key a plan leaves.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>

#include "framework/sparse/plans.h"

namespace attnlab::sparse {
namespace {

const std::int32_t* labels_of(const at::Tensor& host, std::int64_t group) {
  return host.defined() ? host.const_data_ptr<std::int32_t>() + group * host.size(2) : nullptr;
}

/// One segment: rows ascend on both sides, and labels with them, so one walk over the keys serves all
/// queries.
struct SegmentWalk {
  const std::int32_t *queries, *keys;
  std::int64_t query_count, key_count;
  const std::int32_t *query_labels, *key_labels;  // by row, or null

  void count(bool include_self, PlanCounts& counts) const {
    std::int64_t end = 0, begin = 0;
    for (std::int64_t i = 0; i < query_count; ++i) {
      while (end < key_count && keys[end] < queries[i] + include_self) ++end;
      while (query_labels != nullptr && begin < end &&
             key_labels[keys[begin]] < query_labels[queries[i]]) {
        ++begin;
      }
      counts.pairs += end - begin;
      counts.seeing += end > begin;
    }
    counts.queries += query_count;
    counts.largest_segment = std::max(counts.largest_segment, query_count);
  }
};

/// int64 [B, H, Q]: from `low` to before `high` the first packed key that is not `before`, by bisection.
template <class Before>
at::Tensor first_key(const SegmentPlan& plan, at::Tensor low, at::Tensor high, const Before& before) {
  const auto K = plan.key_rows.size(2);
  for (auto width = K; width > 0; width /= 2) {
    const auto middle = (low + high).floor_divide(2);
    const auto open = low < high;
    const auto passed = before(plan.key_rows.gather(2, middle.clamp_max(K - 1)));
    low = at::where(at::logical_and(open, passed), middle + 1, low);
    high = at::where(at::logical_and(open, passed.logical_not()), middle, high);
  }
  return low;
}

/// int64 [B, H, Q]: keys that the query in each packed place sees.
at::Tensor keys_seen(const SegmentPlan& plan) {
  const auto B = plan.query_rows.size(0), H = plan.query_rows.size(1);
  const auto Q = plan.query_rows.size(2), S = plan.key_begin.size(2);
  const auto start = plan.query_start.to(at::kLong);
  const auto places = at::arange(Q, start.options()).expand({B, H, Q}).contiguous();
  const auto ends = start.slice(2, 1).contiguous();  // [B, H, S]
  const auto segment = at::searchsorted(ends, places, /*out_int32=*/false, /*right=*/true).clamp_max(S - 1);
  const auto in_some = at::logical_and(places >= start.slice(2, 0, 1), places < start.slice(2, S));

  auto begin = plan.key_begin.to(at::kLong).gather(2, segment);
  const auto limit = plan.query_rows + (plan.include_self ? 1 : 0);
  const auto end = first_key(plan, begin, plan.key_end.to(at::kLong).gather(2, segment),
                             [&](const at::Tensor& rows) { return rows < limit; });
  if (plan.query_labels.defined()) {
    const auto own = plan.query_labels.gather(2, plan.query_rows.to(at::kLong));
    begin = first_key(plan, begin, end, [&](const at::Tensor& rows) {
      return plan.key_labels.gather(2, rows.to(at::kLong)) < own;
    });
  }
  return (end - begin).masked_fill(in_some.logical_not(), 0);
}

}  // namespace

PlanCounts count(const SegmentPlan& plan) {
  PlanCounts counts;
  const std::int64_t segments = plan.key_begin.size(2), rows = plan.query_rows.size(2);
  const std::int64_t keys = plan.key_rows.size(2);
  const std::array host{plan.query_rows.cpu(), plan.key_rows.cpu(), plan.query_start.cpu(),
                        plan.key_begin.cpu(), plan.key_end.cpu()};
  const auto on_host = [](const at::Tensor& x) { return x.defined() ? x.cpu() : x; };
  const auto query_labels = on_host(plan.query_labels), key_labels = on_host(plan.key_labels);
  const auto* query_rows = host[0].const_data_ptr<std::int32_t>();
  const auto* key_rows = host[1].const_data_ptr<std::int32_t>();
  const auto* start = host[2].const_data_ptr<std::int32_t>();
  const auto* begin = host[3].const_data_ptr<std::int32_t>();
  const auto* end = host[4].const_data_ptr<std::int32_t>();
  for (std::int64_t g = 0; g < plan.key_begin.size(0) * plan.key_begin.size(1); ++g) {
    for (std::int64_t s = 0; s < segments; ++s) {
      const auto first = start[g * (segments + 1) + s];
      const SegmentWalk walk{query_rows + g * rows + first,
                             key_rows + g * keys + begin[g * segments + s],
                             start[g * (segments + 1) + s + 1] - first,
                             end[g * segments + s] - begin[g * segments + s],
                             labels_of(query_labels, g),
                             labels_of(key_labels, g)};
      walk.count(plan.include_self, counts);
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
