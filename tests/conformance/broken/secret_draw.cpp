// secret_draw.cpp: draws at random and does not say so.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Draws final : broken::Base {
  using Base::Base;
  at::Tensor seen(const AttentionInput& input, const AttentionContext& context) override {
    const RandomStream stream(context.run_seed, "keys");
    auto kept = at::ones({input.query.size(2)}, at::kBool);
    for (std::int64_t s = 0; s < kept.size(0); ++s) kept[s] = stream.uniform(s) < 0.5;
    return Base::seen(input, context).logical_and(kept);
  }
};

}  // namespace

BROKEN_PLUGIN("secret_draw", Draws, (broken::kTraits))

}  // namespace attnlab
