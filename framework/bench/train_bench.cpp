#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "framework/bench/bench.h"
#include "framework/bench/gpu_state.h"
#include "framework/bench/measures.h"
#include "framework/bench/roofline.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/train/memory.h"
#include "framework/train/optimizer.h"
#include "framework/train/step.h"

namespace attnlab::bench {
namespace {

constexpr int kWarmUpSteps = 2;
using Parts = std::vector<train::Batch>;  // micro-batches of a step, the same for every side

/// One model with its optimiser, ready to take steps.
class TrainSide {
 public:
  TrainSide(const Setting& setting, const config::TrainConfig& train, std::int64_t vocabulary,
            const Variant& variant, std::int64_t length)
      : setting_(setting),
        train_(train),
        model_(setting.model, {vocabulary, length}, static_cast<std::uint64_t>(setting.run.seed),
               setting.device,
               [&](std::int64_t layer, Owner& owner) {
                 return variant.plugin->create(
                     model::attention_shape(setting.model, length, layer), variant.section, owner);
               }),
        optimizer_(model_.parameters(), train) {}

  /// One optimiser step. Returns its loss, not yet read from the device.
  at::Tensor step(const Parts& parts) {
    optimizer_.zero_grad();
    const auto scored = static_cast<std::int64_t>(parts.size()) * parts[0].scored;
    at::Tensor total;
    for (const auto& part : parts) {
      const auto loss =
          train::forward_backward(model_, setting_.run, train_, part, step_, scored);
      total = total.defined() ? total + loss.nats : loss.nats;
    }
    optimizer_.step(train_.learning_rate);
    model_.finish_step();
    ++step_;
    return total;
  }

  /// Keys that a query sees, mean over rows, heads and layers; as dense causal attention would
  /// where the plugin does not tell. Runs one forward in evaluation.
  [[nodiscard]] double keys_per_query(const train::Batch& part) {
    const at::NoGradGuard no_graph;
    const train::AutocastScope autocast(train_.precision, setting_.device.type());
    const AttentionContext context{static_cast<std::uint64_t>(setting_.run.seed), 0, step_,
                                   std::span(part.sequence_ids).first(1), /*training=*/false};
    const auto output = model_.forward(part.input.narrow(0, 0, 1), context);
    double sum = 0;
    std::int64_t layers = 0;
    for (const auto& [layer, statistic] : output.statistics) {
      if (statistic.name == "pairs_per_query") sum += statistic.value.read(), ++layers;
    }
    return layers == setting_.model.layers ? sum / static_cast<double>(layers)
                                           : static_cast<double>(part.input.size(1)) / 2;
  }
  [[nodiscard]] const model::Transformer& model() const { return model_; }

 private:
  const Setting& setting_;
  const config::TrainConfig& train_;
  model::Transformer model_;
  train::AdamW optimizer_;
  std::int64_t step_ = 0;
};

class TrainTiming {
 public:
  TrainTiming(const Setting& setting, const config::TrainConfig& train,
              const config::TrainTimingConfig& bench, const Variant* peer)
      : setting_(setting), train_(train), bench_(bench), peer_(peer) {}

  Result go() {
    setting_.sink.fact("inputs", "uniformly random tokens, vocabulary " +
                                     std::to_string(bench_.vocabulary) + ", seed " +
                                     std::to_string(setting_.run.seed));
    setting_.sink.fact("flop_formula",
                       "per token 6 x weights of matrix products, output head included, + 12 x "
                       "head_dim x heads x layers x keys seen per query; utilisation is of the "
                       "rate of one large matrix product in this process and precision");
    return over_lengths(
        bench_.lengths, setting_.sink, [this](auto length) { return refusal(length); },
        [this](auto length, auto after) {
          after_ = after;
          return time(length);
        });
  }

 private:
  struct Timed {
    std::unique_ptr<TrainSide> side;
    Side times;
    double peak = 0;  // bytes, its model and optimiser included
    double keys = 0;
  };

  [[nodiscard]] std::int64_t batch(std::int64_t length) const {
    return std::max<std::int64_t>(1, bench_.tokens / length);
  }

  // Of either side; both models are in memory at once.
  [[nodiscard]] std::string refusal(std::int64_t length) const {
    double bytes = 0;
    for (const auto* side : {&setting_.variant, peer_}) {
      if (side == nullptr) continue;
      const auto why =
          side->plugin->refuses(model::attention_shape(setting_.model, length), side->section,
                                setting_.run.device, config::dtype_of(train_.precision));
      if (!why.empty()) return side == peer_ ? "the peer: " + why : why;
      const bool square = (side->plugin->note().traits & plugin::kQuadraticMemory) != 0;
      bytes += train::least_step_bytes(setting_.model, train_, {bench_.vocabulary, length},
                                       batch(length), square ? setting_.model.layers + 2 : 0);
    }
    return train::too_large(bytes, setting_.memory);
  }

