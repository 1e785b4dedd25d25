// Plans within documents against their meaning: the same pairs, of one document.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/sparse/plan_check.h"
#include "framework/sparse/plans.h"
#include "tests/sparse/random_plan.h"
#include "tests/support/plugin_case.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

using sparse::SegmentPlan;
using testing::HasSubstr;

constexpr PlanShape kShape{3, 2, 40};

/// Three sequences of 40 rows: of six documents, two of them a row long, of one, and of 40.
at::Tensor documents() {
  auto numbers = at::zeros({3, 40}, at::kInt);
  for (const auto border : {3, 4, 17, 18, 30}) numbers[0].slice(0, border).add_(1);
  numbers[1].fill_(-7);
  numbers[2].copy_(at::arange(40).mul(3));
  return numbers;
}

at::Tensor same(const at::Tensor& numbers) {
  return numbers.unsqueeze(2).eq(numbers.unsqueeze(1)).unsqueeze(1);
}

at::Tensor drawn(std::int64_t below) { return at::randint(below, {3, 2, 40}, at::kInt); }

struct Named {
  const char* name;
  SegmentPlan plan;
  bool cut;  // segments, not labels
};

std::vector<Named> all_plans() {
  at::manual_seed(5);
  const auto keep = [] { return at::rand({3, 2, 40}).lt(0.6); };
  const auto rounds = sparse::sort_into_chunks(at::randint(4, {2, 3, 2, 40}, at::kInt), 4, 9);
  auto labelled = random_plan(PlanKind::windows, kShape, 8);
  labelled.query_labels = drawn(3), labelled.key_labels = drawn(3) - 1;
  return {{"full", sparse::full_plan(3, 2, 40, true), true},
          {"full, strict", sparse::full_plan(3, 2, 40, false), true},
          {"buckets", sparse::bucket_plan(drawn(5), drawn(4), 5, false), true},
          {"kept", sparse::kept_plan(keep(), keep(), true), true},
          {"nothing kept", sparse::kept_plan(keep().fill_(false), keep(), true), true},
          {"window", sparse::window_plan(3, 2, 40, 6, 3, false), true},
          {"chunks", sparse::chunk_plan(rounds, 0, {}), false},
          {"chunks, a later round", sparse::chunk_plan(rounds, 1, {.correct_duplicates = true}), false},
          {"chunks of equal buckets",
           sparse::chunk_plan(rounds, 1, {.equal_buckets = true, .correct_duplicates = true}), false},
          {"labels of both sides", labelled, false},
          {"not a builder's", random_plan(PlanKind::look_back, kShape, 9), false}};
}

TEST(KeepWithin, leaves_the_pairs_of_one_document) {
  const auto numbers = documents();
  for (const auto& [name, plan, cut] : all_plans()) {
    SCOPED_TRACE(name);
    const auto within = sparse::keep_within(plan, numbers);
    EXPECT_TRUE(mask_of(within, kShape).equal(mask_of(plan, kShape).logical_and(same(numbers))));
    EXPECT_EQ(within.query_labels.defined(), !cut);
    EXPECT_EQ(sparse::is_sealed(within, 40), sparse::is_sealed(plan, 40));
  }
}

TEST(KeepWithin, gives_plans_that_the_engine_computes) {
  const auto numbers = documents();
  const RandomInput in({3, 2, 40, 8}, at::kDouble, false);
  for (const auto& [name, plan, cut] : all_plans()) {
    SCOPED_TRACE(name);
    const auto within = sparse::keep_within(plan, numbers);
    auto checked = within;  // a copied tensor breaks the builder's word
    checked.query_start = within.query_start.clone();
    const auto attended = [&](const SegmentPlan& by) {
      return [&by](const auto& q, const auto& k, const auto& v) {
        return sparse::segment_attention(q, k, v, by).out;
      };
    };
    expect_matches_reference(attended(checked), in.query, in.key, in.value, in.grad_out,
                             mask_of(within, kShape));
  }
}

TEST(KeepWithin, by_labels_computes_what_cut_segments_do) {
  const auto numbers = documents();
  auto labelled = sparse::full_plan(3, 2, 40, false);
  labelled.query_labels = labelled.key_labels = numbers.unsqueeze(1).expand({3, 2, 40}).contiguous();
  const RandomInput in({3, 2, 40, 8}, at::kFloat, false);
  const auto run = [&](const SegmentPlan& plan) {
    return sparse::segment_attention(in.query, in.key, in.value, plan).out;
  };
  const auto cut = run(sparse::keep_within(sparse::full_plan(3, 2, 40, false), numbers));
  EXPECT_LE(largest(run(labelled) - cut), 1e-6);
}

TEST(KeepWithin, leaves_a_plan_alone_where_there_is_one_document) {
  const auto plan = sparse::full_plan(3, 2, 40, false);
  const auto unchanged = [&](const SegmentPlan& other) {
    return other.query_start.is_same(plan.query_start) && !other.query_labels.defined();
  };
  EXPECT_TRUE(unchanged(sparse::keep_within(plan, {})));
  EXPECT_TRUE(unchanged(sparse::keep_within(plan, at::full({3, 40}, 4, at::kInt))));
  EXPECT_FALSE(unchanged(sparse::keep_within(plan, documents())));
}

TEST(KeepWithin, refuses_numbers_that_decrease_and_other_shapes) {
  const auto message = [](const at::Tensor& numbers) -> std::string {
    try {
      (void)sparse::keep_within(sparse::full_plan(3, 2, 40, false), numbers);
    } catch (const c10::Error& error) {
      return error.what_without_backtrace();
    }
    return "accepted";
  };
  EXPECT_THAT(message(documents().flip({1})), HasSubstr("numbers decrease along T"));
  EXPECT_THAT(message(documents().slice(0, 0, 2)), HasSubstr("[keep_within] documents is"));
  EXPECT_THAT(message(documents().to(at::kLong)), HasSubstr("[keep_within] documents is Long"));
  auto labelled = sparse::full_plan(3, 2, 40, false);
  labelled.key_labels = at::zeros({3, 2, 40}, at::kInt);  // one side alone
  labelled.query_rows = labelled.query_rows.clone();
  EXPECT_THROW((void)sparse::keep_within(labelled, documents()), c10::Error);
  EXPECT_THROW((void)sparse::keep_within(SegmentPlan(), documents()), c10::Error);
}

TEST(KeepWithin, is_counted_as_it_is_seen) {
  const auto numbers = documents();
  at::manual_seed(6);
  const auto buckets = drawn(3);
  for (const bool include_self : {false, true}) {
    const auto plan = sparse::bucket_plan(buckets, drawn(3), 3, include_self);
    auto labelled = plan;
    labelled.query_labels = labelled.key_labels = numbers.unsqueeze(1).expand({3, 2, 40}).contiguous();
    for (const auto& within : {sparse::keep_within(plan, numbers), labelled}) {
      const auto counts = sparse::count(within);
      const auto mask = mask_of(within, kShape);
      EXPECT_EQ(counts.pairs, mask.sum().item<std::int64_t>());
      EXPECT_EQ(counts.seeing, mask.any(-1).sum().item<std::int64_t>());
      EXPECT_EQ(counts.queries, 3 * 2 * 40);
    }
  }
}

TEST(EarlierInDocument, counts_rows_before) {
  const auto numbers = documents();
  const auto expected = same(numbers).squeeze(1).tril(-1).sum(-1);
  EXPECT_TRUE(sparse::earlier_in_document(numbers).equal(expected));
}

}  // namespace
}  // namespace attnlab::test
