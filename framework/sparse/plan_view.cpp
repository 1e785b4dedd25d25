#include "framework/sparse/plan_view.h"

#include <ATen/ATen.h>

#include <cmath>

namespace attnlab::sparse {
namespace {

const std::int32_t* pointer(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<std::int32_t>() : nullptr;
}

}  // namespace

PlanView view_of(const SegmentPlan& plan, const at::Tensor& query) {
  const bool corrects = plan.chunks.defined() && plan.round > 0;
  return {.groups = query.size(0) * query.size(1),
          .length = query.size(2),
          .head_dim = query.size(3),
          .queries = plan.query_rows.size(2),
          .keys = plan.key_rows.size(2),
          .segments = plan.key_begin.size(2),
          .query_rows = pointer(plan.query_rows),
          .key_rows = pointer(plan.key_rows),
          .query_start = pointer(plan.query_start),
          .key_begin = pointer(plan.key_begin),
          .key_end = pointer(plan.key_end),
          .ascending = plan.ascending,
          .causal = plan.causal,
          .include_self = plan.include_self,
          .max_distance = plan.max_distance,
          .query_labels = pointer(plan.query_labels),
          .key_labels = pointer(plan.key_labels),
          .chunks = corrects ? pointer(plan.chunks) : nullptr,
          .round_labels = corrects ? pointer(plan.round_labels) : nullptr,
          .round = corrects ? plan.round : 0};
}

double scale_of(const SegmentPlan& plan, const at::Tensor& query) {
  return plan.scale != 0 ? plan.scale : 1.0 / std::sqrt(static_cast<double>(query.size(3)));
}

}  // namespace attnlab::sparse
