// Gradients through lse, by merging and by finite differences; what backward refuses.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "framework/sparse/segment_plan.h"
#include "tests/sparse/random_plan.h"
#include "tests/support/plugin_case.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

using sparse::SegmentPlan;

/// out = sum_r w_r out_r, w = softmax_r lse_r; rows that no part sees stay 0.
at::Tensor merge(const std::vector<sparse::SegmentResult>& parts) {
  std::vector<at::Tensor> outs, lses;
  for (const auto& part : parts) {
    outs.push_back(part.out);
    lses.push_back(part.lse);
  }
  const auto lse = at::stack(lses);                             // [R, B, H, T]
  const auto blind = lse.isinf().all(0, true);                  // [1, B, H, T]
  const auto weights = lse.masked_fill(blind, 0.0).softmax(0);  // [R, B, H, T]
  return (weights.unsqueeze(-1) * at::stack(outs)).sum(0);      // [B, H, T, D]
}

class SegmentLse : public testing::TestWithParam<at::ScalarType> {};

TEST_P(SegmentLse, merges_disjoint_parts_into_the_whole) {
  const PlanShape shape{2, 8, 77};
  auto whole = random_plan(PlanKind::look_back, shape, 21);
  // Three parts: keys of label 0, 1, 2, each asked by all queries.
  at::manual_seed(2);
  const auto kinds = at::randint(3, {2, 8, 77}, at::kInt);
  const auto attention = [&](const auto& q, const auto& k, const auto& v) {
    std::vector<sparse::SegmentResult> parts;
    for (int part = 0; part < 3; ++part) {
      auto plan = whole;
      plan.key_labels = kinds;
      plan.query_labels = at::full_like(kinds, part);
      parts.push_back(sparse::segment_attention(q, k, v, plan));
    }
    return merge(parts);
  };
  const RandomInput in({2, 8, 77, 16}, GetParam(), false);
  expect_matches_reference(attention, in.query, in.key, in.value, in.grad_out,
                           mask_of(whole, shape));
}

INSTANTIATE_TEST_SUITE_P(dtypes, SegmentLse, testing::Values(at::kFloat, at::kDouble));

class SegmentGradient : public testing::TestWithParam<PlanKind> {
 protected:
  PlanShape shape_{1, 2, 9};
  SegmentPlan plan_ = random_plan(GetParam(), shape_, 31);
  RandomInput in_{{1, 2, 9, 3}, at::kDouble, false};

  /// A scalar of both results with fixed random weights.
  [[nodiscard]] at::Tensor loss(const at::Tensor& q, const at::Tensor& k,
                                const at::Tensor& v) const {
    const auto result = sparse::segment_attention(q, k, v, plan_);
    const auto lse = at::where(result.lse.isinf(), at::zeros_like(result.lse), result.lse);
    return (result.out * in_.grad_out).sum() + (lse * in_.grad_out.select(-1, 0)).sum();
  }

  /// Central differences of the loss in every element of argument `which`.
  [[nodiscard]] at::Tensor differences(int which) const {
    std::array<at::Tensor, 3> x{in_.query.clone(), in_.key.clone(), in_.value.clone()};
    auto result = at::empty_like(x[which]);
    auto* element = x[which].mutable_data_ptr<double>();
    constexpr double kStep = 1e-5;
    for (std::int64_t i = 0; i < result.numel(); ++i) {
      const double at = element[i];
      element[i] = at + kStep;
      const double above = loss(x[0], x[1], x[2]).item<double>();
      element[i] = at - kStep;
      const double below = loss(x[0], x[1], x[2]).item<double>();
      element[i] = at;
      result.mutable_data_ptr<double>()[i] = (above - below) / (2 * kStep);
    }
    return result;
  }
};

TEST_P(SegmentGradient, agrees_with_finite_differences_through_both_results) {
  plan_.include_self = true;
  std::array<at::Tensor, 3> x{in_.query.clone(), in_.key.clone(), in_.value.clone()};
  for (auto& tensor : x) tensor.requires_grad_(true);
  loss(x[0], x[1], x[2]).backward();
  for (int which = 0; which < 3; ++which) {
    const auto expected = differences(which);
    ASSERT_GT(largest(expected), 0.1);
    // Step 1e-5: truncation 1e-10, cancellation 1e-11 of the loss.
    EXPECT_LT(largest(x[which].grad() - expected), 1e-8) << "argument " << which;
  }
}

TEST_P(SegmentGradient, is_not_read_where_a_row_sees_nothing) {
  const PlanShape shape{1, 2, 50};
  const auto plan = random_plan(GetParam(), shape, 4);
  const RandomInput in({1, 2, 50, 4}, at::kFloat, false);
  const auto blind = mask_of(plan, shape).any(-1).logical_not();  // [B, H, T]
  ASSERT_TRUE(blind.any().item<bool>());
  std::array<at::Tensor, 3> x{in.query.clone(), in.key.clone(), in.value.clone()};
  for (auto& tensor : x) tensor.requires_grad_(true);
  const auto result = sparse::segment_attention(x[0], x[1], x[2], plan);
  torch::autograd::backward({result.out, result.lse},
                            {in.grad_out.masked_fill(blind.unsqueeze(-1), NAN),
                             at::zeros_like(result.lse).masked_fill(blind, NAN)});
  for (const auto& tensor : x) EXPECT_TRUE(tensor.grad().isfinite().all().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(plans, SegmentGradient,
                         testing::Values(PlanKind::buckets, PlanKind::windows,
                                         PlanKind::look_back));

TEST(SegmentBackward, works_when_only_lse_is_used) {
  const auto plan = random_plan(PlanKind::windows, {1, 1, 20}, 3);
  const RandomInput in({1, 1, 20, 4}, at::kDouble, false);
  const auto q = in.query.clone().requires_grad_(true);
  const auto result = sparse::segment_attention(q, in.key, in.value, plan);
  result.lse.masked_select(result.lse.isfinite()).sum().backward();
  EXPECT_GT(largest(q.grad()), 0.0);
  EXPECT_TRUE(q.grad().isfinite().all().item<bool>());
}

TEST(SegmentBackward, refuses_second_derivatives) {
  const auto plan = random_plan(PlanKind::windows, {1, 1, 8}, 3);
  const RandomInput in({1, 1, 8, 4}, at::kDouble, false);
  const auto q = in.query.clone().requires_grad_(true);
  const auto out = sparse::segment_attention(q, in.key, in.value, plan).out.sum();
  const auto first = torch::autograd::grad({out}, {q}, {}, std::nullopt, /*create_graph=*/true);
  try {
    (void)torch::autograd::grad({first[0].sum()}, {q});
    FAIL() << "expected an error";
  } catch (const c10::Error& error) {
    EXPECT_STREQ(error.what_without_backtrace(),
                 "[segment_attention] second derivatives are not supported");
  }
}

}  // namespace
}  // namespace attnlab::test
