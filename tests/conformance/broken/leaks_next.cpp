// leaks_next.cpp: every row sees one key too many.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Leaks final : broken::Base {
  using Base::Base;
  at::Tensor seen(const AttentionInput& input, const AttentionContext&) override {
    return at::ones({input.query.size(2), input.query.size(2)}, at::kBool).tril(strict_ ? 0 : 1);
  }
};

}  // namespace

BROKEN_PLUGIN("leaks_next", Leaks, (broken::kTraits))

}  // namespace attnlab
