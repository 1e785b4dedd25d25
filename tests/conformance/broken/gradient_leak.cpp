// gradient_leak.cpp: gradients flow to later tokens, values do not.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Leaks final : broken::Base {
  using Base::Base;
  // 0 in the forward pass only.
  at::Tensor finish(const at::Tensor& output, const AttentionInput& input) override {
    const auto later = input.value.flip({2});
    return output + (later - later.detach());
  }
};

}  // namespace

BROKEN_PLUGIN("gradient_leak", Leaks, (broken::kTraits))

}  // namespace attnlab
