// determinism.cpp: a result is a function of input and context, whatever was computed before it.
#include <ATen/Context.h>

#include "framework/attention/guarded.h"
#include "framework/conformance/judge.h"
#include "framework/conformance/property.h"
#include "framework/conformance/threads.h"

namespace attnlab::conformance {
namespace {

// A module that is made with random weights, or a draw without RandomStream, moves its state.
void check_generator(const Trial& trial) {
  std::vector<at::Generator> generators{at::globalContext().defaultGenerator(at::kCPU)};
  if (trial.device().is_cuda()) {
    generators.push_back(at::globalContext().defaultGenerator(trial.device()));
  }
  const auto expect_untouched = [&](const char* doing, auto&& call) {
    std::vector<at::Tensor> before;
    for (const auto& generator : generators) before.push_back(generator.get_state());
    auto result = guarded("the plugin", doing, call);
    for (std::size_t i = 0; i < generators.size(); ++i) {
      if (generators[i].get_state().equal(before[i])) continue;
      throw Violation(
          std::string(doing) +
          " draws from LibTorch's global generator, as torch::nn modules do when they are made, "
          "at::rand and dropout: no run could be repeated. Draw from RandomStream "
          "(framework/core/random.h) with the context's run_seed, layer and step");
    }
    return result;
  };
  const auto attention = expect_untouched("create", [&] { return trial.build(); });
  const auto in = changed(
      trial.input(), [](const at::Tensor& x) { return x.detach().clone().requires_grad_(true); });
  const auto call = trial.call();
  const auto result =
      expect_untouched("forward", [&] { return attention->forward(in, call.context()); });
  if (!result.output.defined() || !result.output.requires_grad()) return;  // 'output' names it
  (void)expect_untouched("backward", [&] {
    result.output.sum().backward();
    return 0;
  });
}

void check_call_order(const Trial& trial, const at::Tensor& expected) {
  const auto layer = trial.build();
  const auto ask = [&](const Call& call) {
    return layer->forward(trial.input(), call.context()).output.detach();
  };
  const auto call = trial.call();
  auto other = call;
  other.step += 5;
  other.run_seed += 1;
  (void)ask(other);
  expect_equal_bits("a call after one of another step", ask(call), expected);
  // What is kept from one micro-batch of a step to the next.
  if (trial.check().length > kManyRows) return;
  other = call;
  for (auto& id : other.ids) id += 7;
  for (const bool ids : {true, false}) {
    const auto fresh = trial.build();
    (void)fresh->forward(trial.input(ids ? 0 : 1), (ids ? other : call).context());
    expect_equal_bits(std::string("a call after one of the same step, of other ") + (ids ? "sequence ids" : "input"),
                      fresh->forward(trial.input(), call.context()).output.detach(), expected);
  }
}

void check_determinism(const Trial& trial) {
  const auto& expected = trial.attended();
  expect_equal_bits("asked a second time", trial.attend(trial.input(), trial.call()), expected);
  check_call_order(trial, expected.out);
  for (const int count : {1, 3}) {
    const Threads threads(count);
    expect_close("with " + std::to_string(count) + " threads",
                 trial.attend(trial.input(), trial.call()), expected);
  }
}

// Everything that a draw may depend on, changed one at a time.
std::vector<std::pair<const char*, Call>> other_calls(const Trial& trial) {
  std::vector<std::pair<const char*, Call>> calls(4, {"run seed", trial.call()});
  calls[0].second.run_seed += 1;
  calls[1].first = "step";
  calls[1].second.step += 1;
  calls[2].first = "layer";
  calls[2].second.layer += 1;
  calls[3].first = "sequence ids";
  for (auto& id : calls[3].second.ids) id += 7;
  // A draw of one bit is the same under every second seed.
  for (std::uint64_t more = 2; more <= (trial.check().length <= kManyRows ? 8U : 2U); ++more) {
    calls.emplace_back("run seed", trial.call());
    calls.back().second.run_seed += more;
  }
  return calls;
}

void check_seed(const Trial& trial) {
  const auto input = trial.input();
  const auto before = trial.ran();
  if (!trial.has(plugin::kDrawsAtRandom)) {
    for (const auto& [what, call] : other_calls(trial)) {
      expect_equal_bits(
          "the plugin does not declare kDrawsAtRandom, and with another " + std::string(what),
          trial.run(input, call), before);
    }
    return;
  }
  auto other = trial.call();
  for (int attempt = 0; attempt < 4; ++attempt) {
    other.run_seed += 1;
    if (!trial.run(input, other).equal(before)) return;
  }
  throw Violation("the plugin declares kDrawsAtRandom, and five run seeds give the same output");
}

}  // namespace

const Property kGenerator{.name = "generator",
                          .promise = "nothing is drawn from LibTorch's global generator",
                          .check = check_generator,
                          .lengths = {7, 130, kLongest},
                          .gate = true};

const Property kDeterminism{.name = "determinism",
                            .promise =
                                "the same input and context give the same result: again, in any "
                                "order of calls, on any number of threads",
                            .check = check_determinism};

const Property kSeed{
    .name = "seed",
    .promise = "the run seed matters where the plugin draws at random, and nowhere else",
    .check = check_seed,
    .lengths = {40, 192, kLongest}};

}  // namespace attnlab::conformance
