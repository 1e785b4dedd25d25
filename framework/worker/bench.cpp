#include "framework/worker/bench.h"

#include <ATen/Parallel.h>

#include <optional>

#include "framework/bench/attention_bench.h"
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
                    const config::BenchConfig& bench, const config::Node& attention,
                    at::Device device) {
  const auto traits = plugin.note().traits;
  if (device.is_cuda() && (traits & plugin::kRunsOnCuda) == 0) {
    return "the plugin has no CUDA code; time it with --device cpu";
  }
  if ((traits & trait_of(bench.dtype)) == 0) return "the plugin does not take this dtype";
  if ((traits & plugin::kNeedsHidden) != 0) {
    return "the plugin reads the model's hidden states, which a benchmark of the attention alone "
           "does not have";
  }
  const AttentionShape shape{model.heads,     model.head_dim(),  1,
                             model.causality, model.shared_keys, model.key_norm};
  return plugin.refuses(shape, attention);
}

Ending time_cell(const launch::RunSpec& spec, MetricSink& sink, Reporter& reporter,
                 StoreWatch store) {
  const auto run =
      config::read<config::RunConfig>(spec.config, "run", {"model", "bench", "attention"});
  const auto model = config::read<config::ModelConfig>(section(spec.config, "model"), "model");
  const auto bench = config::read<config::BenchConfig>(section(spec.config, "bench"), "bench");
  const auto& attention = section(spec.config, "attention");
  at::set_num_interop_threads(1);
  at::set_num_threads(static_cast<int>(run.threads));
  const auto [device, device_facts] = choose_device(run.device);
  for (const auto& [name, text] : device_facts) sink.fact(name, text);

  std::optional<LoadedPlugin> plugin;
  if (!spec.plugin_path.empty()) plugin = load_plugin(spec.plugin_path);
  if (plugin) {
    if (const auto why = refusal(*plugin, model, bench, attention, device); !why.empty()) {
      return skipped(why);
    }
  }
  const auto report = [&](const bench::Progress& progress) {
    reporter.timing(progress);
    store.look();
    return !stop_requested;
  };
  const bool whole = bench::time_attention(
      {run, model, bench, attention, plugin ? &*plugin : nullptr, device, sink, report});
  return whole ? Ending{} : interrupted("stopped; the lengths that were done are stored");
}

}  // namespace

int bench(const launch::RunSpec& spec) {
  return perform(spec, "in the benchmark",
                 [&](MetricSink& sink, Reporter& reporter, StoreWatch store) {
                   return time_cell(spec, sink, reporter, store);
                 });
}

}  // namespace attnlab::worker
