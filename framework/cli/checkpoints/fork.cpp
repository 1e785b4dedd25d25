// fork.cpp: `attnlab fork RUN@STEP attention=...`: a new run from a checkpoint's weights.
#include <fmt/format.h>

#include "framework/checkpoint/safetensors.h"
#include "framework/cli/checkpoints/find.h"
#include "framework/cli/checkpoints/origin.h"
#include "framework/cli/commands.h"
#include "framework/cli/launch/launch_cells.h"
#include "framework/config/override.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/text.h"

namespace attnlab::cli {
namespace {

void require_vocabulary(const std::filesystem::path& path, const std::string& word, const data::DatasetInfo& data) {
  const checkpoint::Safetensors weights(path / checkpoint::kModel);
  const auto* embedding = weights.find("token_embedding.weight");
  if (embedding == nullptr || embedding->shape.empty() || embedding->shape[0] == data.vocabulary) return;
  throw Error(fmt::format("{} has {} tokens, which does not fit the weights of {}: their vocabulary is {}. Expected a data set "
                          "of that vocabulary, or a run of its own: attnlab run.", data.name, grouped(data.vocabulary), word,
                          grouped(embedding->shape[0])));
}

std::int64_t layers_of(const checkpoint::State& state) {
  const auto config = config::from_json(state.config, "the config in a checkpoint's state.json");
  const auto* layers = config.find_path("model.layers");
  const auto* number = layers == nullptr ? nullptr : std::get_if<std::int64_t>(&layers->value());
  return number == nullptr ? 0 : *number;
}

}  // namespace

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
  require_vocabulary(path, parsed->words()[0], sources.data(*cell.resolved.config.find("dataset")));
  if (const auto has = layers_of(state); cell.resolved.model.layers < has) {
    notice(fmt::format("attnlab: the first {} of the checkpoint's {} blocks are taken\n", cell.resolved.model.layers, has));
  }
  return launch_cells(LaunchKind::run, {std::move(cell)}, sources, request);
}

}  // namespace attnlab::cli
