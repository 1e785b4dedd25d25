// bad.cpp: one plugin per way of being bad; ATTNLAB_BAD says which, ATTNLAB_BAD_NAME its name.
#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <stdexcept>

#include "framework/attention/plugin.h"
#include "framework/core/error.h"

namespace attnlab {
namespace {

enum class Bad {
  throws_in_create,
  throws_in_forward,
  throws_in_backward,
  throws_an_int,
  crashes,
  hangs,
  exits,
  wrong_shape,
  wrong_dtype,
  nan,
  no_output,
};
constexpr Bad kBad = Bad::ATTNLAB_BAD;

struct BadConfig {
  std::int64_t after = 0;
  static constexpr auto fields() {
    return std::tuple{config::integer("after", &BadConfig::after, {.low = 0}, "calls",
                                      "forwards that go well before the bad one")};
  }
};

struct ThrowsInBackward : torch::autograd::Function<ThrowsInBackward> {
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& value) {
    return value.clone();
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext*,
                                                 const torch::autograd::variable_list&) {
    throw std::runtime_error("the backward pass of this plugin does not work");
  }
};

[[noreturn]] void hang() {
  for (;;) sleep(1000);
}

at::Tensor misbehave(const at::Tensor& value) {
  switch (kBad) {
    case Bad::throws_in_forward:
      TORCH_CHECK(false, "this plugin cannot add up");
    case Bad::throws_in_backward:
      return ThrowsInBackward::apply(value);
    case Bad::throws_an_int:
      throw 42;
    case Bad::crashes:
      *static_cast<volatile int*>(nullptr) = 1;
      break;
    case Bad::hangs:
      hang();
    case Bad::exits:
      std::exit(0);
    case Bad::wrong_shape:
      return value.slice(3, 1);
    case Bad::wrong_dtype:
      return value.to(at::kDouble);
    case Bad::nan:
      return value * std::numeric_limits<double>::quiet_NaN();
    case Bad::no_output:
      return {};
    case Bad::throws_in_create:
      break;
  }
  return value;
}

class BadAttention final : public Attention {
 public:
  BadAttention(const AttentionShape&, const BadConfig& config) : after_(config.after) {
    if (kBad == Bad::throws_in_create) throw std::runtime_error("this plugin cannot be made");
  }
  AttentionOutput forward(const AttentionInput& input, const AttentionContext&) override {
    const auto& value = input.value;
    return {after_-- > 0 ? value.clone() : misbehave(value), std::nullopt, {}};
  }
  std::string kernel() const override { return "bad"; }

 private:
  std::int64_t after_;
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN((PluginFacts{.name = ATTNLAB_BAD_NAME,
                                      .summary = "a bad plugin, for tests",
                                      .citation = "none",
                                      .traits = plugin::kRunsOnCpu | plugin::kFloat32 |
                                                plugin::kFloat64 | plugin::kStrict |
                                                plugin::kInclusive}),
                         BadAttention, BadConfig)

}  // namespace attnlab
