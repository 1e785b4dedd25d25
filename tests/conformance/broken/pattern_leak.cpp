// pattern_leak.cpp: which keys are seen depends on the last token, and nothing says so.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Leaks final : broken::Base {
  using Base::Base;
  // The last query decides whether even keys are seen.
  at::Tensor seen(const AttentionInput& input, const AttentionContext& context) override {
    const auto open = input.query.select(2, -1).select(2, 0).gt(0).unsqueeze(-1).unsqueeze(-1);
    const auto odd = at::arange(input.query.size(2)).remainder(2).eq(1);
    return Base::seen(input, context).logical_and(open.logical_or(odd));
  }
};

}  // namespace

BROKEN_PLUGIN("pattern_leak", Leaks, (broken::kTraits))

}  // namespace attnlab
