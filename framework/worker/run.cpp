// run.cpp: one training run, from what was prepared to its last row.
#include <utility>

#include "framework/config/bench_config.h"
#include "framework/core/text.h"
#include "framework/model/transformer.h"
#include "framework/data/batch_loader.h"
#include "framework/sparse/cuda_refusals.h"
#include "framework/train/gloo_group.h"
#include "framework/train/memory.h"
#include "framework/train/trainer.h"
#include "framework/worker/company.h"
#include "framework/worker/job.h"
#include "framework/worker/neighbours.h"
#include "framework/worker/parent_watch.h"
#include "framework/worker/resume.h"
#include "framework/xray/xray.h"

namespace attnlab::worker {
namespace {

// A checkpoint must not get ahead of the numbers that lead to it; but it waits no longer than that.
constexpr double kSettleSeconds = 5;

std::uint32_t traits_of_any(const Prepared& prepared) {
  std::uint32_t traits = 0;
  for (const auto& variant : prepared.variants) traits |= variant.plugin.note().traits;
  return traits;
}

std::string name_of(const Prepared& prepared) {
  const auto* name = prepared.attention->find("name");  // of the variant, or the pattern
  return name == nullptr ? "" : name->plain_text();
}

}  // namespace

Ending train(const Prepared& prepared, Session& session) {
  const auto& dataset = *prepared.dataset;
  const auto& settings = prepared.train.value();
  const auto traits = traits_of_any(prepared);
  const auto& info = dataset.info();
  const auto length = static_cast<std::int64_t>(dataset.get(data::Split::train, 0).input.size());
  if (const auto why = refusal_of(prepared, length); !why.empty()) return {Status::skipped, why};
  const auto sharing = prepared.device.is_cpu() ? session.place.on_this_host : 1;  // a GPU is one rank's
  const double least = static_cast<double>(sharing) * train::least_step_bytes(
      prepared.model, settings, {info.vocabulary, length},
      data::rows_of_part(settings.batch_size, settings.accumulation, session.place.size),
      (traits & plugin::kQuadraticMemory) != 0 ? 1 : 0);
  if (const auto why = train::too_large(least, prepared.memory); !why.empty()) {
    return {Status::failed, "out of memory: the run " + why +
                                " Lower train.batch_size, dataset.length or the model."};
  }
  if ((traits & plugin::kPatternSeesFuture) != 0) {
    session.sink.fact("pattern_sees_future", "true");
  }

  Company company(prepared, session);
  xray::Lens lens;
  model::Transformer model(
      prepared.model, {info.vocabulary, length}, static_cast<std::uint64_t>(prepared.run.seed),
      prepared.device,
      [&](std::int64_t layer, Owner& owner) {
        const auto& [plugin, section, layers] = variant_at(prepared, layer);
        auto attention = plugin.create(model::attention_shape(prepared.model, length, layer), *section, owner);
        return settings.xray_every > 0 ? lens.around(std::move(attention)) : std::move(attention);
      });
  if (company.first()) log_line(name_of(prepared) + " on " + info.description + ": " +
           std::to_string(model.parameters().count()) + " parameters, T = " +
           std::to_string(length) + ", " + std::to_string(settings.steps) + " steps");
  if (const auto why = company.refusal(model); !why.empty()) return {Status::skipped, why};
  auto saving = saving_of(session.spec);
  if (!company.first()) saving.folder.clear();
  saving.base.data_digest = info.digest;
  std::string lost;  // why the weights of the end are nowhere
  saving.lost = [&](std::int64_t step, const std::string& why) {
    const auto words = "no checkpoint at step " + std::to_string(step) + ": " + why;
    session.sink.fact("checkpoint_lost", words);
    if (step == settings.steps) lost = words;
  };
  if (session.writer != nullptr) {
    saving.ours = [&] { return !session.writer->taken_over(); };
    saving.settle = [&] { static_cast<void>(session.writer->settle(kSettleSeconds)); };
    saving.written = [&] { session.writer->artifact(checkpoint::kFolder, saving.folder.string()); };
  }
  train::Profiling profiling{session.spec.folder, prepared.device.is_cuda(), {}, log_line};
  if (!company.first()) profiling.folder.clear();
  if (session.writer != nullptr) {
    profiling.written = [&](const auto& kind, const auto& file) {
      session.writer->artifact(kind, file.string());
    };
  }
  try {
    company.meet();
  } catch (const train::MeetingStopped& stopped) {
    return {Status::interrupted, stopped.what()};
  }
  const auto earlier = company.first() ? find_checkpoint(session.spec) : std::nullopt;
  const auto resume = company.shared(earlier ? std::optional(earlier->resume) : std::nullopt);
  session.reporter.send(launch::Report{.kind = "start",
                                       .step = earlier ? earlier->resume.state.step : 0,
                                       .steps = settings.steps,
                                       .text = earlier ? earlier->text() : ""});
  if (!earlier && company.first()) begin_with_initial(prepared, model, session.sink);
  if (earlier) {
    log_line(earlier->text());
    session.sink.fact("continues", earlier->text());
  }
  if (session.writer != nullptr) {
    session.writer->begin(earlier ? earlier->run_id : 0, earlier ? earlier->resume.state.step : -1);
  }
  bool holds = session.spec.spool && earlier;
  std::optional<Neighbours> neighbours;
  if (session.spec.spool && company.first()) {
    begin_shared(session.spec, earlier, session.sink);
    neighbours.emplace(session.sink);
  }
  const auto report = [&](const train::Progress& progress) {
    if (std::exchange(holds, false)) let_go(session.spec);  // it was read
    sparse::raise_refused();  // the host has just waited for the device
    session.reporter.progress(progress);
    static_cast<void>(session.go_on());
    if (progress.kind == train::Progress::Kind::evaluation && company.first()) {
      log_line("step " + std::to_string(progress.step) + ": " + info.metric + " " +
               exact_number(progress.value));
    }
  };
  const auto look = [&](std::int64_t done) {
    const auto go_on = [&](std::int64_t, std::int64_t) {  // whole, for a run that goes on has no other chance
      session.reporter.progress({.step = done, .steps = settings.steps});
      return true;
    };
    return xray::look({.run = prepared.run,
                       .precision = settings.precision,
                       .inclusive = prepared.model.causality == config::Causality::inclusive,
                       .dataset = dataset,
                       .model = model,
                       .lens = lens,
                       .step = done}, go_on).value();
  };
  auto ending = train::train({prepared.run, settings, dataset, model, session.sink, report, stop_requested,
                              saving, profiling, resume ? &*resume : nullptr, look, company.group()});
  const auto cause = stop_cause();
  if (ending.status == Status::interrupted && !cause.empty()) ending.reason += " (" + cause + ")";
  if (ending.status == Status::done) ending.reason = lost;
  return ending;
}

}  // namespace attnlab::worker
