/// evaluator.h: the validation split, or another one, scored in a fixed order.
///   Every token of the split counts once; the data set's metric comes from the mean
///   (data/score.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "framework/config/run_config.h"
#include "framework/core/metric.h"
#include "framework/data/dataset.h"
#include "framework/model/transformer.h"
#include "framework/train/ranks.h"

namespace attnlab::train {

/// Sequence i of a split has this id + i: it never shares an id, and so never a draw, with one of training.
inline constexpr std::int64_t kFirstValidationId = std::int64_t{1} << 40;

struct Evaluation {
  double nats = 0;  // mean over the scored tokens
  std::int64_t sequences = 0;
  std::vector<Metric> statistics;  // "attention/NAME" and "attention/NAME/layer_2": over batches
};

/// Called after every batch; false ends the evaluation, on all ranks where one says so.
using KeepGoing = std::function<bool()>;

/// The first train.eval_sequences sequences of `split` (0: all) in batches of train.batch_size, as of
/// optimiser step `step`. No result when `keep_going` ended it. With `ranks` each scores every so many-th
/// batch, and all get what one process alone would have got of the same weights.
[[nodiscard]] std::optional<Evaluation> evaluate(const config::RunConfig& run,
                                                 const config::TrainConfig& train,
                                                 const data::Dataset& dataset,
                                                 model::Transformer& model, std::int64_t step,
                                                 const KeepGoing& keep_going,
                                                 data::Split split = data::Split::valid,
                                                 Ranks* ranks = nullptr);

/// Sequences that evaluate() scores.
[[nodiscard]] std::int64_t evaluated_sequences(const config::TrainConfig& train,
                                               const data::Dataset& dataset,
                                               data::Split split = data::Split::valid);

}  // namespace attnlab::train
