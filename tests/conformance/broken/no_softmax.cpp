// no_softmax.cpp: weights that are no softmax of q k / sqrt(D).
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Wrong final : broken::Base {
  using Base::Base;
  at::Tensor scores(const AttentionInput& input) override { return 1.5 * Base::scores(input); }
};

}  // namespace

BROKEN_PLUGIN("no_softmax", Wrong, (broken::kTraits))

}  // namespace attnlab
