// fork.cpp: `attnlab fork RUN@STEP attention=...`: a new run from a checkpoint's weights.
#include <algorithm>

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
  auto& words = request.overrides;
  words.erase(std::ranges::find(words, parsed->words()[0]));
  auto all = overrides_of(state, words);
  all.insert(all.end(), words.begin(), words.end());
  all.push_back("train.initial=" + config::as_literal(state.weights));
  all.push_back("train.initial_path=" + config::as_literal(path.string()));
  words = std::move(all);
  cells::Sources sources(request);
  return launch_cells(LaunchKind::run, {plan::make_run(plan_request(sources, request))}, sources, request);
}

}  // namespace attnlab::cli
