#include "framework/worker/bench.h"

#include <ATen/Parallel.h>

#include <optional>

#include "framework/bench/attention_bench.h"
#include "framework/bench/train_bench.h"
#include "framework/config/bind.h"
#include "framework/worker/devices.h"
#include "framework/worker/job.h"
#include "framework/worker/log.h"
#include "framework/worker/parent_watch.h"

namespace attnlab::worker {
namespace {

const config::Node& section(const config::Node& config, std::string_view name) {
  const auto* found = config.find(name);
  if (found == nullptr) throw Error("the bench spec has no section '" + std::string(name) + "'");
  return *found;
}

std::uint32_t trait_of(config::Dtype dtype) {
  switch (dtype) {
    case config::Dtype::bfloat16:
      return plugin::kBfloat16;
    case config::Dtype::float16:
      return plugin::kFloat16;
    case config::Dtype::float64:
      return plugin::kFloat64;
    case config::Dtype::float32:
      break;
  }
  return plugin::kFloat32;
}

// Empty, or why this plugin cannot be timed like that.
std::string refusal(const LoadedPlugin& plugin, const config::ModelConfig& model,
                    std::uint32_t dtype, const config::Node& attention, at::Device device) {
  const auto traits = plugin.note().traits;
  if (device.is_cuda() && (traits & plugin::kRunsOnCuda) == 0) {
    return "the plugin has no CUDA code; time it with --device cpu";
  }
  if ((traits & dtype) == 0) return "the plugin does not take this dtype";
  const AttentionShape shape{model.heads,     model.head_dim(),  1,
                             model.causality, model.shared_keys, model.key_norm};
  return plugin.refuses(shape, attention);
}

// What both kinds of timing begin with.
struct Started {
  config::RunConfig run;
  at::Device device;
  std::function<bool(const bench::Progress&)> report;
};

Started start(const launch::RunSpec& spec, const std::vector<std::string>& sections,
              MetricSink& sink, Reporter& reporter, StoreWatch& store) {
  const auto run = config::read<config::RunConfig>(spec.config, "run", sections);
  at::set_num_interop_threads(1);
  at::set_num_threads(static_cast<int>(run.threads));
  const auto [device, facts] = choose_device(run.device);
  for (const auto& [name, text] : facts) sink.fact(name, text);
  return {run, device, [&](const bench::Progress& progress) {
            reporter.timing(progress);
            store.look();
            return !stop_requested;
          }};
}

Ending ending(bool whole) {
  return whole ? Ending{}
               : Ending{Status::interrupted, "stopped; the lengths that were done are stored"};
}

Ending time_attention(const launch::RunSpec& spec, MetricSink& sink, Reporter& reporter,
                      StoreWatch store) {
  const auto started = start(spec, {"model", "bench", "attention"}, sink, reporter, store);
  const auto model = config::read<config::ModelConfig>(section(spec.config, "model"), "model");
  const auto bench = config::read<config::BenchConfig>(section(spec.config, "bench"), "bench");
  const auto& attention = section(spec.config, "attention");
  std::optional<LoadedPlugin> plugin;
  if (!spec.plugin_path.empty()) plugin = load_plugin(spec.plugin_path);
  if (plugin) {
    const auto why = refusal(*plugin, model, trait_of(bench.dtype), attention, started.device);
    if (!why.empty()) return skipped(why);
    if ((plugin->note().traits & plugin::kNeedsHidden) != 0) {
      return skipped(
          "the plugin reads the model's hidden states, which a benchmark of the "
          "attention alone does not have");
    }
  }
  return ending(
      bench::time_attention({started.run, model, bench, attention, plugin ? &*plugin : nullptr,
                             started.device, sink, started.report}));
}

Ending time_training(const launch::RunSpec& spec, MetricSink& sink, Reporter& reporter,
                     StoreWatch store) {
  const auto started =
      start(spec, {"model", "train", "bench", "attention", "peer"}, sink, reporter, store);
  const auto model = config::read<config::ModelConfig>(section(spec.config, "model"), "model");
  const auto train = config::read<config::TrainConfig>(section(spec.config, "train"), "train");
  const auto bench =
      config::read<config::TrainTimingConfig>(section(spec.config, "bench"), "bench");
  const auto trait =
      train.precision == config::Precision::bfloat16 ? plugin::kBfloat16 : plugin::kFloat32;
  const auto plugin = load_plugin(spec.plugin_path);
  const auto& attention = section(spec.config, "attention");
  if (const auto why = refusal(plugin, model, trait, attention, started.device); !why.empty()) {
    return skipped(why);
  }
  std::optional<LoadedPlugin> other;
  std::optional<bench::Variant> peer;
  if (!spec.peer_plugin_path.empty()) {
    other = load_plugin(spec.peer_plugin_path);
    peer.emplace(bench::Variant{section(spec.config, "peer"), *other});
  }
  return ending(bench::time_training({started.run,
                                      model,
                                      train,
                                      bench,
                                      {attention, plugin},
                                      peer ? &*peer : nullptr,
                                      started.device,
                                      sink,
                                      started.report}));
}

}  // namespace

int bench(const launch::RunSpec& spec) {
  return perform(spec, "in the benchmark",
                 [&](MetricSink& sink, Reporter& reporter, StoreWatch store) {
                   const bool training = spec.config.find("train") != nullptr;
                   return training ? time_training(spec, sink, reporter, store)
                                   : time_attention(spec, sink, reporter, store);
                 });
}

}  // namespace attnlab::worker
