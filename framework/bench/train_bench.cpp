#include "framework/bench/train_bench.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "framework/bench/clock.h"
#include "framework/bench/gpu_state.h"
#include "framework/bench/measures.h"
#include "framework/bench/memory.h"
#include "framework/bench/roofline.h"
#include "framework/bench/train_side.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::bench {
namespace {

constexpr int kWarmUpSteps = 2;

class Run {
 public:
  explicit Run(const TrainBench& request)
      : request_(request), bench_(request.bench), lengths_(parse_lengths(bench_.lengths)) {}

  bool go() {
    request_.sink.fact("inputs", "uniformly random tokens, vocabulary " +
                                     std::to_string(bench_.vocabulary) + ", seed " +
                                     std::to_string(request_.run.seed));
    request_.sink.fact("flop_formula",
                       "per token 6 x weights of matrix products, output head included, + 12 x "
                       "head_dim x heads x layers x keys seen per query; utilisation is of the "
                       "rate of one large matrix product in this process and precision");
    const bool half = request_.train.precision == config::Precision::bfloat16;
    rates_ = measure_rates(request_.device, half ? at::kBFloat16 : at::kFloat,
                           request_.model.head_dim());
    for (std::size_t i = 0; i < lengths_.size(); ++i) {
      after_ = lengths_.size() - i - 1;
      if (!time(lengths_[i])) return false;
    }
    return true;
  }

 private:
  struct Timed {
    std::unique_ptr<TrainSide> side;
    Side times;
    double peak = 0;  // bytes, its model and optimiser included
    double keys = 0;
  };

  // Built, warmed up and looked at while nothing of the later sides is in memory.
  Timed build(const std::string& name, const Variant& variant, const TokenBatch& tokens) const {
    reset_memory(request_.device);
    const auto before = peak_memory(request_.device);
    Timed timed{std::make_unique<TrainSide>(request_, variant, tokens.input.size(2)),
                {name, nullptr}};
    for (int i = 0; i < kWarmUpSteps; ++i) {
      const double loss = timed.side->step(tokens).item<double>();
      if (!std::isfinite(loss)) throw Error("the loss of " + name + " is " + exact_number(loss));
    }
    timed.peak = static_cast<double>(peak_memory(request_.device) - before);
    timed.keys = timed.side->keys_per_query(tokens);
    return timed;
  }

  bool time(std::int64_t length) {
    if (!request_.report({length, 0, 0, -1})) return false;
    const auto batch = std::max<std::int64_t>(1, bench_.tokens / length);
    const auto tokens = random_tokens(request_, batch, length);
    std::vector<Timed> sides;
    sides.push_back(build("attention", request_.variant, tokens));
    if (request_.peer != nullptr) sides.push_back(build("peer", *request_.peer, tokens));
    if (!sample(sides, tokens, length)) return false;
    if (request_.device.is_cuda()) {
      request_.sink.fact("gpu T=" + std::to_string(length), gpu_state(first_visible_gpu()));
    }
    store(sides, tokens);
    return true;
  }

  bool sample(std::vector<Timed>& sides, const TokenBatch& tokens, std::int64_t length) const {
    Clock clock(request_.device);
    double spent = 0;
    for (std::int64_t done = 1; done <= bench_.samples; ++done) {
      for (auto& each : sides) {
        clock.start();
        clock.mark();
        static_cast<void>(each.side->step(tokens));
        clock.mark();
        each.times.both.push_back(clock.laps()[0]);
        spent += each.times.both.back();
      }
      const double rounds =
          std::clamp(bench_.seconds * static_cast<double>(done) / std::max(spent, 1e-9),
                     static_cast<double>(std::min(bench_.least_samples, bench_.samples)),
                     static_cast<double>(bench_.samples));
      const double left = spent / static_cast<double>(done) * (rounds - static_cast<double>(done)) +
                          static_cast<double>(after_) * bench_.seconds;
      if (!request_.report(
              {length, done, static_cast<std::int64_t>(rounds), std::max(0.0, left)})) {
        return false;
      }
      if (spent >= bench_.seconds && done >= bench_.least_samples) break;
    }
    return true;
  }

  void store(const std::vector<Timed>& sides, const TokenBatch& tokens) {
    Measured m{.length = tokens.input.size(2), .head_dim = request_.model.head_dim()};
    for (const auto& each : sides) m.sides.push_back(each.times);
    auto metrics = metrics_of(m);
    const auto add = [&](const std::string& name, const char* unit, Goal goal, double value) {
      metrics.push_back({{name, unit, goal}, value});
    };
    for (const auto& each : sides) {
      const std::string prefix = &each == &sides[0] ? "" : each.times.name + "/";
      const double rate =
          static_cast<double>(tokens.input.numel()) / spread(each.times.both).median;
      const double flop = rate * flop_per_token(request_.model, bench_.vocabulary, each.keys);
      add(prefix + "tokens_per_second", "tokens/s", Goal::maximise, rate);
      add(prefix + "keys_per_query", "keys", Goal::none, each.keys);
      add(prefix + "model_flop_rate", "FLOP/s", Goal::maximise, flop);
      add(prefix + "flop_utilisation", "share", Goal::maximise, flop / rates_.large_gemm);
      add(prefix + "peak_bytes", "bytes", Goal::minimise, each.peak);
      request_.sink.fact(prefix.empty() ? "kernel" : "peer_kernel", each.side->kernel());
    }
    add("parameters", "", Goal::none, static_cast<double>(sides[0].side->parameters()));
    add("batch", "sequences", Goal::none, static_cast<double>(tokens.input.size(1)));
    request_.sink.add({m.length, 0, 0, std::move(metrics)});
  }

  const TrainBench& request_;
  const config::TrainTimingConfig& bench_;
  std::vector<std::int64_t> lengths_;
  std::size_t after_ = 0;  // lengths
  Rates rates_;
};

}  // namespace

bool time_training(const TrainBench& request) { return Run(request).go(); }

double flop_per_token(const config::ModelConfig& model, std::int64_t vocabulary,
                      double keys_per_query) {
  const auto C = static_cast<double>(model.width), L = static_cast<double>(model.layers);
  const double attention = (model.shared_keys ? 3 : 4) * C * C;
  const double mlp = 2 * static_cast<double>(model.mlp_ratio) * C * C;
  const double weights = L * (attention + mlp) + static_cast<double>(vocabulary) * C;
  return 6 * weights + 12 * C * L * keys_per_query;
}

}  // namespace attnlab::bench
