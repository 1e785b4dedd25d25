// count() and tally() against the pairs of every builder's plan, written down one by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "framework/sparse/plans.h"
#include "tests/sparse/random_plan.h"

namespace attnlab::test {
namespace {

using sparse::SegmentPlan;
using NamedPlan = std::pair<std::string, SegmentPlan>;

constexpr PlanShape kCounted{2, 3, 23};

at::Tensor documents_of_counted() {
  return at::randint(4, {kCounted.B, kCounted.T}, at::kInt).cumsum(1).to(at::kInt);
}

/// Of every builder, as it is, within documents, and within documents by labels.
std::vector<NamedPlan> builders_plans(bool include_self) {
  const auto [B, H, T] = kCounted;
  const auto buckets = [&] { return at::randint(4, {B, H, T}, at::kInt); };
  const auto keep = [&] { return at::rand({B, H, T}).lt(0.6); };
  std::vector<NamedPlan> plans{{"full", sparse::full_plan(B, H, T, include_self)},
                           {"bucket", sparse::bucket_plan(buckets(), buckets(), 4, include_self)},
                           {"kept", sparse::kept_plan(keep(), keep(), include_self)}};
  for (const auto& [window, dilation] : {std::pair{4, 1}, {2, 3}, {1, 1}, {40, 2}, {3, 40}}) {
    plans.emplace_back("window " + std::to_string(window) + "/" + std::to_string(dilation),
                       sparse::window_plan(B, H, T, window, dilation, include_self));
  }
  for (std::size_t i = 0, count = plans.size(); i < count; ++i) {
    auto [name, plan] = plans[i];
    plans.emplace_back(name + " within documents",
                       sparse::keep_within(plan, documents_of_counted()));
    plan.query_rows = plan.query_rows.clone();  // no builder's any more: labels say which document
    plans.emplace_back(name + " labelled", sparse::keep_within(plan, documents_of_counted()));
    plan.max_distance = 5;
    plans.emplace_back(name + " of distance 5", plan);
  }
  return plans;
}

/// Random ones, labels of either side in an order of their own.
std::vector<NamedPlan> other_plans(bool include_self) {
  std::vector<NamedPlan> plans;
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    for (const auto kind : {PlanKind::buckets, PlanKind::windows}) {
      auto plan = random_plan(kind, kCounted, seed);
      plan.include_self = include_self;
      if (seed % 2 == 1) plan.max_distance = 1 + seed;
      if (seed % 4 > 1) {
        const auto labels = [] {
          return std::get<0>(
              at::randint(5, {kCounted.B, kCounted.H, kCounted.T}, at::kInt).sort(2));
        };
        plan.query_labels = labels();
        plan.key_labels = labels();
      }
      plans.emplace_back("random " + std::to_string(seed), plan);
    }
  }
  return plans;
}

TEST(Count, agrees_with_brute_force_over_all_builders) {
  at::manual_seed(5);
  for (const bool include_self : {false, true}) {
    auto plans = builders_plans(include_self);
    for (auto& plan : other_plans(include_self)) plans.push_back(std::move(plan));
    for (const auto& [name, plan] : plans) {
      SCOPED_TRACE(name + (include_self ? ", inclusive" : ", strict"));
      const auto mask = mask_of(plan, kCounted);
      const auto counts = sparse::count(plan);
      EXPECT_EQ(counts.pairs, mask.sum().item<std::int64_t>());
      EXPECT_EQ(counts.seeing, mask.any(-1).sum().item<std::int64_t>());
      const auto sizes = plan.query_start.diff();
      EXPECT_EQ(counts.queries, sizes.sum().item<std::int64_t>());
      EXPECT_EQ(counts.largest_segment, sizes.max().item<std::int64_t>());
      EXPECT_EQ(sparse::tally(plan).pairs.item<double>(), static_cast<double>(counts.pairs));
      EXPECT_EQ(sparse::tally(plan).seeing.item<double>(), static_cast<double>(counts.seeing));
    }
  }
}

TEST(Count, refuses_what_it_would_count_wrong) {
  const auto refused = [](const std::function<void(SegmentPlan&)>& spoil) -> std::string {
    auto plan = sparse::full_plan(1, 1, 6, false);
    spoil(plan);
    try {
      (void)sparse::tally(plan);
      return "counted";
    } catch (const c10::Error& error) {
      return error.what_without_backtrace();
    }
  };
  const auto none = [](SegmentPlan&) {};
  EXPECT_EQ(refused(none), "counted");
  EXPECT_THAT(refused([](auto& plan) { plan.causal = false; }),
              testing::HasSubstr("is not causal"));
  EXPECT_THAT(refused([](auto& plan) { plan.ascending = false; }),
              testing::HasSubstr("not ascending"));
  EXPECT_THAT(refused([](auto& plan) { plan.round = 1; }), testing::HasSubstr("of round 1"));
  EXPECT_THAT(refused([](auto& plan) { plan.max_distance = 0; }),
              testing::HasSubstr("max_distance is 0"));
  EXPECT_THAT(refused([](auto& plan) { plan.key_rows = at::Tensor(); }),
              testing::HasSubstr("key_rows is undefined"));
  EXPECT_THAT(refused([](auto& plan) { plan.key_end = plan.key_end + 1; }),
              testing::HasSubstr("key_end holds 7; expected 0 to 6"));
  EXPECT_THAT(refused([](auto& plan) {
                plan.query_labels = plan.key_labels =
                    at::tensor({0, 1, 0, 1, 2, 3}, at::kInt).view({1, 1, 6});
              }),
              testing::HasSubstr("labels decrease along T"));
  EXPECT_THAT(refused([](auto& plan) {
                plan.query_labels = plan.key_labels = at::zeros({1, 1, 5}, at::kInt);
                plan.query_rows = plan.query_rows.clone();
              }),
              testing::HasSubstr("holds row 5; expected 0 to 4"));
}

TEST(Count, of_nothing_is_nothing) {
  using Sizes = std::array<std::int64_t, 3>;
  for (const auto& [B, H, T] : {Sizes{0, 2, 3}, {1, 0, 3}, {1, 2, 0}}) {
    for (const bool within : {false, true}) {
      auto plan = sparse::full_plan(B, H, T, true);
      if (within) plan = sparse::keep_within(plan, at::arange(T, at::kInt).expand({B, T}));
      EXPECT_EQ(sparse::count(plan).pairs, 0);
      EXPECT_EQ(sparse::tally(plan).largest_segment.item<double>(),
                static_cast<double>(sparse::count(plan).largest_segment));
    }
  }
}

}  // namespace
}  // namespace attnlab::test
