// global_generator.cpp: weights as torch::nn modules make them, from LibTorch's global generator.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Learned final : broken::Base {
  Learned(const AttentionShape& shape, const broken::NoConfig& config)
      : Base(shape, config), weight_(at::randn({shape.head_dim, shape.head_dim})) {}
  at::Tensor scores(const AttentionInput& input) override {
    return Base::scores(
        {input.query.matmul(weight_.to(input.query.scalar_type())), input.key, input.value, {}});
  }
  at::Tensor weight_;
};

}  // namespace

BROKEN_PLUGIN("global_generator", Learned, (broken::kTraits & ~plugin::kExactSoftmax))

}  // namespace attnlab
