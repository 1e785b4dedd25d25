/// train_bench.h: whole training steps of one model under two attentions, over T.
#pragma once

#include "framework/bench/attention_bench.h"

namespace attnlab::bench {

/// One attention that a model is built with.
struct Variant {
  const config::Node& section;
  const LoadedPlugin& plugin;
};

struct TrainBench {
  const config::RunConfig& run;
  const config::ModelConfig& model;
  const config::TrainConfig& train;  // precision, accumulation, loss_slice, optimiser
  const config::TrainTimingConfig& bench;
  Variant variant;
  const Variant* peer;  // null: timed alone
  at::Device device;
  MetricSink& sink;
  std::function<bool(const Progress&)> report;  // false: stop
};

/// For each length builds both models with equal weights, feeds both the same random tokens, and
/// takes steps (forward, backward, AdamW) in turn. Stores per length: seconds of a step, tokens per
/// second, FLOP rate and utilisation (formula in the fact `flop_formula`), peak memory, ratio.
/// False: it was stopped. Throws Error on lengths that are none, or when a loss is not finite.
[[nodiscard]] bool time_training(const TrainBench& request);

/// FLOP that one trained token needs: 6 for each weight of a matrix product (the output head
/// included), and 12 * head_dim for each key that each head sees in each layer.
[[nodiscard]] double flop_per_token(const config::ModelConfig& model, std::int64_t vocabulary,
                                    double keys_per_query);

}  // namespace attnlab::bench
