#include "framework/train/evaluator.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/train/layer_means.h"
#include "framework/train/step.h"

namespace attnlab::train {

std::int64_t evaluated_sequences(const config::TrainConfig& train, const data::Dataset& dataset,
                                 data::Split split) {
  const auto all = dataset.size(split);
  return train.eval_sequences == 0 ? all : std::min(all, train.eval_sequences);
}

std::optional<Evaluation> evaluate(const config::RunConfig& run, const config::TrainConfig& train,
                                   const data::Dataset& dataset, model::Transformer& model,
                                   std::int64_t step, const KeepGoing& keep_going, data::Split split) {
  const at::NoGradGuard no_grad;
  Evaluation result;
  result.sequences = evaluated_sequences(train, dataset, split);
  double nats = 0;
  std::int64_t scored = 0;
  LayerMeans statistics;
  for (std::int64_t begin = 0; begin < result.sequences; begin += train.batch_size) {
    std::vector<data::TrainDraw> draws;
    const auto end = std::min(begin + train.batch_size, result.sequences);
    for (auto i = begin; i < end; ++i) draws.push_back({i, kFirstValidationId + i});
    const auto batch =
        to_batch(data::make_host_batch(dataset, split, draws), model.device());
    const AutocastScope autocast(train.precision, model.device().type());
    const AttentionContext context{static_cast<std::uint64_t>(run.seed), 0, step,
                                   batch.sequence_ids, /*training=*/false};
    const auto output = model.forward(batch.input, context);
    nats += model.nats(output.hidden, batch.target, train.loss_slice).item<double>();
    scored += batch.scored;
    statistics.add(output.statistics);
    statistics.settle();
    if (!keep_going()) return std::nullopt;
  }
  result.nats = nats / static_cast<double>(scored);
  result.statistics = statistics.metrics("attention");
  return result;
}

}  // namespace attnlab::train
