// call_order.cpp: draws from a generator with state, so the order of calls decides.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Draws final : broken::Base {
  using Base::Base;
  at::Tensor seen(const AttentionInput& input, const AttentionContext& context) override {
    return Base::seen(input, context).logical_and(at::rand({input.query.size(2)}).gt(0.5));
  }
};

}  // namespace

BROKEN_PLUGIN("call_order", Draws, (broken::kTraits | plugin::kDrawsAtRandom))

}  // namespace attnlab
