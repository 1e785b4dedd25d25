#include "framework/model/sliced_loss.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

namespace attnlab::model {
namespace {

constexpr std::int64_t kRows = 23, kWidth = 8, kVocabulary = 17;

struct Case {
  at::Tensor hidden, weight, target;
};

Case make_case(at::ScalarType type) {
  at::manual_seed(1);
  Case c{at::randn({kRows, kWidth}, type), at::randn({kVocabulary, kWidth}, type),
         at::randint(0, kVocabulary, {kRows}, at::kLong)};
  c.target.slice(0, 3, kRows, 5).fill_(-1);
  c.hidden.requires_grad_();
  c.weight.requires_grad_();
  return c;
}

at::Tensor whole(const Case& c) {
  return at::cross_entropy_loss(at::mm(c.hidden, c.weight.t()), c.target, {}, at::Reduction::Sum,
                                /*ignore_index=*/-1);
}

class SlicedLoss : public testing::TestWithParam<std::tuple<at::ScalarType, int>> {};

TEST_P(SlicedLoss, equals_cross_entropy_forward_and_backward) {
  const auto [type, slice] = GetParam();
  const double tolerance = type == at::kDouble ? 1e-12 : 2e-5;
  const auto expected = make_case(type);
  (whole(expected) * 0.5).backward();
  const auto got = make_case(type);
  const auto nats = sliced_cross_entropy(got.hidden, got.weight, got.target, slice);
  (nats * 0.5).backward();
  EXPECT_NEAR(nats.item<double>(), whole(expected).item<double>(), 100 * tolerance);
  EXPECT_TRUE(at::allclose(got.hidden.grad(), expected.hidden.grad(), tolerance, tolerance));
  EXPECT_TRUE(at::allclose(got.weight.grad(), expected.weight.grad(), tolerance, tolerance));
}

INSTANTIATE_TEST_SUITE_P(Slices, SlicedLoss,
                         testing::Combine(testing::Values(at::kFloat, at::kDouble),
                                          testing::Values(1, 7, 23, 1000)));

TEST(SlicedLossBits, do_not_depend_on_whether_a_gradient_is_asked_for) {
  const auto c = make_case(at::kFloat);
  const auto with = sliced_cross_entropy(c.hidden, c.weight, c.target, 7).item<double>();
  const at::NoGradGuard no_grad;
  EXPECT_EQ(with, sliced_cross_entropy(c.hidden, c.weight, c.target, 7).item<double>());
}

TEST(SlicedLossRows, that_are_not_scored_cost_nothing_and_get_no_gradient) {
  const auto c = make_case(at::kDouble);
  const auto none = at::full({kRows}, -1, at::kLong);
  const auto nats = sliced_cross_entropy(c.hidden, c.weight, none, 5);
  nats.backward();
  EXPECT_EQ(nats.item<double>(), 0);
  EXPECT_TRUE(at::equal(c.hidden.grad(), at::zeros_like(c.hidden)));
}

TEST(SlicedLossAutocast, stays_within_bfloat16_rounding) {
  const auto c = make_case(at::kFloat);
  const double exact = whole(c).item<double>();
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const auto nats = sliced_cross_entropy(c.hidden, c.weight, c.target, 7);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  const double difference = std::abs(nats.item<double>() - exact);
  EXPECT_LT(difference, exact * 0x1p-7);  // one rounding to 8 bits of each factor
  EXPECT_GT(difference, 0);               // the products did run in bfloat16
}

}  // namespace
}  // namespace attnlab::model
