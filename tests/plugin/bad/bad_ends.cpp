// bad_ends.cpp: a plugin that never returns an output, in the way that `kind` says.
#include <torch/csrc/autograd/custom_function.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "framework/attention/plugin.h"

namespace attnlab {
namespace {

enum class Kind {
  throws_in_create,
  throws_in_forward,
  throws_in_backward,
  throws_an_int,
  crashes,
  hangs,
  exits,
  hangs_at_exit
};

struct BadConfig {
  Kind kind = Kind::throws_in_create;
  static constexpr auto fields() {
    return std::tuple{config::choice("kind", &BadConfig::kind,
                                     {"throws_in_create", "throws_in_forward", "throws_in_backward",
                                      "throws_an_int", "crashes", "hangs", "exits", "hangs_at_exit"},
                                     "how it ends")};
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

struct AtExit {
  bool hangs = false;
  ~AtExit() {
    if (hangs) hang();
  }
} at_exit;

at::Tensor misbehave(Kind kind, const at::Tensor& value) {
  switch (kind) {
    case Kind::throws_in_forward:
      TORCH_CHECK(false, "this plugin cannot add up");
    case Kind::throws_in_backward:
      return ThrowsInBackward::apply(value);
    case Kind::throws_an_int:
      throw 42;
    case Kind::crashes:
      *static_cast<volatile int*>(nullptr) = 1;
      break;
    case Kind::hangs:
      hang();
    case Kind::exits:
      std::exit(0);
    case Kind::hangs_at_exit:
      at_exit.hangs = true;
      break;
    case Kind::throws_in_create:
      break;
  }
  return value;
}

class BadEnds final : public Attention {
 public:
  BadEnds(const AttentionShape&, const BadConfig& config) : kind_(config.kind) {
    if (kind_ == Kind::throws_in_create) throw std::runtime_error("this plugin cannot be made");
  }
  AttentionOutput forward(const AttentionInput& input, const AttentionContext&) override {
    return {misbehave(kind_, input.value), std::nullopt, {}};
  }
  std::string kernel() const override { return "bad"; }

 private:
  Kind kind_;
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN((PluginFacts{.name = "bad_ends",
                                      .summary = "ends badly, for tests",
                                      .citation = "none",
                                      .traits = plugin::kRunsOnCpu | plugin::kFloat32 |
                                                plugin::kStrict | plugin::kInclusive}),
                         BadEnds, BadConfig)

}  // namespace attnlab
