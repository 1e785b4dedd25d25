// fork.cpp: `attnlab fork RUN@STEP attention=...`: a new run from a checkpoint's weights.
#include "framework/cli/checkpoints/find.h"
#include "framework/cli/checkpoints/origin.h"
#include "framework/cli/commands.h"
#include "framework/cli/launch/launch_cells.h"
#include "framework/config/override.h"
#include "framework/core/error.h"

namespace attnlab::cli {

int fork(Arguments arguments) {
  const auto parsed = launch_options(LaunchKind::fork).parse(arguments);
  if (!parsed) return kExitOk;
  if (parsed->words().empty() || parsed->words()[0].find('=') != std::string::npos) {
    throw Error("expected a checkpoint first: attnlab fork RUN@STEP attention=NAME. attnlab checkpoints RUN lists them.",
                kExitUsage);
  }
  const auto path = find_checkpoint(parsed->words()[0], *parsed);
  const auto state = checkpoint::read_state(path);
  auto request = read_launch_request(LaunchKind::fork, *parsed, arguments);
  begin_with(state, parsed->words()[0], request.overrides);
  request.overrides.push_back("train.initial=" + config::as_literal(state.weights));
  request.overrides.push_back("train.initial_path=" + config::as_literal(path.string()));
  cells::Sources sources(request);
  auto cell = plan::make_run(plan_request(sources, request));
  require_fitting(state, parsed->words()[0], cell.resolved);
  return launch_cells(LaunchKind::run, {std::move(cell)}, sources, request);
}

}  // namespace attnlab::cli
