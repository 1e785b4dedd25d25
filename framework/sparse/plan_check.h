/// plan_check.h: a plan's promises, checked before raw pointers are followed.
#pragma once

#include "framework/sparse/kernels.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {

/// Shapes, dtypes and devices. Throws c10::Error "[segment_attention] ...".
void check_shapes(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  const SegmentPlan& plan);

/// Contents, in O(Nq + Nk + S + T) a group, groups in parallel: rows in range, no query row twice,
/// ranges that never step back, `ascending` where it is promised. Whether no row repeats among the
/// keys of a group. Throws c10::Error "[segment_attention] ...".
[[nodiscard]] bool check_contents(const PlanView& plan);

/// The same for the plan that `view` shows, unless a builder of this folder made it so.
[[nodiscard]] bool check_contents(const SegmentPlan& plan, const PlanView& view);

}  // namespace attnlab::sparse
