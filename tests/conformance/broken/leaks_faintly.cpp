// leaks_faintly.cpp: later values reach a row with a weight that six decimals show as 0.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct LeaksFaintly final : broken::Base {
  using Base::Base;
  at::Tensor finish(const at::Tensor& output, const AttentionInput& input) override {
    return output + 1e-9 * input.value.flip({2});
  }
};

}  // namespace

BROKEN_PLUGIN("leaks_faintly", LeaksFaintly, (broken::kTraits))

}  // namespace attnlab
