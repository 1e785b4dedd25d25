/// prepare.h: the one way from a spec to what a job works with.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "framework/attention/loader.h"
#include "framework/config/run_config.h"
#include "framework/core/metric.h"
#include "framework/data/dataset.h"
#include "framework/launch/worker_protocol.h"
#include "framework/worker/devices.h"

namespace attnlab::worker {

/// One variant of a run: its library, its parameters and its layers.
struct LayerVariant {
  LoadedPlugin plugin;
  const config::Node* section;       // in the spec
  std::vector<std::int64_t> layers;  // ascending; empty: all
};

struct Prepared {
  config::RunConfig run;      // its device, cpu or cuda, is there
  config::ModelConfig model;  // of a timing of attention alone: heads, head_dim, causality, keys
  std::optional<config::TrainConfig> train{};  // none where attention alone is timed
  at::Device device{at::kCPU};
  double memory = 0;  // bytes of the device; 0: unknown
  std::unique_ptr<data::Dataset> dataset{};     // of a training run; null for a timing
  std::vector<LayerVariant> variants{};  // of a training run: one, or those of model.attention_pattern
  std::optional<LoadedPlugin> plugin{}, peer{};  // of a timing, which may have neither
  const config::Node* attention = nullptr;       // sections of the spec
  const config::Node* peer_attention = nullptr;  // null without a peer
  const config::Node* bench = nullptr;           // null for a training run
  const config::Node* timed_data = nullptr;      // `dataset` of a timing that trains on one ...
  std::string data_dir{};                        // ... and where it is looked for
};

/// Reads the sections, sets threads and device, opens the data, loads the plugins; what is known of
/// the device goes to `sink` as facts. The result points into `spec`.
/// Throws Error: a section that is missing or cannot be, a device that is not there, data, plugins.
[[nodiscard]] Prepared prepare(const launch::RunSpec& spec, MetricSink& sink);

/// The variant of a layer.
[[nodiscard]] const LayerVariant& variant_at(const Prepared& prepared, std::int64_t layer);

/// Empty, or why a variant cannot run at that length; with a pattern its layers stand in front.
[[nodiscard]] std::string refusal_of(const Prepared& prepared, std::int64_t length);

}  // namespace attnlab::worker
