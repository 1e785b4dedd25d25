/// xray.h: what the attentions of a model keep of exact softmax, layer by layer and head by head.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "framework/config/run_config.h"
#include "framework/core/metric.h"
#include "framework/data/dataset.h"
#include "framework/model/transformer.h"
#include "framework/xray/lens.h"

namespace attnlab::xray {

struct Sample {
  std::int64_t queries = 64;   // of each sequence, at most
  std::int64_t sequences = 4;  // spread evenly over the split, at most
};

/// What is looked at; all of it outlives the call.
struct Request {
  const config::RunConfig& run;
  config::Precision precision;
  bool inclusive;  // model.causality
  const data::Dataset& dataset;
  data::Split split = data::Split::valid;
  model::Transformer& model;  // each of its attentions behind `lens`
  Lens& lens;
  std::int64_t step = 0;  // optimiser steps done
  Sample sample = {};
};

/// Called after every layer of every sequence, with how many are done and there are; false ends it.
using KeepGoing = std::function<bool(std::int64_t done, std::int64_t all)>;

/// Evaluates the sample, one sequence at a time, and looks at each layer's attention with the tensors that
/// it was given: measures.h lists what is told, as "xray/NAME", ".../layer_1", ".../layer_1/head_0". Beside
/// it: largest_segment (rows of the engine's largest segment, of T), reported/NAME (what the plugin
/// says of the same forward pass), unexplained (read_rows.h), queries (of a head), sequences, length.
/// Draws are those of a validation at that step; model, random streams and graph stay as they were. No
/// metrics where no query may see a key. Nothing when `keep_going` ended it.
[[nodiscard]] std::optional<std::vector<Metric>> look(const Request& request, const KeepGoing& keep_going);

}  // namespace attnlab::xray
