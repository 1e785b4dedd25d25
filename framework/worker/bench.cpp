// bench.cpp: one timing, from what was prepared to its last row.
#include "framework/bench/bench.h"

#include "framework/bench/gpu_state.h"
#include "framework/config/bind.h"
#include "framework/core/error.h"
#include "framework/core/limits.h"
#include "framework/worker/job.h"
#include "framework/worker/resume.h"

namespace attnlab::worker {

namespace {

// Nothing where train.initial names none.
std::optional<bench::Trained> trained_model(const Prepared& prepared) {
  auto found = prepared.train ? find_initial(*prepared.train) : std::nullopt;
  if (!found) return std::nullopt;
  const auto config = config::from_json(found->state.config, "the config in its state.json");
  const auto* length = config.find_path("dataset.length");
  if (length == nullptr) throw Error("'" + found->checkpoint.string() + "' does not say its dataset.length");
  bench::Trained trained{text_of(*found), std::get<std::int64_t>(length->value())};
  trained.load = [initial = std::move(*found)](const config::Node& attention, model::Transformer& model) {
    begin_with(initial, attention, model);
  };
  return trained;
}

}  // namespace

Ending time(const Prepared& prepared, Session& session) {
  const auto report = [&](const bench::Progress& progress) {
    session.reporter.timing(progress);
    return session.go_on();
  };
  std::function<std::unique_ptr<data::Dataset>(std::int64_t)> open_data;
  if (prepared.timed_data != nullptr) {
    open_data = [&](std::int64_t length) {
      auto section = *prepared.timed_data;
      section.set("length", config::Node(length));
      return data::open_dataset(section, prepared.data_dir);
    };
  }
  const auto loaded = [](const auto& plugin) { return plugin ? &*plugin : nullptr; };
  // A machine that is about to swap tells nothing about speed, so what is free now counts.
  const auto trained = trained_model(prepared);
  const bench::Setting setting{
      prepared.run,
      prepared.model,
      {*prepared.attention, loaded(prepared.plugin)},
      prepared.device,
      prepared.device.is_cpu() ? static_cast<double>(memory_available()) : prepared.memory,
      session.sink,
      report,
      open_data,
      trained ? &*trained : nullptr};
  bench::Result result;
  if (prepared.train) {
    if (prepared.train->ranks > 1) throw Error("train.ranks: a timing is of one process; expected 1");
    if (!prepared.plugin) throw Error("only the attention of a plugin can be trained");
    const auto bench = config::read<config::TrainTimingConfig>(*prepared.bench, "bench");
    std::optional<bench::Variant> peer;
    if (prepared.peer) peer.emplace(bench::Variant{*prepared.peer_attention, &*prepared.peer});
    result = bench::time_training(setting, *prepared.train, bench, peer ? &*peer : nullptr);
  } else {
    const auto bench = config::read<config::BenchConfig>(*prepared.bench, "bench");
    result = bench::time_attention(setting, bench);
  }
  if (result.stopped) {
    return {Status::interrupted, "stopped; the lengths that were done are stored"};
  }
  return result.timed == 0 ? Ending{Status::skipped, result.left_out} : Ending{};
}

std::string gpu_state() { return bench::gpu_state(bench::first_visible_gpu()); }

}  // namespace attnlab::worker
