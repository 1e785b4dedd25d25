#include "framework/train/whole_step.h"

#include <ATen/ATen.h>

#include "framework/model/step_part.h"
#include "framework/train/step.h"

namespace attnlab::train {
namespace {

std::vector<data::HostBatch> next_batches(data::BatchLoader& loader) {
  const model::StepPart part("batches");
  return loader.next();
}

/// In float64, in the order of the micro-batches.
void add(at::Tensor& sum, const at::Tensor& part) {
  if (!part.defined()) return;
  const auto wide = part.to(at::kDouble);
  sum = sum.defined() ? sum + wide : wide;
}

void add_up(WholeStep& whole, Ranks& ranks) {
  Ranks::Step sums{.loss = whole.loss.item<double>(), .checkpoint = whole.checkpoint};
  if (whole.auxiliary.defined()) sums.auxiliary = whole.auxiliary.item<double>();
  ranks.add_up(sums);
  whole.loss = at::scalar_tensor(sums.loss, at::kDouble);
  whole.auxiliary = sums.auxiliary ? at::scalar_tensor(*sums.auxiliary, at::kDouble) : at::Tensor();
  whole.checkpoint = sums.checkpoint;
}

}  // namespace

std::optional<WholeStep> accumulate(const TrainRequest& request, data::BatchLoader& loader, Ranks& ranks,
                                    std::int64_t step, bool statistics, bool checkpoint) {
  std::vector<Batch> parts;
  for (auto& host : next_batches(loader)) parts.push_back(to_batch(std::move(host), request.model));
  WholeStep whole{.loss = {}, .auxiliary = {}, .checkpoint = checkpoint, .statistics = {}, .tokens = loader.tokens()};
  const AutocastCache casts;
  for (const auto& part : parts) {
    if (&part != &parts.front() && ranks.stop_on_the_way()) return std::nullopt;
    if (&part == &parts.back()) ranks.last_part();
    const auto loss = forward_backward(request.model, request.run, request.train, part, step,
                                       loader.scored(), statistics);
    whole.statistics.add(loss.statistics, std::ssize(part.sequence_ids));
    add(whole.loss, loss.nats);
    add(whole.auxiliary, loss.auxiliary);
  }
  if (!ranks.alone()) add_up(whole, ranks);
  return whole;
}

}  // namespace attnlab::train