  // int64 [B, T]: uniformly random tokens, and what follows each of them.
  [[nodiscard]] Parts random_parts(std::int64_t length) const {
    const auto generator =
        at::detail::createCPUGenerator(static_cast<std::uint64_t>(setting_.run.seed));
    const auto rows = batch(length);
    std::vector<std::int64_t> ids(static_cast<std::size_t>(rows));
    std::iota(ids.begin(), ids.end(), 0);
    Parts parts;
    for (std::int64_t i = 0; i < train_.accumulation; ++i) {
      const auto tokens =
          at::randint(0, bench_.vocabulary, {rows, length + 1}, generator, at::kLong);
      parts.push_back({tokens.narrow(1, 0, length).contiguous().to(setting_.device),
                       tokens.narrow(1, 1, length).contiguous().to(setting_.device), ids,
                       rows * length});
    }
    return parts;
  }

  // Built, warmed up and looked at while nothing of the later sides is in memory.
  Timed build(const std::string& name, const Variant& variant, const Parts& parts) const {
    train::reset_peaks(setting_.device);
    const auto before = train::tensor_peak_bytes(setting_.device);
    Timed timed{std::make_unique<TrainSide>(setting_, train_, bench_.vocabulary, variant,
                                            parts[0].input.size(1)),
                {name, nullptr}};
    for (int i = 0; i < kWarmUpSteps; ++i) {
      const double loss = timed.side->step(parts).item<double>();
      if (!std::isfinite(loss)) throw Error("the loss of " + name + " is " + exact_number(loss));
    }
    timed.peak = static_cast<double>(train::tensor_peak_bytes(setting_.device) - before);
    timed.keys = timed.side->keys_per_query(parts[0]);
    return timed;
  }

  bool time(std::int64_t length) {
    if (!setting_.report({length, 0, 0, -1})) return false;
    if (rates_.large_gemm == 0) {
      const bool half = train_.precision == config::Precision::bfloat16;
      rates_ = measure_rates(setting_.device, half ? at::kBFloat16 : at::kFloat,
                             setting_.model.head_dim());
    }
    const auto parts = random_parts(length);
    std::vector<Timed> sides;
    sides.push_back(build("attention", setting_.variant, parts));
    if (peer_ != nullptr) sides.push_back(build("peer", *peer_, parts));
    Clock clock(setting_.device);
    const auto round = [&] {
      for (auto& each : sides) {
        clock.start();
        clock.mark();
        static_cast<void>(each.side->step(parts));
        clock.mark();
        each.times.both.push_back(clock.laps()[0]);
      }
    };
    const auto on_round = [&](auto done, auto rounds, double left) {
      return setting_.report(
          {length, done, rounds, left + static_cast<double>(after_) * bench_.seconds});
    };
    if (!in_rounds({bench_.samples, bench_.least_samples, bench_.seconds}, on_round, round)) {
      return false;
    }
    if (setting_.device.is_cuda()) {
      setting_.sink.fact("gpu T=" + std::to_string(length), gpu_state(first_visible_gpu()));
    }
    store(sides, length);
    return true;
  }

  void store(const std::vector<Timed>& sides, std::int64_t length) {
    Measured m{.length = length, .head_dim = setting_.model.head_dim()};
    for (const auto& each : sides) m.sides.push_back(each.times);
    auto metrics = metrics_of(m);
    const auto add = [&](const std::string& name, const char* unit, Goal goal, double value) {
      metrics.push_back({{name, unit, goal}, value});
    };
    const auto tokens = static_cast<double>(train_.accumulation * batch(length) * length);
    for (const auto& each : sides) {
      const std::string prefix = &each == &sides[0] ? "" : each.times.name + "/";
      const double rate = tokens / spread(each.times.both).median;
      const double flop = rate * flop_per_token(setting_.model, bench_.vocabulary, each.keys);
      add(prefix + "tokens_per_second", "tokens/s", Goal::maximise, rate);
      add(prefix + "keys_per_query", "keys", Goal::none, each.keys);
      add(prefix + "model_flop_rate", "FLOP/s", Goal::maximise, flop);
      add(prefix + "flop_utilisation", "share", Goal::maximise, flop / rates_.large_gemm);
      add(prefix + "peak_bytes", "bytes", Goal::minimise, each.peak);
      setting_.sink.fact(prefix.empty() ? "kernel" : "peer_kernel", each.side->model().kernel());
    }
    add("parameters", "", Goal::none,
        static_cast<double>(sides[0].side->model().parameters().count()));
    add("batch", "sequences", Goal::none, static_cast<double>(batch(length)));
    setting_.sink.add({m.length, 0, 0, std::move(metrics)});
  }

  const Setting& setting_;
  const config::TrainConfig& train_;
  const config::TrainTimingConfig& bench_;
  const Variant* peer_;
  std::size_t after_ = 0;  // lengths
  Rates rates_;            // measured once
};

}  // namespace

Result time_training(const Setting& setting, const config::TrainConfig& train,
                     const config::TrainTimingConfig& bench, const Variant* peer) {
  return TrainTiming(setting, train, bench, peer).go();
}

double flop_per_token(const config::ModelConfig& model, std::int64_t vocabulary,
                      double keys_per_query) {
  const auto C = static_cast<double>(model.width), L = static_cast<double>(model.layers);
  const double attention = (model.shared_keys ? 3 : 4) * C * C;
  const double mlp = 2 * static_cast<double>(model.mlp_ratio) * C * C;
  const double weights = L * (attention + mlp) + static_cast<double>(vocabulary) * C;
  return 6 * weights + 12 * C * L * keys_per_query;
}

}  // namespace attnlab::bench
