// not_finite.cpp: NaN for a single token.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Wrong final : broken::Base {
  using Base::Base;
  at::Tensor scores(const AttentionInput& input) override {
    return Base::scores(input) * (input.query.size(2) == 1 ? std::nan("") : 1.0);
  }
};

}  // namespace

BROKEN_PLUGIN("not_finite", Wrong, (broken::kTraits))

}  // namespace attnlab
