#include "framework/worker/prepare.h"

#include <algorithm>

#include "framework/config/attention_pattern.h"
#include "framework/config/bench_config.h"
#include "framework/config/bind.h"
#include "framework/config/pattern_sections.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/limits.h"
#include "framework/model/transformer.h"

namespace attnlab::worker {
namespace {

// With a pattern plugin_path has a library for each of its variants, in order of first appearance.
std::vector<LayerVariant> layer_variants(const launch::RunSpec& spec) {
  const auto used = config::variants_of(spec.config);
  const auto files = used.size() == 1 ? std::vector{spec.plugin_path} : split(spec.plugin_path, ':');
  if (used.size() != files.size()) {
    throw Error("the spec has " + std::to_string(files.size()) + " plugins for the " +
                std::to_string(used.size()) + " variants of '" +
                config::pattern_text(spec.config) + "'");
  }
  std::vector<LayerVariant> variants;
  for (std::size_t i = 0; i < used.size(); ++i) {
    const auto* section = spec.config.find_path(used[i].section);
    if (section == nullptr) throw Error("the spec has no section '" + used[i].section + "'");
    variants.push_back({load_plugin(files[i]), section, used[i].layers});
  }
  return variants;
}

}  // namespace

Prepared prepare(const launch::RunSpec& spec, MetricSink& sink) {
  const auto& config = spec.config;
  const auto need = [&](const char* name) -> const config::Node& {
    const auto* found = config.find(name);
    if (found == nullptr) throw Error("the spec has no section '" + std::string(name) + "'");
    return *found;
  };
  Prepared result;
  result.bench = config.find("bench");
  result.peer_attention = config.find("peer");
  result.attention = &need("attention");
  result.run = config::read<config::RunConfig>(
      config, "run", {"model", "train", "dataset", "attention", "bench", "peer"});
  result.model = config::read<config::ModelConfig>(need("model"), "model", {"attention_pattern"});
  if (result.bench == nullptr || config.find("train") != nullptr) {
    result.train = config::read<config::TrainConfig>(need("train"), "train");
  }
  const auto chosen = begin_on(result.run.device, result.run.threads);
  result.device = chosen.device;
  result.memory = chosen.memory;
  for (const auto& [name, text] : chosen.facts) sink.fact(name, text);
  if (result.bench != nullptr) result.timed_data = config.find("dataset");
  result.data_dir = spec.data_dir;
  if (result.bench == nullptr) result.dataset = data::open_dataset(need("dataset"), spec.data_dir);
  if (result.bench == nullptr) {
    result.variants = layer_variants(spec);
  } else if (!spec.plugin_path.empty()) {
    result.plugin = load_plugin(spec.plugin_path);
  }
  if (result.peer_attention != nullptr) result.peer = load_plugin(spec.peer_plugin_path);
  return result;
}

const LayerVariant& variant_at(const Prepared& prepared, std::int64_t layer) {
  for (const auto& variant : prepared.variants) {
    if (variant.layers.empty() || std::ranges::binary_search(variant.layers, layer)) return variant;
  }
  throw Error("no variant of the pattern is for layer " + std::to_string(layer));
}

std::string refusal_of(const Prepared& prepared, std::int64_t length) {
  if (prepared.dataset) {
    const auto why = data::documents_refusal(prepared.dataset->info(), prepared.model.documents);
    if (!why.empty()) return why;
  }
  for (const auto& [plugin, section, layers] : prepared.variants) {
    const auto first = layers.empty() ? 0 : layers.front();
    const auto why = plugin.refuses(model::attention_shape(prepared.model, length, first), *section,
                                    prepared.run.device,
                                    config::dtype_of(prepared.train.value().precision));
    if (why.empty()) continue;
    return layers.empty() ? why : config::layer_words(layers) + ": " + why;
  }
  return "";
}

}  // namespace attnlab::worker
