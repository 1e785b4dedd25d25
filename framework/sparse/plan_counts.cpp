// plan_counts.cpp: how many pairs of query and key a plan leaves.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <limits>

#include "framework/sparse/plan_check.h"
#include "framework/sparse/plans.h"
#include "framework/sparse/tensor_check.h"

namespace attnlab::sparse {
namespace {

bool limited(const SegmentPlan& plan) { return plan.max_distance <= kMostRows; }

/// Throws where the plan is none that is counted in O(T). Of a plan without labels the length is
/// `T`.
at::Tensor checked_rows_for(const SegmentPlan& plan, std::int64_t T) {
  TORCH_CHECK(plan.causal && plan.ascending && plan.round == 0, "[count] the plan is ",
              plan.causal ? "" : "not causal, ", plan.ascending ? "" : "not ascending, ",
              "of round ", plan.round, "; expected a causal, ascending plan of round 0");
  auto rows = rows_for("count", plan, plan.query_labels.defined() ? plan.query_labels.size(-1) : T);
  check_shapes(plan, rows);
  return rows;
}

/// One past the last row that the plan can name, so that its contents can be checked: on the host.
std::int64_t length_of(const SegmentPlan& plan) {
  const std::int64_t T = plan.query_rows.size(2);
  if (is_sealed(plan, T)) return T;
  std::int64_t length = 0;
  for (const auto& rows : {plan.query_rows, plan.key_rows}) {
    if (rows.numel() > 0) length = std::max(length, rows.max().item<std::int64_t>() + 1);
  }
  return std::min(length, kMostRows - 1);  // what stands behind the last segment may be anything
}

SegmentPlan on_host(SegmentPlan plan) {
  for (auto* tensor :
       {&plan.query_rows, &plan.key_rows, &plan.query_start, &plan.key_begin, &plan.key_end,
        &plan.query_labels, &plan.key_labels, &plan.chunks, &plan.round_labels}) {
    if (tensor->defined()) *tensor = tensor->cpu();
  }
  return plan;
}

/// bool: whether labels [B, H, T] never decrease along T.
at::Tensor in_order(const at::Tensor& labels) {
  return labels.slice(2, 1)
      .ge(labels.slice(2, 0, std::max<std::int64_t>(labels.size(2) - 1, 0)))
      .all();
}

/// One segment: rows ascend on both sides, and labels with them, so one walk over the keys serves
/// all queries.
struct SegmentWalk {
  const std::int32_t *queries, *keys;
  std::int64_t query_count, key_count;
  const std::int32_t *query_labels, *key_labels;  // by row, or null

