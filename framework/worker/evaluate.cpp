// evaluate.cpp: one checkpoint, scored on a split of any data set that has its tokens.
#include <algorithm>
#include <array>
#include <tuple>

#include "framework/checkpoint/folder.h"
#include "framework/config/bench_config.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/score.h"
#include "framework/model/transformer.h"
#include "framework/train/evaluator.h"
#include "framework/train/snapshot.h"
#include "framework/worker/job.h"
#include "framework/worker/parent_watch.h"

namespace attnlab::worker {
namespace {

data::Split split_of(const std::string& name) {
  constexpr std::array kNames{"train", "valid", "test"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<data::Split>(i);
  }
  throw Error("split '" + name + "': expected train, valid or test");
}

// Rows of the learned positions are the longest sequence that the weights know; 0: there are none.
std::int64_t longest_of(const std::filesystem::path& weights) {
  const checkpoint::Safetensors file(weights);
  const auto* positions = file.find("position_embedding.weight");
  return positions == nullptr ? 0 : positions->shape.at(0);
}

}  // namespace

Ending evaluate(const Prepared& prepared, Session& session) {
  const auto& [dataset, settings] = std::tie(*prepared.dataset, *prepared.train);
  const auto split = split_of(session.spec.split);
  const std::filesystem::path path(session.spec.checkpoint);
  const auto state = checkpoint::read_whole(path);
  const auto weights = path / checkpoint::kModel;
  const auto& info = dataset.info();
  if (dataset.size(split) == 0) throw Error(info.description + " has no split '" + session.spec.split + "'");
  const auto length = static_cast<std::int64_t>(dataset.get(split, 0).input.size());
  const auto longest = longest_of(weights);
  if (longest != 0 && length > longest) {
    throw Error("the checkpoint has positions for " + std::to_string(longest) + " tokens; expected dataset.length at "
                "most that, found " + std::to_string(length));
  }
  const auto shape = model::attention_shape(prepared.model, std::max(length, longest));
  if (const auto why = refusal_of(prepared, shape.max_length); !why.empty()) {
    return {Status::skipped, why};
  }
  model::Transformer model(prepared.model, {info.vocabulary, shape.max_length},
                           static_cast<std::uint64_t>(prepared.run.seed), prepared.device,
                           [&](std::int64_t layer, Owner& owner) {
                             auto here = shape;
                             here.layer = layer;
                             const auto& variant = variant_at(prepared, layer);
                             return variant.plugin.create(here, *variant.section, owner);
                           });
  train::load_model(weights, model);
  const auto steps = train::evaluated_sequences(settings, dataset, split);
  std::int64_t done = 0;
  const auto result = train::evaluate(prepared.run, settings, dataset, model, state.step, [&] {
    done = std::min(steps, done + settings.batch_size);
    session.reporter.progress({.step = done, .steps = steps});
    return session.go_on();
  }, split);
  if (!result) return {Status::interrupted, "stopped"};
  const auto tell = [&](const MetricKey& key, double value) {
    session.reporter.send(launch::Report{.kind = "metric", .loss = value, .text = key.name, .status = key.unit});
  };
  auto score = data::score(info.metric, result->nats);
  if (split != data::Split::valid) score.key.name.replace(0, 3, session.spec.split);  // "val"
  tell(score.key, score.value);
  tell({"nats", "nats"}, result->nats);
  tell({"sequences", ""}, static_cast<double>(result->sequences));
  tell({"length", "tokens"}, static_cast<double>(length));
  tell({"step", ""}, static_cast<double>(state.step));
  for (const auto& [key, value] : result->statistics) tell(key, value);
  return {};
}

}  // namespace attnlab::worker
