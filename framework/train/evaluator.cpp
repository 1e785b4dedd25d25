#include "framework/train/evaluator.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/train/layer_means.h"
#include "framework/train/step.h"

namespace attnlab::train {
namespace {

struct Score {
  double nats = 0;
  std::int64_t targets = 0;
};

// Rank r has the r-th batch of every round. Its score goes into a place of its own, so that all ranks add
// the scores up in the order in which one process alone does. False: a rank wants to stop.
bool share(Group& group, const Score& own, bool go_on, Score& sum) {
  const auto size = group.size();
  const auto numbers = at::zeros({size + 2}, at::kDouble);
  double* const all = numbers.mutable_data_ptr<double>();
  all[group.rank()] = own.nats;
  all[size] = static_cast<double>(own.targets);
  all[size + 1] = go_on ? 0 : 1;
  group.sum(numbers);
  for (int rank = 0; rank < size; ++rank) sum.nats += all[rank];
  sum.targets += static_cast<std::int64_t>(all[size]);
  return all[size + 1] == 0;
}

// So many indices lie between two that are scored.
std::int64_t stride_of(const data::Dataset& dataset, data::Split split) {
  return split == data::Split::train ? dataset.info().train_apart : 1;
}

}  // namespace

std::int64_t evaluated_sequences(const config::TrainConfig& train, const data::Dataset& dataset,
                                 data::Split split) {
  const auto apart = stride_of(dataset, split);
  const auto all = (dataset.size(split) + apart - 1) / apart;
  return train.eval_sequences == 0 ? all : std::min(all, train.eval_sequences);
}

std::optional<Evaluation> evaluate(const config::RunConfig& run, const config::TrainConfig& train,
                                   const data::Dataset& dataset, model::Transformer& model,
                                   std::int64_t step, const KeepGoing& keep_going, data::Split split,
                                   Ranks* ranks) {
  const at::NoGradGuard no_grad;
  Evaluation result;
  result.sequences = evaluated_sequences(train, dataset, split);
  Group* const group = ranks == nullptr ? nullptr : ranks->group();
  const std::int64_t round = train.batch_size * (group == nullptr ? 1 : group->size());
  const std::int64_t ahead = train.batch_size * (group == nullptr ? 0 : group->rank());
  const auto apart = stride_of(dataset, split);
  Score sum;
  LayerMeans statistics;
  const auto score = [&](std::int64_t begin) {
    std::vector<data::TrainDraw> draws;
    const auto end = std::min(begin + train.batch_size, result.sequences);
    for (auto i = begin; i < end; ++i) draws.push_back({i * apart, kFirstValidationId + i});
    const auto batch = to_batch(data::make_host_batch(dataset, split, draws), model);
    const AutocastScope autocast(train.precision, model.device().type());
    const AttentionContext context{static_cast<std::uint64_t>(run.seed), 0, step,
                                   batch.sequence_ids, /*training=*/false};
    const auto output = model.forward(batch.input, context, batch.documents);
    statistics.add(output.statistics, end - begin);
    statistics.settle();
    return Score{model.nats(output.hidden, batch.target, train.loss_slice).item<double>(), batch.scored};
  };
  for (std::int64_t begin = 0; begin < result.sequences; begin += round) {
    const auto own = begin + ahead < result.sequences ? score(begin + ahead) : Score{};
    const bool go_on = keep_going();
    if (group != nullptr) {
      if (!share(*group, own, go_on, sum)) return std::nullopt;
      continue;
    }
    sum = {sum.nats + own.nats, sum.targets + own.targets};
    if (!go_on) return std::nullopt;
  }
  if (ranks != nullptr) ranks->add_up(statistics);
  result.nats = sum.nats / static_cast<double>(sum.targets);
  result.statistics = statistics.metrics("attention");
  return result;
}

}  // namespace attnlab::train
