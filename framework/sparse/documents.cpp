// documents.cpp: plans whose rows see their own document alone.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "framework/sparse/plan_check.h"
#include "framework/sparse/plan_seal.h"
#include "framework/sparse/plans.h"
#include "framework/sparse/tensor_check.h"

namespace attnlab::sparse {
namespace {

constexpr const char* kKeepWithin = "keep_within";

const std::int32_t* int_data(const at::Tensor& tensor) {
  return tensor.const_data_ptr<std::int32_t>();
}

/// One group's segments.
struct Segments {
  std::vector<std::int32_t> start{0}, begin, end;
};

/// Those of group `g`, cut where the document of a query is another than that of the query before.
/// Rows ascend in segments and ranges, so documents never decrease there.
Segments cut_at_borders(const SegmentPlan& plan, std::int64_t g, const std::int32_t* document) {
  const std::int64_t S = plan.key_begin.size(2);
  const auto* queries = int_data(plan.query_rows) + g * plan.query_rows.size(2);
  const auto* keys = int_data(plan.key_rows) + g * plan.key_rows.size(2);
  const auto* start = int_data(plan.query_start) + g * (S + 1);
  Segments cut;
  for (std::int64_t s = 0; s < S; ++s) {
    auto key = int_data(plan.key_begin)[g * S + s];
    const auto last = int_data(plan.key_end)[g * S + s];
    for (auto query = start[s]; query < start[s + 1];) {
      const auto own = document[queries[query]];
      while (query < start[s + 1] && document[queries[query]] == own) ++query;
      while (key < last && document[keys[key]] < own) ++key;
      cut.begin.push_back(key);
      while (key < last && document[keys[key]] == own) ++key;
      cut.end.push_back(key);
      cut.start.push_back(query);
    }
  }
  return cut;
}

/// `count` of them, with empty ones at the end.
Segments padded(Segments segments, std::size_t count) {
  const auto behind = segments.end.empty() ? 0 : segments.end.back();
  segments.start.resize(count + 1, segments.start.back());
  segments.begin.resize(count, behind);
  segments.end.resize(count, behind);
  return segments;
}

/// [B, H, ...]: one of the lists of every group.
at::Tensor packed(const std::vector<Segments>& groups, std::vector<std::int32_t> Segments::*list,
                  const at::Tensor& like) {
  if (groups.empty()) return like;
  const auto count = static_cast<std::int64_t>((groups.front().*list).size());
  const auto result = at::empty({like.size(0), like.size(1), count}, like.options());
  auto* to = result.mutable_data_ptr<std::int32_t>();
  for (const auto& group : groups) to = std::ranges::copy(group.*list, to).out;
  return result;
}

/// Of a plan of join_sides(): its segments share no key, so neither do theirs, and ranges never step back.
SegmentPlan with_cut_segments(SegmentPlan plan, const at::Tensor& documents) {
  const std::int64_t H = plan.query_rows.size(1), T = documents.size(1);
  std::vector<Segments> groups;
  std::size_t most = 1;
  for (std::int64_t g = 0; g < plan.query_rows.size(0) * H; ++g) {
    groups.push_back(cut_at_borders(plan, g, int_data(documents) + g / H * T));
    most = std::max(most, groups.back().begin.size());
  }
  for (auto& group : groups) group = padded(std::move(group), most);
  plan.query_start = packed(groups, &Segments::start, plan.query_start);
  plan.key_begin = packed(groups, &Segments::begin, plan.key_begin);
  plan.key_end = packed(groups, &Segments::end, plan.key_end);
  PlanSeal::put_on(plan, T);
  return plan;
}

/// Labels [B, H, T] that are equal where both the label and the document are: places in sorted order.
void join_labels(SegmentPlan& plan, const at::Tensor& documents) {
  constexpr std::int64_t kLabels = std::int64_t{1} << 32;  // apart by less: int32
  const auto both = [&](const at::Tensor& labels) {
    return (documents.to(at::kLong).unsqueeze(1) * kLabels + labels).contiguous();
  };
  const bool one = plan.key_labels.is_same(plan.query_labels);
  const auto queries = both(plan.query_labels), keys = one ? queries : both(plan.key_labels);
  const auto sorted = std::get<0>((one ? queries : at::cat({queries, keys}, 2)).sort(-1));
  const auto place = [&](const at::Tensor& pairs) {
    return at::searchsorted(sorted, pairs).to(at::kInt);
  };
  plan.query_labels = place(queries);
  plan.key_labels = one ? plan.query_labels : place(keys);
}

}  // namespace

SegmentPlan keep_within(SegmentPlan plan, const at::Tensor& documents) {
  if (!documents.defined()) return plan;
  const at::NoGradGuard no_graph;
  check_tensor(kKeepWithin, "query_rows", plan.query_rows, {-1, -1, -1}, {at::kInt});
  const std::int64_t B = plan.query_rows.size(0), H = plan.query_rows.size(1);
  check_tensor(kKeepWithin, "documents", documents, {B, -1}, {at::kInt}, plan.query_rows.device());
  const auto own = documents.contiguous();
  const std::int64_t T = own.size(1);
  if (own.is_cpu()) {
    if (T == 0) return plan;
    TORCH_CHECK(own.slice(1, 1).ge(own.slice(1, 0, T - 1)).all().item<bool>(), "[", kKeepWithin,
                "] the documents' numbers decrease along T; expected a number of each document, in order");
    if (own.select(1, 0).equal(own.select(1, T - 1))) return plan;
    if (plan.ascending && is_sealed(plan, T)) return with_cut_segments(std::move(plan), own);
  }
  if (plan.query_labels.defined() || plan.key_labels.defined()) {
    for (const auto& [name, labels] :
         {std::pair{"query_labels", plan.query_labels}, {"key_labels", plan.key_labels}}) {
      check_tensor(kKeepWithin, name, labels, {B, H, T}, {at::kInt}, own.device());
    }
    join_labels(plan, own);
  } else {
    plan.query_labels = plan.key_labels = own.unsqueeze(1).expand({B, H, T}).contiguous();
  }
  return plan;
}

at::Tensor earlier_in_document(const at::Tensor& documents) {
  const at::NoGradGuard no_graph;
  check_tensor("earlier_in_document", "documents", documents, {-1, -1}, {at::kInt});
  const auto own = documents.contiguous();
  return at::arange(own.size(1), own.options().dtype(at::kLong)) - at::searchsorted(own, own);
}

}  // namespace attnlab::sparse
