/// plan_view.h: a plan's tensors as the CPU kernels take them.
#pragma once

#include "framework/sparse/kernels.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {

/// Valid as long as the plan's tensors live. query: [B, H, T, D].
[[nodiscard]] PlanView view_of(const SegmentPlan& plan, const at::Tensor& query);

/// plan.scale, or 1 / sqrt(D) where that is 0.
[[nodiscard]] double scale_of(const SegmentPlan& plan, const at::Tensor& query);

}  // namespace attnlab::sparse
