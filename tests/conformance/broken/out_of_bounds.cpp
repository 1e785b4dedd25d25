// out_of_bounds.cpp: writes one byte after the end of its output.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Writes final : broken::Base {
  using Base::Base;
  at::Tensor finish(const at::Tensor& output, const AttentionInput& input) override {
    const auto result = output.contiguous();
    auto* bytes = static_cast<char*>(result.data_ptr());
    bytes[result.numel() * input.value.element_size()] = 1;
    return result;
  }
};

}  // namespace

BROKEN_PLUGIN("out_of_bounds", Writes, (broken::kTraits))

}  // namespace attnlab
