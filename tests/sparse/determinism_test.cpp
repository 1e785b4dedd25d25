// The same bits for any thread count and call; memory that grows with T and not with its square.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "framework/sparse/parallel.h"
#include "framework/sparse/plans.h"
#include "tests/sparse/counting_allocator.h"
#include "tests/sparse/random_plan.h"
#include "tests/support/plugin_case.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

using sparse::SegmentPlan;

class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(at::get_num_threads()) {
    at::set_num_threads(threads);
  }
  ~ThreadCount() { at::set_num_threads(before_); }

 private:
  int before_;
};

std::vector<at::Tensor> results(const SegmentPlan& plan, const RandomInput& in, int threads) {
  const ThreadCount count(threads);
  const auto all =
      attend([&](const auto& q, const auto& k,
                 const auto& v) { return sparse::segment_attention(q, k, v, plan).out; },
             in.query, in.key, in.value, in.grad_out);
  return {all.out, all.dq, all.dk, all.dv};
}

void expect_same_bits(const SegmentPlan& plan, const RandomInput& in) {
  const auto one = results(plan, in, 1);
  for (const int threads : {1, 2, 3, 4}) {
    const auto again = results(plan, in, threads);
    for (std::size_t i = 0; i < one.size(); ++i) {
      EXPECT_TRUE(again[i].equal(one[i])) << threads << " threads, result " << i;
    }
  }
}

class SegmentBits : public testing::TestWithParam<PlanKind> {};

TEST_P(SegmentBits, are_equal_for_one_to_four_threads_and_every_call) {
  for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const auto plan = random_plan(GetParam(), {2, 3, 331}, 41);
    expect_same_bits(plan, RandomInput({2, 3, 331, 24}, dtype, false));
  }
}

TEST(SegmentBitsOfOneSegment, are_equal_where_many_threads_share_one_segment) {
  expect_same_bits(sparse::full_plan(1, 1, 1500, false),
                   RandomInput({1, 1, 1500, 16}, at::kFloat, false));
}

INSTANTIATE_TEST_SUITE_P(plans, SegmentBits,
                         testing::Values(PlanKind::buckets, PlanKind::windows,
                                         PlanKind::look_back));

TEST(SegmentThreads, are_those_of_libtorch) {
  const ThreadCount two(2);
  std::atomic<int> workers{0};
  std::vector<std::atomic<int>> taken(50);
  sparse::share(50, [&](const auto& next) {
    ++workers;
    for (auto i = next(); i >= 0; i = next()) ++taken[static_cast<std::size_t>(i)];
  });
  EXPECT_EQ(workers, 2);
  for (const auto& times : taken) EXPECT_EQ(times, 1);
}

TEST(SegmentThreads, hand_exceptions_to_the_caller) {
  const ThreadCount two(2);
  EXPECT_THROW(sparse::share(4, [](const auto&) { throw std::runtime_error("inside"); }),
               std::runtime_error);
}

/// Largest sum of live tensor bytes in one forward and backward.
std::int64_t peak_bytes(std::int64_t T) {
  const RandomInput in({1, 1, T, 8}, at::kFloat, false);
  const CountingAllocator counting;
  at::manual_seed(5);
  const auto buckets = at::randint(4, {1, 1, T}, at::kInt);
  (void)results(sparse::bucket_plan(buckets, buckets, 4, false), in, 1);
  (void)results(sparse::full_plan(1, 1, T, true), in, 1);
  return counting.peak();
}

TEST(SegmentMemory, grows_linearly_with_length) {
  const auto half = peak_bytes(4096), whole = peak_bytes(8192);
  EXPECT_GT(half, 4096 * 8 * 4);
  EXPECT_LT(static_cast<double>(whole) / static_cast<double>(half), 2.05);
  EXPECT_LT(whole, 8192 * 8 * 4 * 20) << "20 tensors of [T, D] floats; T x T would be 1000";
}

}  // namespace
}  // namespace attnlab::test
