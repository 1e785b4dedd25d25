// The engine against the float64 masked reference: forward and gradients, every kind of plan.
#include <gtest/gtest.h>

#include "framework/sparse/segment_plan.h"
#include "tests/sparse/random_plan.h"
#include "tests/support/plugin_case.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

using sparse::SegmentPlan;

/// The rule compares two largest errors: with many heads neither is a matter of luck.
PlanShape many_heads(std::int64_t T) { return {T < 10 ? 8 : T < 70 ? 4 : 2, 8, T}; }

void expect_exact(const SegmentPlan& plan, PlanShape shape, std::int64_t D, at::ScalarType dtype,
                  std::uint64_t seed = 1) {
  const RandomInput in({shape.B, shape.H, shape.T, D}, dtype, /*shared_keys=*/false, seed);
  const auto engine = [&](const auto& q, const auto& k, const auto& v) {
    return sparse::segment_attention(q, k, v, plan).out;
  };
  expect_matches_reference(engine, in.query, in.key, in.value, in.grad_out, mask_of(plan, shape),
                           plan.scale);
}

struct Case {
  PlanKind kind;
  std::int64_t T, D;
  at::ScalarType dtype;
};

void PrintTo(const Case& c, std::ostream* out) {
  PrintTo(c.kind, out);
  *out << ", T " << c.T << ", D " << c.D << ", " << c.dtype;
}

class SegmentAttention : public testing::TestWithParam<Case> {};

