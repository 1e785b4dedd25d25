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

}  // namespace

std::optional<WholeStep> accumulate(const TrainRequest& request, data::BatchLoader& loader, Ranks& ranks,
                                    std::int64_t step, bool statistics, bool checkpoint) {
  std::vector<Batch> parts;
  for (auto& host : next_batches(loader)) parts.push_back(to_batch(std::move(host), request.model));
  WholeStep whole{.sums = {.checkpoint = checkpoint}, .statistics = {}, .tokens = loader.tokens()};
  for (const auto& part : parts) {
    if (&part != &parts.front() && ranks.stop_on_the_way()) return std::nullopt;
    if (&part == &parts.back()) ranks.last_part();
    const auto loss = forward_backward(request.model, request.run, request.train, part, step,
                                       loader.scored(), statistics);
    whole.statistics.add(loss.statistics);
    whole.sums.loss += loss.nats.item<double>();
    if (loss.auxiliary.defined()) {
      whole.sums.auxiliary = whole.sums.auxiliary.value_or(0) + loss.auxiliary.item<double>();
    }
  }
  ranks.add_up(whole.sums);
  return whole;
}

}  // namespace attnlab::train
