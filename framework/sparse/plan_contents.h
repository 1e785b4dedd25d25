/// plan_contents.h: whether a plan's contents hold what they promise. No LibTorch.
#pragma once

#include <string>

#include "framework/sparse/kernels.h"

namespace attnlab::sparse {

struct PlanVerdict {
  std::string problem;      // empty, or what is wrong: "query_rows holds row 6; expected 0 to 5"
  bool unique_keys = true;  // no row repeats among the keys that a group's segments may see
};

/// In O(Nq + Nk + S + T): of group g, that query_start, key_begin and key_end never step back and
/// stay in range, that rows are in range and no query row comes twice, and where the plan is
/// `ascending` that they ascend. Rows that no segment has or may see are not read.
/// seen: scratch of T bytes.
[[nodiscard]] PlanVerdict check_group(const PlanView& plan, std::int64_t group, std::uint8_t* seen);

}  // namespace attnlab::sparse
