/// until_plan.h: the cells of a grid, by variant and seed, as a sequential plan needs them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/cli/launch/until_significant.h"
#include "framework/report/until_significant.h"

namespace attnlab::cli {

struct SeededCells {
  std::vector<launch::Cell> cells;  // all, for every seed that may be needed
  /// By the label of a variant, numbers of its cells in the order of seeds. The ones that others are
  /// compared with are among them.
  std::map<std::string, std::vector<std::size_t>> by_label;
  report::SequentialPlan plan;
  Room room;  // not for --plan
};

/// Plans and prepares all seeds at once, so that every error comes before the first run.
[[nodiscard]] SeededCells seeded_cells(cells::Sources& sources, const LaunchRequest& request,
                                       const UntilRequest& until);

}  // namespace attnlab::cli
