// hides_nan.cpp: NaN becomes 0.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Wrong final : broken::Base {
  using Base::Base;
  at::Tensor finish(const at::Tensor& output, const AttentionInput&) override { return output.nan_to_num(0.0); }
};

}  // namespace

BROKEN_PLUGIN("hides_nan", Wrong, (broken::kTraits))

}  // namespace attnlab
