#include "framework/worker/prepare.h"

#include "framework/config/bind.h"
#include "framework/core/error.h"

namespace attnlab::worker {

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
  result.model = config::read<config::ModelConfig>(need("model"), "model");
  if (result.bench == nullptr || config.find("train") != nullptr) {
    result.train = config::read<config::TrainConfig>(need("train"), "train");
  }
  const auto chosen = begin_on(result.run.device, result.run.threads);
  result.device = chosen.device;
  result.memory = chosen.memory;
  for (const auto& [name, text] : chosen.facts) sink.fact(name, text);
  if (result.bench == nullptr) result.dataset = data::open_dataset(need("dataset"), spec.data_dir);
  if (!spec.plugin_path.empty()) result.plugin = load_plugin(spec.plugin_path);
  if (result.peer_attention != nullptr) result.peer = load_plugin(spec.peer_plugin_path);
  return result;
}

}  // namespace attnlab::worker
