// wrong_dtype.cpp: answers in float64 whatever it is asked in.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Wrong final : broken::Base {
  using Base::Base;
  at::Tensor finish(const at::Tensor& output, const AttentionInput&) override {
    return output.to(at::kDouble);
  }
};

}  // namespace

BROKEN_PLUGIN("wrong_dtype", Wrong, (broken::kTraits))

}  // namespace attnlab
