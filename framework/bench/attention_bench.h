/// attention_bench.h: one run of kind `time`: one attention variant against LibTorch's, over T.
#pragma once

#include <functional>

#include "framework/attention/loader.h"
#include "framework/config/bench_config.h"
#include "framework/config/run_config.h"
#include "framework/core/metric.h"

namespace attnlab::bench {

struct Progress {
  std::int64_t length = 0;            // T that is being timed
  std::int64_t done = 0, rounds = 0;  // rounds of samples at this T
  double seconds_left = -1;           // of the run
};

struct AttentionBench {
  const config::RunConfig& run;
  const config::ModelConfig& model;  // heads, head_dim, causality, keys; no model is built
  const config::BenchConfig& bench;
  const config::Node& attention;  // the section of that name
  const LoadedPlugin* plugin;     // null for the subjects that are no plugins
  at::Device device;
  MetricSink& sink;
  std::function<bool(const Progress&)> report;  // false: stop
};

/// Checks, measures memory, times, for one length after another; stores each length's metrics (the
/// step is T) when it is done, so that stopping loses that length only. False: it was stopped.
/// Throws Error when an answer is wrong, or on lengths that are none.
[[nodiscard]] bool time_attention(const AttentionBench& request);

/// "2048,4096" ascending, each once. Throws Error on anything but positive integers.
[[nodiscard]] std::vector<std::int64_t> parse_lengths(const std::string& text);

[[nodiscard]] at::ScalarType scalar_type(config::Dtype dtype);

}  // namespace attnlab::bench
