/// plan_seal.h: how a plan that this folder built says so, and spares itself the check of contents.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {

/// The tensors that a builder made, and their versions. A plan whose tensors were exchanged, or
/// written by an operator, no longer matches and is checked like any other.
struct PlanSeal {
  std::array<at::Tensor, 5> tensors;
  std::array<std::uint32_t, 5> versions{};
  std::int64_t length = 0;  // T, below which all rows are
  bool ascending = false;
};

/// For builders whose results hold by construction. T: length of the rows.
void seal(SegmentPlan& plan, std::int64_t T);

/// Whether the plan is still as a builder made it for rows of length T.
[[nodiscard]] bool is_sealed(const SegmentPlan& plan, std::int64_t T);

}  // namespace attnlab::sparse
