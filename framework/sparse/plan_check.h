/// plan_check.h: a plan's promises, checked before raw pointers are followed; and those pointers.
#pragma once

#include "framework/sparse/kernels.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {

inline constexpr const char* kSegmentAttention = "segment_attention";  // the operator, in messages

/// Shapes, dtypes, devices and memory of the inputs alone. Throws c10::Error.
void check_inputs(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value);

/// The same of the plan, and its numbers, for rows that check_inputs() has seen.
void check_shapes(const SegmentPlan& plan, const at::Tensor& query);

/// [B, H, T, 1] on the plan's device, one number of memory: what the checks here take for rows where there
/// are none. Throws c10::Error where T, or a dimension of query_rows, is none.
[[nodiscard]] at::Tensor rows_for(const char* op, const SegmentPlan& plan, std::int64_t T);

/// Contents, in O(Nq + Nk + S + T) a group, groups in parallel, unless a builder of plans.h made
/// the plan so. Whether no row repeats among the keys of a group. On a GPU nobody can look without
/// waiting for it: there only a builder's word counts, and what a kernel finds is told later
/// (cuda_refusals.h). Throws c10::Error.
[[nodiscard]] bool check_contents(const SegmentPlan& plan, const at::Tensor& query);

/// Whether the plan is still as a builder of plans.h made it for rows of length T.
[[nodiscard]] bool is_sealed(const SegmentPlan& plan, std::int64_t T);

/// The plan as kernels take it, valid as long as its tensors live. query: [B, H, T, D].
[[nodiscard]] PlanView view_of(const SegmentPlan& plan, const at::Tensor& query);

/// plan.scale, or 1 / sqrt(D) where that is 0.
[[nodiscard]] double scale_of(const SegmentPlan& plan, const at::Tensor& query);

}  // namespace attnlab::sparse
