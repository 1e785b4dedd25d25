/// state.h: what a run must know besides its tensors in order to go on: a checkpoint's state.json.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/checkpoint/safetensors.h"

namespace attnlab::checkpoint {

/// Of a run after `step` optimiser steps. Everything else that a step depends on is a pure function of
/// the config, the seed and the step: batches, draws, the learning rate.
struct State {
  // Whose it is.
  std::string fingerprint;
  std::int64_t attempt = 1;
  std::string config;       // the resolved config, as JSON
  std::string plugin;       // the library's path
  std::string data_digest;  // DatasetInfo::digest
  std::string weights;      // SHA-256 of model.safetensors; filled in by Draft

  // Where it stands.
  std::int64_t step = 0, steps = 0;
  std::int64_t sequences = 0;     // of the training data seen so far: the next one to draw
  std::int64_t tokens = 0;        // predicted so far
  double learning_rate = 0;       // of the step that comes next; for people, it follows from the config
  std::optional<double> loss;     // of the last step, nats
  bool validation_due = false;    // the step is done, its validation is not
  std::optional<double> validation;  // nats, as of this very step
  std::vector<std::string> buffers;  // what of model.safetensors is not trained

  // What a repetition is judged by: digest n is SHA-256 of digest n-1 and what step n adds.
  std::string losses, batches;

  // Meters.
  std::int64_t timed_steps = 0;
  double timed_seconds = 0;
  std::uint64_t timing_mask = 0;
  std::vector<std::pair<std::int64_t, double>> step_seconds;  // of the steps that were kept
  std::int64_t tensor_peak = 0, process_peak = 0;             // bytes
};

/// The files beside state.json, by name.
using Files = std::map<std::string, WrittenFile>;

/// {"format", "sha256" over the rest, "files", "state"}; numbers keep their bits.
[[nodiscard]] std::string to_json(const State& state, const Files& files);

/// Throws Error: no JSON, another format, a digest that does not match, a field that is missing.
[[nodiscard]] std::pair<State, Files> state_from(const std::string& json);

}  // namespace attnlab::checkpoint
