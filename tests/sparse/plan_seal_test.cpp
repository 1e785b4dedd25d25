// A builder's plan is trusted until somebody changes it.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/sparse/plan_check.h"
#include "framework/sparse/plans.h"

namespace attnlab::sparse {
namespace {

SegmentPlan built() {
  const auto buckets = at::tensor({0, 1, 0, 1, 0, 1}, at::kInt).view({1, 1, 6});
  return bucket_plan(buckets, buckets, 2, false);
}

TEST(PlanSeal, stands_on_what_builders_make) {
  EXPECT_TRUE(is_sealed(built(), 6));
  EXPECT_TRUE(is_sealed(full_plan(1, 2, 6, true), 6));
  const auto keep = at::ones({1, 1, 6}, at::kBool);
  EXPECT_TRUE(is_sealed(kept_plan(keep, keep, true), 6));
  const auto rounds = sort_into_chunks(at::zeros({2, 1, 1, 6}, at::kInt), 2, 2);
  EXPECT_TRUE(is_sealed(chunk_plan(rounds, 1, {}), 6));
  EXPECT_TRUE(is_sealed(window_plan(1, 2, 6, 3, 2, true), 6));
  const SegmentPlan copy = built();
  EXPECT_TRUE(is_sealed(copy, 6));
}

TEST(PlanSeal, breaks_where_a_tensor_is_exchanged_or_written) {
  for (auto member : {&SegmentPlan::query_rows, &SegmentPlan::key_rows, &SegmentPlan::query_start,
                      &SegmentPlan::key_begin, &SegmentPlan::key_end}) {
    auto exchanged = built();
    exchanged.*member = (exchanged.*member).clone();
    EXPECT_FALSE(is_sealed(exchanged, 6));
    auto written = built();
    (written.*member).add_(1);
    EXPECT_FALSE(is_sealed(written, 6));
    auto elsewhere = built();
    (elsewhere.*member).set_data((elsewhere.*member).clone());
    EXPECT_FALSE(is_sealed(elsewhere, 6));
    auto shorter = built();
    (shorter.*member).set_data((shorter.*member).slice(2, 0, 1));
    EXPECT_FALSE(is_sealed(shorter, 6));
  }
}

TEST(PlanSeal, is_not_got_through_rounds_that_were_sorted_elsewhere) {
  auto rounds = sort_into_chunks(at::zeros({1, 1, 1, 6}, at::kInt), 2, 2);
  rounds.order.fill_(7);
  EXPECT_FALSE(is_sealed(chunk_plan(rounds, 0, {}), 6));
  ChunkedRounds own;
  own.order = own.chunks = own.buckets = at::full({1, 1, 1, 6}, 7, at::kInt);
  EXPECT_FALSE(is_sealed(chunk_plan(own, 0, {}), 6));
}

TEST(PlanSeal, is_for_one_length_and_one_order) {
  auto plan = built();
  EXPECT_FALSE(is_sealed(plan, 5));
  plan.ascending = false;
  EXPECT_FALSE(is_sealed(plan, 6));
  EXPECT_FALSE(is_sealed(SegmentPlan{}, 0));
}

TEST(PlanSeal, a_written_plan_is_checked_like_any_other) {
  auto plan = built();
  plan.query_rows.fill_(6);
  const auto x = at::zeros({1, 1, 6, 4});
  EXPECT_THROW((void)segment_attention(x, x, x, plan), c10::Error);
}

}  // namespace
}  // namespace attnlab::sparse
