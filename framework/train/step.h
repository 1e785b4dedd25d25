/// step.h: one micro-batch through the model and back, as the trainer, the evaluation and the
///   benchmark do it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "framework/config/run_config.h"
#include "framework/data/batch_loader.h"
#include "framework/model/transformer.h"

namespace attnlab::train {

/// While one lives, what autocast makes of the weights serves every AutocastScope inside: one cast a step, however
/// many micro-batches. The weights must not change meanwhile.
class AutocastCache {
 public:
  AutocastCache();
  ~AutocastCache();
  AutocastCache(const AutocastCache&) = delete;
  AutocastCache& operator=(const AutocastCache&) = delete;
};

/// bfloat16 products for the time of a scope; weights and sums stay float32. Does nothing for
/// Precision::float32. Leaving the outermost scope drops the cached casts of the weights.
class AutocastScope {
 public:
  AutocastScope(config::Precision precision, at::DeviceType device);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  at::DeviceType device_;
  std::optional<AutocastCache> cache_{};  // where it is active
};

struct Batch {
  at::Tensor input;                        // [B, T] int64
  at::Tensor target;                       // [B, T] int64; -1: not scored
  std::vector<std::int64_t> sequence_ids;  // B
  std::int64_t scored = 0;                 // targets that count
  at::Tensor documents{};                  // [B, T] int32, the number of each token's document
};

/// The same numbers on the model's device; on the CPU the arrays are taken over, not copied. Documents
/// where the model keeps them apart.
[[nodiscard]] Batch to_batch(data::HostBatch&& host, const model::Transformer& model);

/// A micro-batch's part of its step: scalars on the model's device, without a graph.
struct PartLoss {
  at::Tensor nats;       // over the step's scored tokens: the parts add up to the mean
  at::Tensor auxiliary;  // of the attention, mean over the step's parts; undefined where there is none
  std::vector<model::LayerStatistic> statistics;  // of this part; empty where not wanted
};

/// Forward and backward; gradients of nats + auxiliary are added to the weights'. `scored_in_step`
/// tokens are scored by all parts of optimiser step `step` together, whichever rank has them; all parts
/// have equally many rows. Nothing waits
/// for the device, with statistics or without.
[[nodiscard]] PartLoss forward_backward(model::Transformer& model, const config::RunConfig& run,
                                        const config::TrainConfig& train, const Batch& part,
                                        std::int64_t step, std::int64_t scored_in_step,
                                        bool statistics = false);

}  // namespace attnlab::train
