// unwritten.cpp: the last seventh of the rows is never written.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Leaves final : broken::Base {
  using Base::Base;
  at::Tensor finish(const at::Tensor& output, const AttentionInput&) override {
    auto result = at::empty_like(output);
    result.slice(2, 0, output.size(2) - output.size(2) / 7)
        .copy_(output.slice(2, 0, output.size(2) - output.size(2) / 7));
    return result;
  }
};

}  // namespace

BROKEN_PLUGIN("unwritten", Leaves, (broken::kTraits))

}  // namespace attnlab
