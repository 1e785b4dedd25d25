// ignores_seed.cpp: says that it draws at random, and draws from a constant.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Ignores final : broken::Base {
  using Base::Base;
  // Every second key is dropped, always the same ones.
  at::Tensor seen(const AttentionInput& input, const AttentionContext& context) override {
    const RandomStream stream(/*seed=*/42, "keys");
    auto kept = at::ones({input.query.size(2)}, at::kBool);
    for (std::int64_t s = 0; s < kept.size(0); ++s) kept[s] = stream.uniform(s) < 0.5;
    return Base::seen(input, context).logical_and(kept);
  }
};

}  // namespace

BROKEN_PLUGIN("ignores_seed", Ignores, (broken::kTraits | plugin::kDrawsAtRandom))

}  // namespace attnlab
