// hangs.cpp: never returns for more than seven tokens.
#include <unistd.h>

#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Hangs final : broken::Base {
  using Base::Base;
  at::Tensor finish(const at::Tensor& output, const AttentionInput&) override {
    for (volatile bool wait = output.size(2) > 7; wait;) ::sleep(1);
    return output;
  }
};

}  // namespace

BROKEN_PLUGIN("hangs", Hangs, (broken::kTraits))

}  // namespace attnlab
