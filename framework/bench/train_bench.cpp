#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "framework/bench/bench.h"
#include "framework/bench/gpu_state.h"
#include "framework/bench/measures.h"
#include "framework/bench/roofline.h"
#include "framework/bench/tokens.h"
#include "framework/bench/train_side.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/train/memory.h"

namespace attnlab::bench {
namespace {

constexpr int kWarmUpSteps = 2;

class TrainTiming {
 public:
  TrainTiming(const Setting& setting, const config::TrainConfig& train,
              const config::TrainTimingConfig& bench, const Variant* peer)
      : setting_(setting), train_(train), bench_(bench), peer_(peer) {}

  Result go() {
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
    std::unique_ptr<Tokens> tokens{};
    double peak = 0;  // bytes, its model and optimiser included
    double loss = 0;  // of the step before the first sample
    Seen seen{};
  };

  /// A trained model that shall not be trained further keeps its weights, and with them its buckets.
  [[nodiscard]] double learning_rate() const {
    return setting_.trained != nullptr && bench_.warm_steps == 0 ? 0 : train_.learning_rate;
  }

  [[nodiscard]] std::int64_t batch(std::int64_t length) const {
    return std::max<std::int64_t>(1, bench_.tokens / length);
  }

  // Of either side; both models are in memory at once. Opens the data of this length.
  [[nodiscard]] std::string refusal(std::int64_t length) {
    try {
      if (setting_.open_data) dataset_ = setting_.open_data(length);
    } catch (const Error& error) {
      return error.what();
    }
    const auto* trained = setting_.trained;
    if (trained != nullptr && setting_.model.positions == config::Positions::learned &&
        length > trained->length) {
      return "the trained model has positions for " + std::to_string(trained->length) + " tokens";
    }
    double bytes = 0;
    for (const auto* side : {&setting_.variant, peer_}) {
      if (side == nullptr) continue;
      const auto why =
          side->plugin->refuses(model::attention_shape(setting_.model, length), side->section,
                                setting_.run.device, config::dtype_of(train_.precision));
      if (!why.empty()) return side == peer_ ? "the peer: " + why : why;
      const bool square = (side->plugin->note().traits & plugin::kQuadraticMemory) != 0;
      bytes += train::least_step_bytes(setting_.model, train_, {vocabulary(), length},
                                       batch(length), square ? setting_.model.layers + 2 : 0);
    }
    return train::too_large(bytes, setting_.memory);
  }

  [[nodiscard]] std::int64_t vocabulary() const {
    return dataset_ ? dataset_->info().vocabulary : bench_.vocabulary;
  }

  [[nodiscard]] std::unique_ptr<Tokens> tokens(std::int64_t length,
                                               const model::Transformer& model) const {
    const TokenShape shape{.seed = static_cast<std::uint64_t>(setting_.run.seed),
                           .rows = batch(length),
                           .length = length,
                           .accumulation = train_.accumulation,
                           .steps = bench_.warm_steps + kWarmUpSteps + 1 + bench_.samples};
    return dataset_ ? tokens_of(*dataset_, shape, model)
                    : random_tokens(vocabulary(), shape, setting_.device);
  }

  void tell_inputs() const {
    const auto seed = ", seed " + std::to_string(setting_.run.seed);
    const auto what = dataset_ ? dataset_->info().description
                               : "uniformly random tokens, vocabulary " + std::to_string(vocabulary());
    const auto steps = std::to_string(bench_.warm_steps + kWarmUpSteps) + " training steps";
    const auto* trained = setting_.trained;
    setting_.sink.fact("inputs",
                       what + seed + "; " +
                           (trained == nullptr          ? "after " + steps
                            : bench_.warm_steps > 0 ? "after " + steps + " from " + trained->text
                                                    : "with the weights of " + trained->text));
    if (trained != nullptr) setting_.sink.fact("origin", trained->text);
  }

  // Built, trained and looked at while nothing of the later sides is in memory. Nothing where it was
  // stopped.
  std::optional<Timed> build(const std::string& name, const Variant& variant, std::int64_t length) {
    train::reset_peaks(setting_.device);
    const auto before = train::tensor_peak_bytes(setting_.device);
    Timed timed{std::make_unique<TrainSide>(setting_, train_, vocabulary(), variant, length),
                {name, nullptr}};
    timed.tokens = tokens(length, timed.side->model());
    const auto steps = bench_.warm_steps + kWarmUpSteps;
    for (std::int64_t i = 0; i < steps; ++i) {
      timed.loss = timed.side->step(timed.tokens->next(), learning_rate()).item<double>();
      if (!std::isfinite(timed.loss)) {
        throw Error("the loss of " + name + " is " + exact_number(timed.loss) + " at step " +
                    std::to_string(i + 1) + "; lower train.learning_rate");
      }
      if (!setting_.report({length, i + 1, steps, -1})) return std::nullopt;
    }
    timed.peak = static_cast<double>(train::tensor_peak_bytes(setting_.device) - before);
    timed.seen = timed.side->look(timed.tokens->next()[0]);
    return timed;
  }

  bool time(std::int64_t length) {
    if (!setting_.report({length, 0, 0, -1})) return false;
    if (rates_.large_gemm == 0) {
      const bool half = train_.precision == config::Precision::bfloat16;
      rates_ = measure_rates(setting_.device, half ? at::kBFloat16 : at::kFloat,
                             setting_.model.head_dim());
    }
    tell_inputs();
    std::vector<Timed> sides;
    for (const auto* variant : {&setting_.variant, peer_}) {
      if (variant == nullptr) continue;
      auto side = build(variant == peer_ ? "peer" : "attention", *variant, length);
      if (!side) return false;
      sides.push_back(std::move(*side));
    }
    Clock clock(setting_.device);
    const auto round = [&] {
      for (auto& each : sides) {
        const auto parts = each.tokens->next();
        clock.start();
        clock.mark();
        static_cast<void>(each.side->step(parts, learning_rate()));
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
      const double flop = rate * flop_per_token(setting_.model, vocabulary(), each.seen.keys);
      add(prefix + "tokens_per_second", "tokens/s", Goal::maximise, rate);
      add(prefix + "keys_per_query", "keys", Goal::none, each.seen.keys);
      add(prefix + "loss", "nats", Goal::minimise, each.loss);
      if (each.seen.over_even) {
        add(prefix + "pairs_over_even", "of even", Goal::none, *each.seen.over_even);
      }
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
  std::unique_ptr<data::Dataset> dataset_;  // of the length that is timed; null: random tokens
  std::size_t after_ = 0;                   // lengths
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
