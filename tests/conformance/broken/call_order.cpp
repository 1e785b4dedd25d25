// call_order.cpp: draws from a generator of its own with state, so the order of calls decides.
#include <ATen/CPUGeneratorImpl.h>

#include <random>

#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Draws final : broken::Base {
  using Base::Base;
  at::Tensor seen(const AttentionInput& input, const AttentionContext& context) override {
    static std::mt19937 generator;
    const auto stream = at::make_generator<at::CPUGeneratorImpl>(generator());
    return Base::seen(input, context)
        .logical_and(at::rand({input.query.size(2)}, stream, at::TensorOptions{}).gt(0.5));
  }
};

}  // namespace

BROKEN_PLUGIN("call_order", Draws, (broken::kTraits | plugin::kDrawsAtRandom))

}  // namespace attnlab
