// Plan builders against their meaning, and the texts of refused plans.
#include "framework/sparse/plans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sparse/random_plan.h"
#include "tests/support/plugin_case.h"

namespace attnlab::test {
namespace {

using sparse::SegmentPlan;
using testing::HasSubstr;

at::Tensor ints(std::vector<std::int32_t> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return at::tensor(values, at::kInt).view({1, 1, count});
}

bool holds(const at::Tensor& tensor, std::vector<std::int32_t> values) {
  return tensor.equal(ints(std::move(values)));
}

TEST(SortByBucket, keeps_the_order_of_positions_inside_a_bucket) {
  const auto sorted = sparse::sort_by_bucket(ints({2, 0, 2, 0, 3, 2}), 4);
  EXPECT_TRUE(holds(sorted.rows, {1, 3, 0, 2, 5, 4}));
  EXPECT_TRUE(holds(sorted.start, {0, 2, 2, 5, 6}));
}

TEST(SortByBucket, agrees_with_a_stable_sort) {
  at::manual_seed(1);
  const auto buckets = at::randint(7, {3, 2, 101}, at::kInt);
  const auto expected = at::argsort(buckets, /*stable=*/true, -1, false).to(at::kInt);
  EXPECT_TRUE(sparse::sort_by_bucket(buckets, 7).rows.equal(expected));
}

TEST(SortByBucket, refuses_buckets_out_of_range) {
  try {
    (void)sparse::sort_by_bucket(ints({0, 4}), 4);
    FAIL() << "expected an error";
  } catch (const c10::Error& error) {
    EXPECT_STREQ(error.what_without_backtrace(), "[plans] buckets from 0 to 4; expected 0 to 3");
  }
}

TEST(Compact, keeps_rows_in_order) {
  const auto keep = ints({1, 0, 0, 1, 1}).to(at::kBool);
  const auto kept = sparse::compact(keep);
  EXPECT_TRUE(holds(kept.rows.slice(2, 0, 3), {0, 3, 4}));
  EXPECT_TRUE(holds(kept.start, {0, 3}));
}

/// [B, H, T, T]: strictly or inclusively causal pairs.
at::Tensor causal(std::int64_t T, bool include_self) {
  return at::ones({T, T}, at::kBool).tril(include_self ? 0 : -1);
}

TEST(BucketPlan, means_causal_pairs_of_equal_buckets_with_sides_of_different_size) {
  at::manual_seed(2);
  const PlanShape shape{2, 3, 40};
  const auto queries = at::randint(5, {2, 3, 40}, at::kInt);
  const auto keys = at::randint(3, {2, 3, 40}, at::kInt);
  const auto plan = sparse::bucket_plan(queries, keys, 5, true);
  const auto expected = queries.unsqueeze(-1).eq(keys.unsqueeze(-2)).logical_and(causal(40, true));
  EXPECT_TRUE(mask_of(plan, shape).equal(expected));
}

TEST(KeptPlan, means_causal_pairs_of_kept_rows) {
  at::manual_seed(3);
  const PlanShape shape{2, 3, 40};
  const auto queries = at::rand({2, 3, 40}).lt(0.5), keys = at::rand({2, 3, 40}).lt(0.7);
  const auto plan = sparse::kept_plan(queries, keys, false);
  const auto expected =
      queries.unsqueeze(-1).logical_and(keys.unsqueeze(-2)).logical_and(causal(40, false));
  EXPECT_TRUE(mask_of(plan, shape).equal(expected));
}

TEST(FullPlan, means_all_causal_pairs) {
  const PlanShape shape{1, 2, 9};
  EXPECT_TRUE(
      mask_of(sparse::full_plan(1, 2, 9, true), shape).equal(causal(9, true).expand({1, 2, 9, 9})));
}

TEST(Count, agrees_with_the_pairs_of_the_mask) {
  const PlanShape shape{2, 3, 50};
  at::manual_seed(4);
  const auto queries = at::randint(4, {2, 3, 50}, at::kInt);
  const auto keys = at::randint(4, {2, 3, 50}, at::kInt);
  for (const bool include_self : {false, true}) {
    const auto plan = sparse::bucket_plan(queries, keys, 4, include_self);
    const auto counts = sparse::count(plan);
    const auto mask = mask_of(plan, shape);
    EXPECT_EQ(counts.pairs, mask.sum().item<std::int64_t>());
    EXPECT_EQ(counts.seeing, mask.any(-1).sum().item<std::int64_t>());
    EXPECT_EQ(counts.queries, 2 * 3 * 50);
    EXPECT_EQ(counts.largest_segment,
              at::one_hot(queries.to(at::kLong), 4).sum(2).max().item<std::int64_t>());
  }
}

/// The first line of what the engine says to a plan over [1, 1, 6, 4] inputs.
std::string refusal(const std::function<void(SegmentPlan&)>& spoil,
                    at::IntArrayRef key_shape = {1, 1, 6, 4}) {
  auto plan = sparse::bucket_plan(ints({0, 1, 0, 1, 0, 1}), ints({0, 1, 0, 1, 0, 1}), 2, false);
  spoil(plan);
  const auto query = at::randn({1, 1, 6, 4}), key = at::randn(key_shape);
  try {
    (void)sparse::segment_attention(query, key, at::randn(key_shape), plan);
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "accepted";
}

TEST(PlanCheck, accepts_what_the_builders_make) {
  EXPECT_EQ(refusal([](SegmentPlan&) {}), "accepted");
}

TEST(PlanCheck, names_a_row_out_of_range) {
  EXPECT_EQ(refusal([](SegmentPlan& p) {
              p.query_rows = ints({0, 2, 6, 1, 3, 5});
            }),
            "[segment_attention] query_rows holds row 6; expected 0 to 5");
  EXPECT_EQ(refusal([](SegmentPlan& p) {
              p.key_rows = ints({-1, 2, 4, 1, 3, 5});
            }),
            "[segment_attention] key_rows holds row -1; expected 0 to 5");
}

TEST(PlanCheck, names_a_query_row_that_occurs_twice) {
  EXPECT_EQ(refusal([](SegmentPlan& p) {
              p.query_rows = ints({0, 2, 4, 1, 2, 5});
            }),
            "[segment_attention] query_rows holds row 2 twice; expected a row at most once");
}

TEST(PlanCheck, names_ranges_that_step_back_or_leave_the_keys) {
  EXPECT_EQ(refusal([](SegmentPlan& p) {
              p.key_begin = ints({3, 0});
            }),
            "[segment_attention] key_begin steps back from 3 to 0; expected never decreasing");
  EXPECT_EQ(refusal([](SegmentPlan& p) {
              p.key_end = ints({3, 7});
            }),
            "[segment_attention] key_end holds 7; expected 0 to 6");
  EXPECT_EQ(refusal([](SegmentPlan& p) {
              p.key_begin = ints({4, 4});
            }),
            "[segment_attention] segment 0 sees keys 4 to 3; expected key_begin <= key_end");
  EXPECT_EQ(refusal([](SegmentPlan& p) {
              p.query_start = ints({0, 5, 3});
            }),
            "[segment_attention] query_start steps back from 5 to 3; expected never decreasing");
}

TEST(PlanCheck, names_rows_that_do_not_ascend_as_promised) {
  EXPECT_EQ(refusal([](SegmentPlan& p) {
              p.query_rows = ints({0, 4, 2, 1, 3, 5});
            }),
            "[segment_attention] query_rows steps back from row 4 to 2 inside a segment of a plan "
            "that says `ascending`");
  EXPECT_EQ(refusal([](SegmentPlan& p) {
              p.key_rows = ints({0, 2, 4, 1, 5, 3});
            }),
            "[segment_attention] key_rows steps back from row 5 to 3 inside a segment of a plan "
            "that says `ascending`");
}

TEST(PlanCheck, names_tensors_of_the_wrong_kind) {
  EXPECT_EQ(refusal([](SegmentPlan& p) { p.key_rows = p.key_rows.to(at::kLong); }),
            "[segment_attention] key_rows is Long [1, 1, 6] on cpu; expected Int [1, 1, -1] on "
            "cpu");
  EXPECT_EQ(
      refusal([](SegmentPlan& p) {
        p.query_start = ints({0, 6});
      }),
      "[segment_attention] query_start is Int [1, 1, 2] on cpu; expected Int [1, 1, 3] on cpu");
  EXPECT_EQ(refusal([](SegmentPlan& p) {
              p.query_labels = ints({0, 0, 0, 0, 0, 0});
            }),
            "[segment_attention] labels are given on one side only; expected both or none");
  EXPECT_THAT(refusal([](SegmentPlan& p) { p.key_begin = at::Tensor(); }),
              HasSubstr("key_begin is undefined; expected Int [1, 1, -1]"));
}

TEST(PlanCheck, names_a_round_that_is_not_there) {
  EXPECT_EQ(refusal([](SegmentPlan& p) {
              p.chunks = at::zeros({2, 1, 1, 6}, at::kInt);
              p.round = 2;
            }),
            "[segment_attention] round is 2; expected 0 to 1");
}

TEST(PlanCheck, names_a_distance_at_which_nothing_is_seen) {
  for (const std::int64_t distance : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN}) {
    EXPECT_THAT(refusal([&](SegmentPlan& p) { p.max_distance = distance; }),
                HasSubstr("; expected at least 1, which lets a row see itself"));
  }
}

TEST(PlanCheck, names_scales_that_are_no_factor) {
  for (const double scale : {std::nan(""), HUGE_VAL, 1e300, 1e-300}) {
    EXPECT_THAT(refusal([&](SegmentPlan& p) { p.scale = scale; }),
                HasSubstr("; expected a finite number that Float holds, or 0 for 1/sqrt(D)"));
  }
}

TEST(PlanCheck, does_not_read_what_no_segment_may_see) {
  const auto padding = {-1, 6, 100, INT32_MIN, INT32_MAX};
  for (const std::int32_t pad : padding) {
    EXPECT_EQ(refusal([&](SegmentPlan& p) {
                p.query_rows = ints({pad, 0, 2, 4, 1, 3, 5, pad});
                p.query_start = ints({1, 4, 7});
                p.key_rows = ints({pad, 0, 2, 4, pad, pad, 1, 3, 5, pad});
                p.key_begin = ints({1, 6});
                p.key_end = ints({4, 9});
              }),
              "accepted");
  }
}

TEST(Builders, refuse_sides_of_different_shape) {
  const auto keep = [](std::int64_t T) { return at::ones({1, 1, T}, at::kBool); };
  EXPECT_THROW((void)sparse::kept_plan(keep(5), keep(6), true), c10::Error);
  EXPECT_THROW((void)sparse::bucket_plan(ints({0, 1}), ints({0, 1, 1}), 2, true), c10::Error);
}

TEST(PlanCheck, names_inputs_of_different_shapes) {
  EXPECT_EQ(refusal([](SegmentPlan&) {}, {1, 1, 5, 4}),
            "[segment_attention] key is Float [1, 1, 5, 4] on cpu; expected Float [1, 1, 6, 4] on "
            "cpu");
}

}  // namespace
}  // namespace attnlab::test
