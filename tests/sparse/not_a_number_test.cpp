// What is no number in one row reaches the rows that attend to it, and no other: a weight of 0
// times NaN would be NaN.
#include <gtest/gtest.h>

#include <limits>

#include "framework/sparse/plans.h"
#include "framework/sparse/segment_plan.h"
#include "tests/support/plugin_case.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

class NotANumber : public testing::TestWithParam<at::ScalarType> {};

TEST_P(NotANumber, stays_within_the_distance_that_is_seen) {
  constexpr std::int64_t T = 150, kBad = 70, kDistance = 20;
  auto plan = sparse::full_plan(1, 2, T, false);
  plan.max_distance = kDistance;
  const RandomInput in({1, 2, T, 16}, GetParam(), false);
  const auto engine = [&](const auto& q, const auto& k, const auto& v) {
    return sparse::segment_attention(q, k, v, plan).out;
  };
  const auto clean = attend(engine, in.query, in.key, in.value, in.grad_out);
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const auto spoiled = [&](const at::Tensor& rows) {
      auto copy = rows.clone();
      copy.select(2, kBad).fill_(bad);
      return copy;
    };
    const auto actual =
        attend(engine, spoiled(in.query), spoiled(in.key), spoiled(in.value), spoiled(in.grad_out));
    const double tolerance = GetParam() == at::kBFloat16 ? 0.05
                             : GetParam() == at::kHalf   ? 0.01
                                                         : 1e-5;
    // Not bit by bit: a tile with such a row in it is summed pair by pair.
    const auto same = [&](const at::Tensor& a, const at::Tensor& b, std::int64_t begin,
                          std::int64_t end) {
      return at::allclose(a.slice(2, begin, end), b.slice(2, begin, end), tolerance, tolerance);
    };
    EXPECT_TRUE(same(actual.out, clean.out, 0, kBad));
    EXPECT_TRUE(same(actual.out, clean.out, kBad + kDistance, T));
    EXPECT_TRUE(same(actual.dq, clean.dq, 0, kBad));
    EXPECT_TRUE(same(actual.dq, clean.dq, kBad + kDistance, T));
    for (const auto& [ours, theirs] : {std::pair{actual.dk, clean.dk}, {actual.dv, clean.dv}}) {
      EXPECT_TRUE(same(ours, theirs, 0, kBad - kDistance + 1));
      EXPECT_TRUE(same(ours, theirs, kBad + kDistance, T));
    }
    EXPECT_TRUE(actual.out.select(2, kBad + 1).isnan().all().item<bool>()) << "it is seen there";
  }
}

INSTANTIATE_TEST_SUITE_P(dtypes, NotANumber,
                         testing::Values(at::kFloat, at::kDouble, at::kBFloat16, at::kHalf));

}  // namespace
}  // namespace attnlab::test
