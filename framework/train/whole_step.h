/// whole_step.h: all micro-batches of one optimiser step, those of the other ranks included.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "framework/data/batch_loader.h"
#include "framework/train/layer_means.h"
#include "framework/train/ranks.h"
#include "framework/train/trainer.h"

namespace attnlab::train {

struct WholeStep {
  at::Tensor loss;        // float64 []: mean nats over all scored tokens
  at::Tensor auxiliary;   // the attention's own; undefined where it has none
  bool checkpoint = false;  // one is due, as rank 0 found
  LayerMeans statistics;  // of this rank's parts, where wanted
  std::int64_t tokens = 0;
};

/// Forward and backward over the loader's next step: the gradients of loss and auxiliary are in the
/// weights then. `checkpoint`: rank 0 finds that one is due. Nothing: a rank was asked to stop on the way,
/// and the step has changed nothing but gradients. Nobody waits for a GPU.
[[nodiscard]] std::optional<WholeStep> accumulate(const TrainRequest& request, data::BatchLoader& loader,
                                                  Ranks& ranks, std::int64_t step, bool statistics,
                                                  bool checkpoint);

}  // namespace attnlab::train