TEST_P(SegmentAttention, equals_the_masked_reference) {
  const Case c = GetParam();
  const PlanShape shape = many_heads(c.T);
  auto plan = random_plan(c.kind, shape, static_cast<std::uint32_t>(c.T * 1000 + c.D));
  plan.include_self = (c.T + c.D) % 2 == 0;
  expect_exact(plan, shape, c.D, c.dtype);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  const std::vector<std::pair<std::int64_t, std::int64_t>> sizes = {
      {1, 1},  {1, 16},  {2, 5},    {3, 64},   {7, 2},    {31, 3},  {64, 16},  {65, 8},
      {97, 1}, {131, 7}, {150, 17}, {127, 32}, {199, 33}, {64, 96}, {90, 100}, {129, 128}};
  for (const auto kind : {PlanKind::buckets, PlanKind::windows, PlanKind::look_back}) {
    for (const auto& [T, D] : sizes) {
      all.push_back({kind, T, D, at::kFloat});
      all.push_back({kind, T, D, at::kDouble});
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(plans, SegmentAttention, testing::ValuesIn(cases()));

class SegmentMask : public testing::TestWithParam<PlanKind> {
 protected:
  static constexpr std::int64_t kLength = 83;
  PlanShape shape_ = many_heads(kLength);
  SegmentPlan plan_ = random_plan(GetParam(), shape_, 5);
  [[nodiscard]] at::Tensor labels(std::int64_t count,
                                  std::vector<std::int64_t> axes = {2, 8, kLength}) {
    return at::randint(count, axes, at::kInt);
  }
};

TEST_P(SegmentMask, respects_max_distance) {
  plan_.max_distance = 9;
  expect_exact(plan_, shape_, 16, at::kFloat);
}

TEST_P(SegmentMask, with_max_distance_one_sees_only_itself) {
  plan_.max_distance = 1;
  plan_.include_self = true;
  expect_exact(plan_, shape_, 16, at::kFloat);
}

TEST_P(SegmentMask, without_causality_sees_the_future) {
  plan_.causal = false;
  plan_.include_self = true;
  expect_exact(plan_, shape_, 16, at::kFloat);
}

TEST_P(SegmentMask, without_causality_can_leave_itself_out) {
  plan_.causal = false;
  plan_.max_distance = 20;
  expect_exact(plan_, shape_, 16, at::kFloat);
}

TEST_P(SegmentMask, attends_only_where_labels_agree) {
  at::manual_seed(3);
  plan_.query_labels = labels(3);
  plan_.key_labels = labels(3);
  expect_exact(plan_, shape_, 16, at::kFloat);
}

TEST_P(SegmentMask, leaves_out_pairs_of_earlier_rounds) {
  at::manual_seed(4);
  plan_.chunks = labels(6, {3, 2, 8, kLength});
  for (plan_.round = 0; plan_.round < 3; ++plan_.round) expect_exact(plan_, shape_, 16, at::kFloat);
}

TEST_P(SegmentMask, an_earlier_round_contains_only_pairs_with_equal_labels) {
  at::manual_seed(5);
  plan_.chunks = labels(4, {3, 2, 8, kLength});
  plan_.round_labels = labels(2, {3, 2, 8, kLength});
  plan_.round = 2;
  plan_.query_labels = plan_.key_labels = plan_.round_labels[2].contiguous();
  expect_exact(plan_, shape_, 16, at::kDouble);
}

TEST_P(SegmentMask, takes_a_scale) {
  plan_.scale = 0.7;
  expect_exact(plan_, shape_, 16, at::kFloat);
}

INSTANTIATE_TEST_SUITE_P(plans, SegmentMask,
                         testing::Values(PlanKind::buckets, PlanKind::windows,
                                         PlanKind::look_back));

TEST(SegmentPlan, without_segments_gives_zero) {
  const PlanShape shape{1, 2, 5};
  SegmentPlan plan;
  plan.query_rows = plan.key_rows = at::empty({1, 2, 0}, at::kInt);
  plan.key_begin = plan.key_end = at::empty({1, 2, 0}, at::kInt);
  plan.query_start = at::zeros({1, 2, 1}, at::kInt);
  expect_exact(plan, shape, 4, at::kFloat);
}

TEST(SegmentPlan, gives_zero_and_minus_infinity_to_rows_that_see_nothing) {
  const PlanShape shape{2, 2, 67};
  const auto plan = random_plan(PlanKind::look_back, shape, 8);
  const RandomInput in({2, 2, 67, 12}, at::kFloat, false);
  const auto result = sparse::segment_attention(in.query, in.key, in.value, plan);
  const auto empty = mask_of(plan, shape).any(-1).logical_not();
  ASSERT_GT(empty.sum().item<std::int64_t>(), 10);
  EXPECT_TRUE(result.lse.eq(-INFINITY).equal(empty));
  EXPECT_TRUE(result.out.eq(0).all(-1).equal(empty));
}

TEST(SegmentPlan, keeps_large_scores_finite) {
  const PlanShape shape = many_heads(70);
  auto plan = random_plan(PlanKind::buckets, shape, 9);
  plan.scale = 200;  // scores of several hundred: exp(score) and exp(-lse) overflow
  expect_exact(plan, shape, 16, at::kFloat);
}

TEST(SegmentPlan, takes_views_with_any_strides) {
  const PlanShape shape{2, 2, 41};
  const auto plan = random_plan(PlanKind::buckets, shape, 10);
  const RandomInput in({2, 41, 2, 12}, at::kFloat, false);
  const auto turned = [](const at::Tensor& t) {
    return t.transpose(1, 2);
  };  // [B, T, H, D] -> [B, H, T, D]
  const auto strided =
      sparse::segment_attention(turned(in.query), turned(in.key), turned(in.value), plan);
  const auto packed =
      sparse::segment_attention(turned(in.query).contiguous(), turned(in.key).contiguous(),
                                turned(in.value).contiguous(), plan);
  EXPECT_TRUE(strided.out.equal(packed.out));
}

TEST(SegmentPlan, computes_half_precision_in_float32) {
  const PlanShape shape = many_heads(90);
  const auto plan = random_plan(PlanKind::look_back, shape, 11);
  expect_exact(plan, shape, 32, at::kBFloat16);
  expect_exact(plan, shape, 32, at::kHalf);
  const RandomInput in({2, 8, 90, 32}, at::kBFloat16, false);
  const auto result = sparse::segment_attention(in.query, in.key, in.value, plan);
  EXPECT_EQ(result.out.scalar_type(), at::kBFloat16);
  EXPECT_EQ(result.lse.scalar_type(), at::kFloat);
}

TEST(SegmentPlan, passes_not_a_number_on_instead_of_hiding_it) {
  const PlanShape shape{1, 1, 9};
  auto plan = random_plan(PlanKind::windows, shape, 12);
  plan.include_self = true;
  const RandomInput in({1, 1, 9, 4}, at::kFloat, false);
  const auto seen = mask_of(plan, shape).any(-1);
  const auto result =
      sparse::segment_attention(at::full_like(in.query, NAN), in.key, in.value, plan);
  EXPECT_TRUE(result.out.isnan().all(-1).equal(seen));
}

}  // namespace
}  // namespace attnlab::test
