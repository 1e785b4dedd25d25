// run.cpp: `attnlab run`: one run.
#include "framework/cli/commands.h"
#include "framework/cli/launch/launch_cells.h"
#include "framework/core/error.h"

namespace attnlab::cli {

int run(Arguments arguments) {
  const auto parsed = launch_options(LaunchKind::run).parse(arguments);
  if (!parsed) return kExitOk;
  const auto request = read_launch_request(LaunchKind::run, *parsed, arguments);
  cells::Sources sources(request);
  return launch_cells(LaunchKind::run, {plan::make_run(plan_request(sources, request))}, sources,
                      request);
}

}  // namespace attnlab::cli
