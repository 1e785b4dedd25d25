// modifies_input.cpp: writes into the key that belongs to the model.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Modifies final : broken::Base {
  using Base::Base;
  at::Tensor finish(const at::Tensor& output, const AttentionInput& input) override {
    input.key.variable_data().select(2, 0).fill_(0);  // autograd does not see it
    return output;
  }
};

}  // namespace

BROKEN_PLUGIN("modifies_input", Modifies, (broken::kTraits))

}  // namespace attnlab
