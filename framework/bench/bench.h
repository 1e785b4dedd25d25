/// bench.h: one run of kind `time`, over lengths T: one attention variant against LibTorch's, or
///   training steps of one model under two attentions.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "framework/attention/loader.h"
#include "framework/config/bench_config.h"
#include "framework/config/run_config.h"
#include "framework/core/metric.h"
#include "framework/data/dataset.h"

namespace attnlab::model {
class Transformer;
}

namespace attnlab::bench {

struct Progress {
  std::int64_t length = 0;            // T that is being timed
  std::int64_t done = 0, rounds = 0;  // rounds of samples at this T
  double seconds_left = -1;           // of the run
};

/// One attention: its section of the config, and the plugin; null for the subjects that are none.
struct Variant {
  const config::Node& section;
  const LoadedPlugin* plugin;
};

/// A trained model to begin with, in place of weights that are drawn.
struct Trained {
  std::string text{};       // "step 40 of run 0123456789ab: /folder"
  std::int64_t length = 1;  // it was trained at: how many learned positions there are
  /// Throws Error: weights of another model. `attention`: the variant's section.
  std::function<void(const config::Node& attention, model::Transformer& model)> load{};
};

/// What both kinds of timing are made with; all of it outlives them.
struct Setting {
  const config::RunConfig& run;      // its device is cpu or cuda
  const config::ModelConfig& model;  // for attention alone: heads, head_dim, causality, keys
  Variant variant;
  at::Device device;
  double memory;  // bytes that may be used; 0: unknown
  MetricSink& sink;
  std::function<bool(const Progress&)> report;  // false: stop
  /// What models are trained on, in sequences of that length; throws Error. Empty: random tokens.
  std::function<std::unique_ptr<data::Dataset>(std::int64_t length)> open_data{};
  const Trained* trained = nullptr;  // of training steps alone; null: none
};

/// A length that a variant refuses, or whose tensors cannot fit, is left out: the fact
/// "left out T=.." says why.
struct Result {
  bool stopped = false;      // by `report`; the lengths that were done are stored
  std::int64_t timed = 0;    // lengths
  std::string left_out{};    // why the last one that was left out was
};

/// Checks, measures memory, times, for one length after another; stores each length's metrics (the
/// step is T) when it is done, so that stopping loses that length only. The fact "checked T=.." says
/// what was compared with what (answer_check.h). `allocations`: of tensors, in one call. On a GPU a call of up to
/// kLongestCaptured rows is timed a second time as a CUDA graph, `attention_graph/seconds_median` and so on, and
/// `launches` counts what it starts there; the fact "attention_graph T=.." says why one could not be captured. Throws
/// Error when an answer is wrong.
[[nodiscard]] Result time_attention(const Setting& setting, const config::BenchConfig& bench);

/// For each length builds both models with equal weights, those of `setting.trained` where there is one,
/// trains each for bench.warm_steps on the same batches (0 of a trained one: its weights stay, the steps'
/// learning rate is 0), and takes steps (forward, backward, AdamW) in turn. Stores per length: seconds of a step,
/// tokens per second, FLOP rate and utilisation (formula in the fact `flop_formula`), peak memory,
/// ratio, and how even the buckets are where the plugin tells.
/// `peer` null: timed alone. Throws Error when a loss is not finite.
[[nodiscard]] Result time_training(const Setting& setting, const config::TrainConfig& train,
                                   const config::TrainTimingConfig& bench, const Variant* peer);

/// What both go through: for each length, ascending, `refusal` says why it is left out (empty: it is
/// not), or `time` times it and returns false when it was stopped.
[[nodiscard]] Result over_lengths(
    const std::string& lengths, MetricSink& sink,
    const std::function<std::string(std::int64_t length)>& refusal,
    const std::function<bool(std::int64_t length, std::size_t lengths_after)>& time);

/// FLOP that one trained token needs: 6 for each weight of a matrix product (the output head
/// included), and 12 * head_dim for each key that each head sees in each layer.
[[nodiscard]] double flop_per_token(const config::ModelConfig& model, std::int64_t vocabulary,
                                    double keys_per_query);

[[nodiscard]] at::ScalarType scalar_type(config::Dtype dtype);

}  // namespace attnlab::bench