  void count(bool include_self, std::int64_t max_distance, PlanCounts& counts) const {
    std::int64_t begin = 0, same = 0, end = 0;  // before `same` no label is larger than the query's
    for (std::int64_t i = 0; i < query_count; ++i) {
      const std::int64_t row = queries[i];
      const auto label = [&](std::int64_t key) { return key_labels[keys[key]]; };
      while (end < key_count && keys[end] < row + include_self) ++end;
      while (begin < end && (row - keys[begin] >= max_distance ||
                             (query_labels != nullptr && label(begin) < query_labels[row]))) {
        ++begin;
      }
      while (query_labels != nullptr && same < key_count && label(same) <= query_labels[row])
        ++same;
      const auto seen = (query_labels != nullptr ? std::min(end, same) : end) - begin;
      counts.pairs += std::max<std::int64_t>(seen, 0);
      counts.seeing += seen > 0;
    }
    counts.queries += query_count;
    counts.largest_segment = std::max(counts.largest_segment, query_count);
  }
};

/// int64 [B, H, Q]: from `low` to before `high` the first packed key that is not `before`, by
/// bisection.
template <class Before>
at::Tensor first_key(const SegmentPlan& plan, at::Tensor low, at::Tensor high,
                     const Before& before) {
  const auto K = plan.key_rows.size(2);
  for (auto width = K; width > 0; width /= 2) {
    const auto middle = (low + high).floor_divide(2);
    const auto open = low < high;
    const auto passed = before(plan.key_rows.gather(2, middle.clamp(0, K - 1)));
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
  const auto segment =
      at::searchsorted(ends, places, /*out_int32=*/false, /*right=*/true).clamp_max(S - 1);
  const auto in_some = at::logical_and(places >= start.slice(2, 0, 1), places < start.slice(2, S));

  auto begin = plan.key_begin.to(at::kLong).gather(2, segment);
  const auto limit = plan.query_rows + (plan.include_self ? 1 : 0);
  auto end = first_key(plan, begin, plan.key_end.to(at::kLong).gather(2, segment),
                       [&](const at::Tensor& rows) { return rows < limit; });
  if (limited(plan)) {
    begin = first_key(plan, begin, end, [&](const at::Tensor& rows) {
      return plan.query_rows - rows >= plan.max_distance;
    });
  }
  if (plan.query_labels.defined()) {
    const auto label = [](const at::Tensor& labels, const at::Tensor& rows) {
      return labels.gather(2, rows.to(at::kLong).clamp(0, labels.size(2) - 1));
    };
    const auto own = label(plan.query_labels, plan.query_rows);
    begin = first_key(plan, begin, end,
                      [&](const at::Tensor& rows) { return label(plan.key_labels, rows) < own; });
    end = first_key(plan, begin, end,
                    [&](const at::Tensor& rows) { return label(plan.key_labels, rows) <= own; });
  }
  return (end - begin).clamp_min(0).masked_fill(in_some.logical_not(), 0);
}

PlanTally as_tensors(const PlanCounts& counts, const at::TensorOptions& options) {
  const auto number = [&](std::int64_t value) {
    return at::full({}, value, options.dtype(at::kDouble));
  };
  return {number(counts.pairs), number(counts.queries), number(counts.seeing),
          number(counts.largest_segment)};
}

}  // namespace

PlanCounts count(const SegmentPlan& plan) {
  check_tensor("count", "query_rows", plan.query_rows, {-1, -1, -1}, {at::kInt});
  const auto host = on_host(plan);
  const auto rows = checked_rows_for(host, host.key_rows.defined() ? length_of(host) : 0);
  static_cast<void>(check_contents(host, rows));
  for (const auto& labels : {host.query_labels, host.key_labels}) {
    TORCH_CHECK(!labels.defined() || in_order(labels).item<bool>(),
                "[count] labels decrease along T; expected such as keep_within() gives, in order");
  }
  const auto view = view_of(host, rows);
  PlanCounts counts;
  for (std::int64_t g = 0; g < view.groups; ++g) {
    const auto of_group = [&](const std::int32_t* labels) {
      return labels == nullptr ? nullptr : labels + g * view.length;
    };
    for (std::int64_t s = 0; s < view.segments; ++s) {
      const auto* start = view.query_start + g * (view.segments + 1) + s;
      const auto begin = view.key_begin[g * view.segments + s],
                 end = view.key_end[g * view.segments + s];
      const SegmentWalk walk{view.query_rows + g * view.queries + start[0],
                             view.key_rows + g * view.keys + begin,
                             start[1] - start[0],
                             end - begin,
                             of_group(view.query_labels),
                             of_group(view.key_labels)};
      walk.count(view.include_self, view.max_distance, counts);
    }
  }
  return counts;
}

PlanTally tally(const SegmentPlan& plan) {
  const at::NoGradGuard no_graph;
  check_tensor("count", "query_rows", plan.query_rows, {-1, -1, -1}, {at::kInt});
  const auto options = plan.query_rows.options();
  if (!plan.query_rows.is_cuda())
    return as_tensors(count(plan), options);  // one walk is faster there
  static_cast<void>(checked_rows_for(plan, plan.query_rows.size(2)));
  if (plan.query_rows.numel() == 0 || plan.key_begin.numel() == 0) return as_tensors({}, options);
  const auto keys = keys_seen(plan);
  const auto sizes = plan.query_start.diff();  // [B, H, S]
  auto pairs = keys.sum().to(at::kDouble), seeing = (keys > 0).sum().to(at::kDouble);
  for (const auto& labels : {plan.query_labels, plan.key_labels}) {
    if (!labels.defined()) break;
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    const auto unknown = in_order(labels).logical_not();
    pairs = pairs.masked_fill(unknown, kUnknown);
    seeing = seeing.masked_fill(unknown, kUnknown);
  }
  return {pairs, sizes.sum().to(at::kDouble), seeing, sizes.max().to(at::kDouble)};
}

}  // namespace attnlab::sparse
