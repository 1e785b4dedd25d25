// run.cpp: the only file that knows every layer.
#include "framework/worker/run.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <chrono>
#include <new>

#include "framework/attention/loader.h"
#include "framework/config/bind.h"
#include "framework/config/run_config.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/dataset.h"
#include "framework/model/transformer.h"
#include "framework/plugin/note.h"
#include "framework/store/store.h"
#include "framework/train/trainer.h"
#include "framework/worker/devices.h"
#include "framework/worker/log.h"
#include "framework/worker/parent_watch.h"
#include "framework/worker/reporter.h"

namespace attnlab::worker {
namespace {

struct Ending {
  store::RunStatus status = store::RunStatus::done;
  std::string reason;
  int exit_code = kExitOk;
};

Ending failed(const std::string& reason) { return {store::RunStatus::failed, reason, kExitError}; }

// A run without a database: only reports.
class NoStore final : public MetricSink {
 public:
  void add(MetricEvent) override {}
  void fact(std::string_view, std::string_view) override {}
};

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

Ending ending_of(const train::TrainResult& result) {
  switch (result.status) {
    case train::TrainResult::Status::done:
      return {};
    case train::TrainResult::Status::failed:
      return failed(result.reason);
    case train::TrainResult::Status::interrupted:
      break;
  }
  return {store::RunStatus::interrupted, result.reason, kExitInterrupted};
}

// Ends a run whose results can no longer be stored: training on would be for nothing. A disk that
// is full for a moment is waited for; the writer keeps everything meanwhile.
class StoreWatch {
 public:
  explicit StoreWatch(const store::RunWriter* writer) : writer_(writer) {}

  void look() {
    const auto now = std::chrono::steady_clock::now();
    if (writer_ == nullptr || !writer_->problem()) {
      last_good_ = now;
    } else if (now - last_good_ > kPatience) {
      stop_requested = true;
    }
  }

 private:
  static constexpr std::chrono::seconds kPatience{30};
  const store::RunWriter* writer_;
  std::chrono::steady_clock::time_point last_good_ = std::chrono::steady_clock::now();
};

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
    return {store::RunStatus::skipped, why, launch::kWorkerSkipped};
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
  return ending_of(
      train::train({sections.run, sections.train, *dataset, model, sink, report, stop_requested}));
}

bool is_out_of_memory(const std::string& message) {
  return message.find("not enough memory") != std::string::npos ||
         message.find("can't allocate memory") != std::string::npos ||
         message.find("out of memory") != std::string::npos;
}

Ending guarded(const launch::RunSpec& spec, MetricSink& sink, Reporter& reporter,
               const store::RunWriter* writer) {
  try {
    return train_cell(spec, sink, reporter, StoreWatch(writer));
  } catch (const Error& error) {
    return is_out_of_memory(error.what()) ? failed("out of memory: " + std::string(error.what()))
                                          : failed(error.what());
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    return failed(is_out_of_memory(message) ? "out of memory: " + message : message);
  } catch (const std::bad_alloc&) {
    return failed("out of memory: an allocation failed. Lower train.batch_size or dataset.length.");
  } catch (const std::exception& error) {
    return failed("in the backward pass or the trainer: " + std::string(error.what()));
  } catch (...) {
    return failed("in the backward pass or the trainer: an exception of unknown type");
  }
}

}  // namespace

int run(const launch::RunSpec& spec) {
  Reporter reporter(launch::kReportFd);
  Ending ending;
  try {
    if (spec.database.empty()) {
      NoStore sink;
      ending = guarded(spec, sink, reporter, nullptr);
    } else {
      store::RunWriter writer(spec.database, spec.run_id);
      ending = guarded(spec, writer, reporter, &writer);
      writer.finish(ending.status, ending.reason);
    }
  } catch (const std::exception& error) {  // the store could not be opened or written
    ending = failed(error.what());
  }
  if (ending.reason.empty()) {
    log_info("done");
  } else {
    log_error(std::string(store::to_text(ending.status)) + ": " + ending.reason);
  }
  reporter.end(std::string(store::to_text(ending.status)), ending.reason);
  return ending.exit_code;
}

}  // namespace attnlab::worker
