// grid.cpp: `attnlab grid`: the product of swept values.
#include "framework/cli/commands.h"
#include "framework/cli/launch/launch_cells.h"
#include "framework/cli/launch/until_significant.h"
#include "framework/core/error.h"
#include "framework/core/output.h"

namespace attnlab::cli {

int grid(Arguments arguments) {
  auto options = launch_options(LaunchKind::grid);
  add_until_options(options);
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  const auto request = read_launch_request(LaunchKind::grid, *parsed, arguments);
  const auto until = until_request(*parsed);
  cells::Sources sources(request);
  if (until) return launch_until_significant(sources, request, *until);
  plan::Plan plan = plan::make_plan(plan_request(sources, request));
  if (plan.cells.size() < plan.product && !request.quiet) {
    notice(std::to_string(plan.product) + " combinations, " + std::to_string(plan.cells.size()) +
           " cells: the rest are identical or left out by --where\n");
  }
  return launch_cells(LaunchKind::grid, std::move(plan.cells), sources, request);
}

}  // namespace attnlab::cli
