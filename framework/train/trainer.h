/// trainer.h: the training loop.
///   Deterministic: with the same config, seed and thread count every loss has the same bits.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "framework/config/run_config.h"
#include "framework/core/metric.h"
#include "framework/core/status.h"
#include "framework/data/dataset.h"
#include "framework/model/transformer.h"
#include "framework/train/checkpoints.h"
#include "framework/train/profiled_steps.h"
#include "framework/train/group.h"

namespace attnlab::train {

/// What happened last, for people who wait.
struct Progress {
  enum class Kind { step, evaluation };
  Kind kind = Kind::step;
  std::int64_t step = 0;     // optimiser steps done
  std::int64_t steps = 0;    // of so many
  double value = 0;          // step: training loss in nats, on a GPU that of the last step that was read
                             // (step_losses.h); evaluation: the data set's metric
  double seconds_left = -1;  // -1: not known yet
};

/// A checkpoint to go on from, found whole (checkpoint/folder.h).
struct Resume {
  std::filesystem::path checkpoint;  // read by rank 0 alone, which tells the others
  checkpoint::State state;
};

/// Everything a run is made of; all of it outlives train().
struct TrainRequest {
  const config::RunConfig& run;
  const config::TrainConfig& train;
  const data::Dataset& dataset;
  model::Transformer& model;
  MetricSink& sink;
  std::function<void(const Progress&)> report;  // called after every step; may be empty
  const std::atomic<bool>& stop;  // set from a signal handler: the micro-batch is finished, then it ends
  const Saving& saving = kNothing;  // nothing is saved where its folder is empty
  const Profiling& profiling = kNoProfile;
  const Resume* resume = nullptr;  // null: from the initial weights, which `model` has in any case
  /// Asked every train.xray_every steps and after the last, with how many are done: what it says of the
  /// model is logged. It must change nothing. May be empty.
  std::function<std::vector<Metric>(std::int64_t done)> look = {};
  Group* group = nullptr;  // the ranks that share every step; null: this process does it alone
};

/// Trains for train.steps optimiser steps, validating every train.eval_every and at the end; with
/// train.score_test the test split is scored then, once, in no training time.
/// Ends as done, interrupted, or failed: at the first loss or gradient norm that is not finite. On a GPU that is seen
/// where a step is logged, validated or saved, or after 64 steps: between these the host waits for nothing.
/// What was stopped and went on has the same bits as what was not (on a CPU), the digests of its
/// losses and batches among them. With a group all ranks call it with the same config, model and data:
/// they see together the batches that one process sees, and end alike. Rank 0 alone saves; what the others
/// add to their sink is the same. Throws Error where the checkpoint is of another model or a rank is lost.
[[nodiscard]] Ending train(const TrainRequest& request);

}  // namespace attnlab::train
