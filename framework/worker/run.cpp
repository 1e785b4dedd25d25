// run.cpp: the only file that knows every layer.
#include "framework/worker/run.h"

#include <ATen/Parallel.h>

#include "framework/attention/loader.h"
#include "framework/config/bind.h"
#include "framework/config/run_config.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/dataset.h"
#include "framework/model/transformer.h"
#include "framework/plugin/note.h"
#include "framework/train/trainer.h"
#include "framework/worker/devices.h"
#include "framework/worker/job.h"
#include "framework/worker/log.h"
#include "framework/worker/parent_watch.h"

namespace attnlab::worker {
namespace {

struct Sections {
  config::RunConfig run;
  config::ModelConfig model;
  config::TrainConfig train;
  const config::Node& dataset;
  const config::Node& attention;
};

const config::Node& section(const config::Node& config, std::string_view name) {
  const auto* found = config.find(name);
  if (found == nullptr) throw Error("the run spec has no section '" + std::string(name) + "'");
  return *found;
}

Sections read_sections(const config::Node& config) {
  return {
      config::read<config::RunConfig>(config, "run", {"model", "train", "dataset", "attention"}),
      config::read<config::ModelConfig>(section(config, "model"), "model"),
      config::read<config::TrainConfig>(section(config, "train"), "train"),
      section(config, "dataset"), section(config, "attention")};
}

// Empty, or why this plugin cannot run here.
std::string refusal(const LoadedPlugin& plugin, const AttentionShape& shape,
                    const Sections& sections, at::Device device) {
  const auto traits = plugin.note().traits;
  if (device.is_cuda() && (traits & plugin::kRunsOnCuda) == 0) {
    return "the plugin has no CUDA code; run it with device=cpu";
  }
  if (sections.train.precision == config::Precision::bfloat16 &&
      (traits & plugin::kBfloat16) == 0) {
    return "the plugin does not take bfloat16; run it with train.precision=float32";
  }
  return plugin.refuses(shape, sections.attention);
}

Ending train_cell(const launch::RunSpec& spec, MetricSink& sink, Reporter& reporter,
                  StoreWatch store_watch) {
  const auto sections = read_sections(spec.config);
  at::set_num_interop_threads(1);
  at::set_num_threads(static_cast<int>(sections.run.threads));
  const auto [device, device_facts] = choose_device(sections.run.device);
  for (const auto& [name, text] : device_facts) sink.fact(name, text);

  const auto dataset = data::open_dataset(sections.dataset, spec.data_dir);
  const auto length = static_cast<std::int64_t>(dataset->get(data::Split::train, 0).input.size());
  const auto plugin = load_plugin(spec.plugin_path);
  const auto shape = model::attention_shape(sections.model, length);
  if (const auto why = refusal(plugin, shape, sections, device); !why.empty()) {
    return skipped(why);
  }
  if ((plugin.note().traits & plugin::kPatternSeesFuture) != 0) {
    sink.fact("pattern_sees_future", "true");
  }

  model::Transformer model(
      sections.model, {dataset->info().vocabulary, length},
      static_cast<std::uint64_t>(sections.run.seed), device,
      [&](std::int64_t layer) { return plugin.create(shape, sections.attention, layer); });
  log_info(std::string(plugin.note().name.view()) + " on " + dataset->info().description + ": " +
           std::to_string(model.parameters().count()) + " parameters, T = " +
           std::to_string(length) + ", " + std::to_string(sections.train.steps) + " steps");
  reporter.start(sections.train.steps);
  const auto report = [&](const train::Progress& progress) {
    reporter.progress(progress);
    store_watch.look();
    if (progress.kind == train::Progress::Kind::evaluation) {
      log_info("step " + std::to_string(progress.step) + ": " + dataset->info().metric + " " +
               exact_number(progress.value));
    }
  };
  return train::train(
      {sections.run, sections.train, *dataset, model, sink, report, stop_requested});
}

}  // namespace

int run(const launch::RunSpec& spec) {
  return perform(spec, "in the backward pass or the trainer",
                 [&](MetricSink& sink, Reporter& reporter, StoreWatch store) {
                   return train_cell(spec, sink, reporter, store);
                 });
}

}  // namespace attnlab::worker
