// The loss and its gradients on the device against float64 on the host, as exact as LibTorch's operators in
// the same dtypes: float32 and under autocast, at a vocabulary for a warp and at one for a block, in slices
// that do not divide the rows.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/model/sliced_loss.h"
#include "framework/sparse/cuda_library.h"
#include "framework/train/step.h"
#include "tests/gpu/as_exact.h"
#include "tests/gpu/device.h"

namespace attnlab::test {
namespace {

using config::Precision;

struct Loss {
  at::Tensor nats, grad_hidden, grad_weight;  // float64, on the host
};

/// compute(hidden, weight), and its gradients.
template <class Compute>
Loss loss_of(const at::Tensor& hidden, const at::Tensor& weight, at::Device where, at::ScalarType type,
             Compute&& compute) {
  const auto leaf = [&](const at::Tensor& tensor) { return tensor.to(where, type).detach().clone().requires_grad_(); };
  const auto h = leaf(hidden), w = leaf(weight);
  const at::Tensor nats = compute(h, w);
  nats.backward();
  const auto home = [](const at::Tensor& tensor) { return tensor.detach().to(at::kCPU, at::kDouble); };
  return {home(nats), home(h.grad()), home(w.grad())};
}

class LossOnGpu : public OnGpu, public testing::WithParamInterface<std::tuple<std::int64_t, Precision>> {};

TEST_P(LossOnGpu, is_exact_and_so_are_its_gradients) {
  const auto [vocabulary, precision] = GetParam();
  at::manual_seed(1);
  const std::int64_t rows = emulated() ? 70 : 1030, width = 32;
  // Numbers of bfloat16, so that only what is computed is rounded.
  const auto drawn = [&](std::int64_t count) {
    return at::randn({count, width}).to(at::kBFloat16).to(at::kDouble);
  };
  const auto hidden = drawn(rows), weight = drawn(vocabulary);
  const auto target = at::randint(0, vocabulary, {rows}, at::kLong);
  target.slice(0, 2, rows, 7).fill_(-1);
  const auto of_libtorch = [&](at::ScalarType products) {
    return [&, products](const at::Tensor& h, const at::Tensor& w) {
      const auto logits = at::mm(h.to(products), w.to(products).t()).to(h.scalar_type());
      return at::cross_entropy_loss(logits, target, {}, at::Reduction::Sum, /*ignore_index=*/-1);
    };
  };
  const auto ours = [&](const at::Tensor& h, const at::Tensor& w) {
    const train::AutocastScope autocast(precision, device().type());
    return model::sliced_cross_entropy(h, w, target.to(device()), 50);
  };
  const auto expected = loss_of(hidden, weight, at::kCPU, at::kDouble, of_libtorch(at::kDouble));
  const auto peer = loss_of(hidden, weight, at::kCPU, at::kFloat,
                            of_libtorch(precision == Precision::bfloat16 ? at::kBFloat16 : at::kFloat));
  const auto launches = sparse::emulated_launches();
  const auto got = loss_of(hidden, weight, device(), at::kFloat, ours);
  if (launches) {
    EXPECT_EQ(*sparse::emulated_launches() - *launches, (rows + 49) / 50) << "one kernel a slice";
  }
  expect_as_exact(got.nats, peer.nats, expected.nats);
  expect_as_exact(got.grad_hidden, peer.grad_hidden, expected.grad_hidden);
  expect_as_exact(got.grad_weight, peer.grad_weight, expected.grad_weight);
  EXPECT_EQ(got.grad_hidden.slice(0, 2, rows, 7).abs().max().item<double>(), 0);
  const auto again = loss_of(hidden, weight, device(), at::kFloat, ours);
  EXPECT_TRUE(at::equal(again.nats, got.nats) && at::equal(again.grad_weight, got.grad_weight));
}

INSTANTIATE_TEST_SUITE_P(sizes, LossOnGpu,
                         testing::Combine(testing::Values(19, 256, 2311),
                                          testing::Values(Precision::float32, Precision::bfloat16)));

}  // namespace
}  // namespace attnlab::test
