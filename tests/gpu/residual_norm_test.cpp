// The residual stream and its norm on the device, with gradients, against float64 on the host: as exact as
// LibTorch's operators in the same dtypes.
#include "framework/model/residual_norm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/sparse/cuda_library.h"
#include "framework/train/step.h"
#include "tests/gpu/as_exact.h"
#include "tests/gpu/device.h"

namespace attnlab::test {
namespace {

using config::Precision;
constexpr double kEps = 1e-5;

struct Streams {
  at::Tensor sum, normal, grad_x, grad_y, grad_weight;  // float64, on the host
};

struct Drawn {
  at::Tensor x, y, weight, grad_sum, grad_normal;  // float64, on the host; grad_sum undefined: nobody reads the sum
};

/// compute(x, y, weight), and its gradients.
template <class Compute>
Streams streams_of(const Drawn& in, at::Device where, at::ScalarType type, at::ScalarType y_type, Compute&& compute) {
  const auto leaf = [&](const at::Tensor& tensor, at::ScalarType dtype) {
    return tensor.to(where, dtype).detach().clone().requires_grad_();
  };
  const auto x = leaf(in.x, type), y = leaf(in.y, y_type), weight = leaf(in.weight, type);
  const model::ResidualNorm result = compute(x, y, weight);
  auto whole = (result.normal.to(at::kDouble) * in.grad_normal.to(where)).sum();
  if (in.grad_sum.defined()) whole = whole + (result.sum.to(at::kDouble) * in.grad_sum.to(where)).sum();
  whole.backward();
  const auto home = [](const at::Tensor& tensor) { return tensor.detach().to(at::kCPU, at::kDouble); };
  return {home(result.sum), home(result.normal), home(x.grad()), home(y.grad()), home(weight.grad())};
}

class ResidualNormOnGpu : public OnGpu,
                          public testing::WithParamInterface<std::tuple<std::int64_t, Precision, bool>> {};

TEST_P(ResidualNormOnGpu, is_exact_and_so_are_its_gradients) {
  const auto [width, precision, with_sum] = GetParam();
  at::manual_seed(2);
  const auto type = precision == Precision::bfloat16 ? at::kBFloat16 : at::kFloat;
  const auto drawn = [&](at::IntArrayRef sizes) { return at::randn(sizes).to(at::kBFloat16).to(at::kDouble); };
  const std::int64_t T = emulated() ? 35 : 515;
  const Drawn in{drawn({2, T, width}), drawn({2, T, width}), drawn({width}),
                 with_sum ? drawn({2, T, width}) : at::Tensor(), drawn({2, T, width})};
  const auto of_libtorch = [&](const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight) {
    const auto sum = x + y;
    return model::ResidualNorm{sum, at::layer_norm(sum, {width}, weight, {}, kEps).to(y.scalar_type())};
  };
  const auto ours = [&](const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight) {
    const train::AutocastScope autocast(precision, device().type());
    return model::residual_norm(x, y, weight, kEps);
  };
  const auto expected = streams_of(in, at::kCPU, at::kDouble, at::kDouble, of_libtorch);
  const auto peer = streams_of(in, at::kCPU, at::kFloat, type, of_libtorch);
  const auto launches = sparse::emulated_launches();
  const auto got = streams_of(in, device(), at::kFloat, type, ours);
  if (launches) {
    EXPECT_EQ(*sparse::emulated_launches() - *launches, width == 30 || width == 1028 ? 0 : 2) << "one kernel each way";
  }
  expect_as_exact(got.sum, peer.sum, expected.sum);
  expect_as_exact(got.normal, peer.normal, expected.normal);
  expect_as_exact(got.grad_x, peer.grad_x, expected.grad_x);
  expect_as_exact(got.grad_y, peer.grad_y, expected.grad_y);
  expect_as_exact(got.grad_weight, peer.grad_weight, expected.grad_weight);
  const auto again = streams_of(in, device(), at::kFloat, type, ours);
  EXPECT_TRUE(at::equal(again.normal, got.normal) && at::equal(again.grad_weight, got.grad_weight) &&
              at::equal(again.grad_x, got.grad_x));
}

// 30 and 1028 are widths that LibTorch's operators take.
INSTANTIATE_TEST_SUITE_P(sizes, ResidualNormOnGpu,
                         testing::Combine(testing::Values(30, 32, 768, 1028),
                                          testing::Values(Precision::float32, Precision::bfloat16),
                                          testing::Bool()));

}  // namespace
}  // namespace attnlab::test
