#include "framework/bench/train_side.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "framework/train/step.h"

namespace attnlab::bench {
namespace {

// Learned positions of a trained model are as many as it was trained with.
std::int64_t positions_for(const Setting& setting, std::int64_t length) {
  return setting.trained == nullptr ? length : std::max(length, setting.trained->length);
}

}  // namespace

TrainSide::TrainSide(const Setting& setting, const config::TrainConfig& train,
                     std::int64_t vocabulary, const Variant& variant, std::int64_t length)
    : setting_(setting),
      train_(train),
      model_(setting.model, {vocabulary, positions_for(setting, length)},
             static_cast<std::uint64_t>(setting.run.seed), setting.device,
             [&](std::int64_t layer, Owner& owner) {
               return variant.plugin->create(model::attention_shape(setting.model, length, layer),
                                             variant.section, owner);
             }),
      optimizer_(model_.parameters(), train) {
  if (setting.trained != nullptr) setting.trained->load(variant.section, model_);
}

at::Tensor TrainSide::step(const Parts& parts, double learning_rate) {
  optimizer_.zero_grad();
  std::int64_t scored = 0;
  for (const auto& part : parts) scored += part.scored;
  at::Tensor total;
  for (const auto& part : parts) {
    const auto loss = train::forward_backward(model_, setting_.run, train_, part, step_, scored);
    total = total.defined() ? total + loss.nats : loss.nats;
  }
  optimizer_.step(learning_rate);
  model_.finish_step();
  ++step_;
  return total;
}

Seen TrainSide::look(const train::Batch& part) {
  const at::NoGradGuard no_graph;
  const train::AutocastScope autocast(train_.precision, setting_.device.type());
  const AttentionContext context{static_cast<std::uint64_t>(setting_.run.seed), 0, step_,
                                 std::span(part.sequence_ids).first(1), /*training=*/false};
  const auto first = [](const at::Tensor& x) { return x.defined() ? x.narrow(0, 0, 1) : x; };
  const auto output = model_.forward(first(part.input), context, first(part.documents));
  const auto mean = [&](const char* name) -> std::optional<double> {
    double sum = 0;
    std::int64_t layers = 0;
    for (const auto& [layer, statistic] : output.statistics) {
      if (statistic.name == name) sum += statistic.value.read(), ++layers;
    }
    if (layers < setting_.model.layers) return std::nullopt;
    return sum / static_cast<double>(layers);
  };
  return {mean("pairs_per_query").value_or(static_cast<double>(part.input.size(1)) / 2),
          mean("pairs_over_even")};
}

}  // namespace attnlab::bench
