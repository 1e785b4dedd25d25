// exits.cpp: ends the process, and that quite well.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Exits final : broken::Base {
  using Base::Base;
  at::Tensor finish(const at::Tensor& output, const AttentionInput&) override {
    if (output.size(2) > 7) std::_Exit(0);
    return output;
  }
};

}  // namespace

BROKEN_PLUGIN("exits", Exits, (broken::kTraits))

}  // namespace attnlab
