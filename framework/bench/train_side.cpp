#include "framework/bench/train_side.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>

#include <numeric>

#include "framework/train/autocast.h"

namespace attnlab::bench {

TokenBatch random_tokens(const TrainBench& request, std::int64_t batch, std::int64_t length) {
  const auto generator =
      at::detail::createCPUGenerator(static_cast<std::uint64_t>(request.run.seed));
  const auto tokens =
      at::randint(0, request.bench.vocabulary, {request.train.accumulation, batch, length + 1},
                  generator, at::kLong);
  return {tokens.narrow(2, 0, length).contiguous().to(request.device),
          tokens.narrow(2, 1, length).contiguous().to(request.device)};
}

TrainSide::TrainSide(const TrainBench& request, const Variant& variant, std::int64_t length)
    : request_(request),
      length_(length),
      model_(request.model, {request.bench.vocabulary, length},
             static_cast<std::uint64_t>(request.run.seed), request.device,
             [&](std::int64_t layer) {
               return variant.plugin.create(model::attention_shape(request.model, length),
                                            variant.section, layer);
             }),
      optimizer_(model_.parameters(), request.train) {}

AttentionContext TrainSide::context(std::int64_t rows, bool training) {
  ids_.resize(static_cast<std::size_t>(rows));
  std::iota(ids_.begin(), ids_.end(), 0);
  return {static_cast<std::uint64_t>(request_.run.seed), 0, step_, ids_, training};
}

at::Tensor TrainSide::step(const TokenBatch& tokens) {
  optimizer_.zero_grad();
  at::Tensor total;
  for (std::int64_t part = 0; part < tokens.input.size(0); ++part) {
    at::Tensor loss;
    {
      const train::AutocastScope autocast(request_.train.precision, request_.device.type());
      const auto output =
          model_.forward(tokens.input[part], context(tokens.input.size(1), /*training=*/true));
      loss = model_.nats(output.hidden, tokens.target[part], request_.train.loss_slice) /
             static_cast<double>(tokens.target.numel());
      if (output.auxiliary_loss) loss = loss + *output.auxiliary_loss;
    }
    loss.backward();
    total = total.defined() ? total + loss.detach() : loss.detach();
  }
  optimizer_.step(request_.train.learning_rate);
  ++step_;
  return total;
}

double TrainSide::keys_per_query(const TokenBatch& tokens) {
  const at::NoGradGuard no_graph;
  const train::AutocastScope autocast(request_.train.precision, request_.device.type());
  const auto output = model_.forward(tokens.input[0].narrow(0, 0, 1), context(1, false));
  double sum = 0;
  std::int64_t layers = 0;
  for (const auto& [layer, statistic] : output.statistics) {
    if (statistic.name == "pairs_per_query") sum += statistic.value, ++layers;
  }
  return layers == request_.model.layers ? sum / static_cast<double>(layers)
                                         : static_cast<double>(length_) / 2;
}

}  // namespace attnlab::bench
