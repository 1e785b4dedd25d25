// wrong_gradient.cpp: the gradient of the key is 2 % too large.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Wrong final : broken::Base {
  using Base::Base;
  // The same scores; their gradient with respect to the key is 2 % too large.
  at::Tensor scores(const AttentionInput& input) override {
    const auto key = 1.02 * input.key - 0.02 * input.key.detach();
    return Base::scores({input.query, key, input.value, {}});
  }
};

}  // namespace

BROKEN_PLUGIN("wrong_gradient", Wrong, (broken::kTraits))

}  // namespace attnlab
