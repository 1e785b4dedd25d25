/// turns.h: softmax attention that turns query and key by their position unless turn=0.
#pragma once

#include "tests/conformance/broken/base.h"

namespace attnlab::broken {

struct TurnConfig {
  double turn = 0.5;
  static constexpr auto fields() {
    return std::tuple{config::real("turn", &TurnConfig::turn, {.low = 0, .high = 3}, "per token",
                                   "how far a row's query and key are scaled by its position")};
  }
};

struct Turns final : Base {
  Turns(const AttentionShape& shape, const TurnConfig& config)
      : Base(shape, {}), turn_(config.turn) {}
  at::Tensor scores(const AttentionInput& input) override {
    const auto angle = turn_ * at::arange(input.query.size(2), input.query.options()).unsqueeze(1);
    const auto turned = [&](const at::Tensor& x) {
      return x * angle.cos() + x.flip({3}) * angle.sin();
    };
    return Base::scores({turned(input.query), turned(input.key), input.value, {}});
  }
  double turn_;
};

}  // namespace attnlab::broken
