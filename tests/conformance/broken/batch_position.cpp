// batch_position.cpp: what is drawn for a sequence depends on its place in the batch.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Draws final : broken::Base {
  using Base::Base;
  // From the place in the batch where the sequence id belongs.
  at::Tensor seen(const AttentionInput& input, const AttentionContext& context) override {
    const std::int64_t B = input.query.size(0), T = input.query.size(2);
    auto kept = at::ones({B, 1, 1, T}, at::kBool);
    for (std::int64_t b = 0; b < B; ++b) {
      const RandomStream stream(context.run_seed, "keys", {static_cast<std::uint64_t>(b)});
      for (std::int64_t s = 0; s < T; ++s) kept[b][0][0][s] = stream.uniform(s) < 0.5;
    }
    return Base::seen(input, context).logical_and(kept);
  }
};

}  // namespace

BROKEN_PLUGIN("batch_position", Draws, (broken::kTraits | plugin::kDrawsAtRandom))

}  // namespace attnlab
