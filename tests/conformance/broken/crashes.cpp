// crashes.cpp: writes to address 0 for more than seven tokens.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Crashes final : broken::Base {
  using Base::Base;
  at::Tensor finish(const at::Tensor& output, const AttentionInput&) override {
    if (output.size(2) > 7) *static_cast<volatile int*>(nullptr) = 1;
    return output;
  }
};

}  // namespace

BROKEN_PLUGIN("crashes", Crashes, (broken::kTraits))

}  // namespace attnlab
