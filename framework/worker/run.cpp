// run.cpp: one training run, from what was prepared to its last row.
#include "framework/config/bench_config.h"
#include "framework/core/text.h"
#include "framework/model/transformer.h"
#include "framework/sparse/cuda_refusals.h"
#include "framework/train/memory.h"
#include "framework/train/trainer.h"
#include "framework/worker/job.h"
#include "framework/worker/parent_watch.h"

namespace attnlab::worker {

Ending train(const Prepared& prepared, Session& session) {
  const auto& dataset = *prepared.dataset;
  const auto& plugin = prepared.plugin.value();
  const auto& settings = prepared.train.value();
  const auto traits = plugin.note().traits;
  const auto& info = dataset.info();
  const auto length = static_cast<std::int64_t>(dataset.get(data::Split::train, 0).input.size());
  const auto shape = model::attention_shape(prepared.model, length);
  if (const auto why = plugin.refuses(shape, *prepared.attention, prepared.run.device,
                                      config::dtype_of(settings.precision));
      !why.empty()) {
    return {Status::skipped, why};
  }
  const double least = train::least_step_bytes(
      prepared.model, settings, {info.vocabulary, length}, settings.batch_size,
      (traits & plugin::kQuadraticMemory) != 0 ? 1 : 0);
  if (const auto why = train::too_large(least, prepared.memory); !why.empty()) {
    return {Status::failed, "out of memory: the run " + why +
                                " Lower train.batch_size, dataset.length or the model."};
  }
  if ((traits & plugin::kPatternSeesFuture) != 0) {
    session.sink.fact("pattern_sees_future", "true");
  }

  model::Transformer model(
      prepared.model, {info.vocabulary, length}, static_cast<std::uint64_t>(prepared.run.seed),
      prepared.device,
      [&](std::int64_t layer, Owner& owner) {
        return plugin.create(model::attention_shape(prepared.model, length, layer),
                             *prepared.attention, owner);
      });
  log_line(std::string(plugin.note().name.view()) + " on " + info.description + ": " +
           std::to_string(model.parameters().count()) + " parameters, T = " +
           std::to_string(length) + ", " + std::to_string(settings.steps) + " steps");
  session.reporter.send(launch::Report{.kind = "start", .steps = settings.steps});
  const auto report = [&](const train::Progress& progress) {
    sparse::raise_refused();  // the host has just waited for the device
    session.reporter.progress(progress);
    static_cast<void>(session.go_on());
    if (progress.kind == train::Progress::Kind::evaluation) {
      log_line("step " + std::to_string(progress.step) + ": " + info.metric + " " +
               exact_number(progress.value));
    }
  };
  return train::train({prepared.run, settings, dataset, model, session.sink, report,
                       stop_requested});
}

}  // namespace attnlab::worker
