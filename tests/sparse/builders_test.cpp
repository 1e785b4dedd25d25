// Plan builders at the ends of what they take.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <limits>
#include <vector>

#include "framework/sparse/merge.h"
#include "framework/sparse/plans.h"

namespace attnlab::test {
namespace {

using sparse::SegmentPlan;

TEST(Builders, refuse_numbers_out_of_range) {
  const auto rounds = sparse::sort_into_chunks(at::zeros({2, 1, 1, 6}, at::kInt), 1, 4);
  const auto of_chunk = [&](std::int64_t chunk) {
    auto other = rounds;
    other.chunk = chunk;
    return sparse::chunk_plan(other, 0, {});
  };
  constexpr auto kLargest = std::numeric_limits<std::int64_t>::max();
  const std::function<void()> calls[]{
      [&] { (void)sparse::chunk_plan(rounds, -1, {}); },
      [&] { (void)sparse::chunk_plan(rounds, 2, {}); },
      [&] { (void)sparse::chunk_plan({}, 0, {}); },
      [&] { (void)of_chunk(0); },
      [&] { (void)of_chunk(std::int64_t{1} << 30); },
      [&] { (void)of_chunk(kLargest); },
      [&] { (void)sparse::full_plan(1, 1, -1, true); },
      [&] { (void)sparse::full_plan(-1, 1, 1, true); },
      [&] { (void)sparse::full_plan(1, -1, 1, true); },
      [&] { (void)sparse::full_plan(1, 1, kLargest, true); },
      [&] { (void)sparse::window_plan(1, 1, kLargest, 1, 1, true); },
      [&] { (void)sparse::window_plan(1, -1, 1, 1, 1, true); },
      [&] { (void)sparse::window_plan(1, 1, 6, 0, 1, true); },
      [&] { (void)sparse::window_plan(1, 1, 6, 1, -1, true); },
      [&] {
        (void)sparse::sort_by_bucket(at::zeros({1, 1, 1}, at::kInt), 0);
      },
      [&] {
        (void)sparse::sort_by_bucket(at::zeros({1, 1, 1}, at::kInt), kLargest);
      },
      [&] {
        (void)sparse::sort_into_chunks(at::zeros({1, 1, 1, 6}, at::kInt), 1, 0);
      },
  };
  for (const auto& call : calls) {
    try {
      call();
      FAIL() << "expected a refusal of call " << &call - calls;
    } catch (const c10::Error& error) {
      EXPECT_THAT(error.what_without_backtrace(), testing::StartsWith("[plans] "));
    }
  }
}

TEST(Builders, of_no_rows_make_plans_that_the_engine_takes) {
  using Sizes = std::array<std::int64_t, 3>;
  for (const auto& [B, H, T] : {Sizes{0, 2, 3}, {1, 0, 3}, {1, 2, 0}, {0, 0, 0}}) {
    SCOPED_TRACE(testing::Message() << B << " " << H << " " << T);
    const auto buckets = at::zeros({B, H, T}, at::kInt);
    const auto rounds = sparse::sort_into_chunks(at::zeros({2, B, H, T}, at::kInt), 1, 2);
    std::vector<SegmentPlan> plans{sparse::full_plan(B, H, T, true),
                                   sparse::bucket_plan(buckets, buckets, 2, true),
                                   sparse::kept_plan(buckets.eq(0), buckets.eq(0), false),
                                   sparse::chunk_plan(rounds, 1, {true, true})};
    if (T > 0) plans.push_back(sparse::window_plan(B, H, T, 2, 1, false));
    for (std::size_t i = 0, count = plans.size(); i < count; ++i) {
      const auto documents = at::arange(T, at::kInt).expand({B, T});
      plans.push_back(sparse::keep_within(plans[i], documents));
      plans.push_back(sparse::keep_within(sparse::keep_within(plans[i], documents), documents));
    }
    const auto rows = at::randn({B, H, T, 4});
    for (const auto& plan : plans) {
      EXPECT_EQ(sparse::segment_attention(rows, rows, rows, plan).out.sizes(), rows.sizes());
    }
    EXPECT_EQ(sparse::attend_in_rounds(rows, rows, rows, {plans[3], plans[3]}).out.sizes(),
              rows.sizes());
  }
}

}  // namespace
}  // namespace attnlab::test
