// Rounds without keys bring no NaN into the merge, whatever computes the rounds.
#include "framework/sparse/merge.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace attnlab::sparse {
namespace {

constexpr double kNone = -std::numeric_limits<double>::infinity();

/// Two rounds of three rows: no round has keys for row 0, only the second for row 1, both for
/// row 2.
struct MergeRounds : testing::Test {
  at::Tensor leaf(at::Tensor x) { return x.requires_grad_(); }

  at::Tensor out_0 = leaf(at::tensor({0.0, 0.0, 3.0}, at::kDouble).view({1, 1, 3, 1}));
  at::Tensor out_1 = leaf(at::tensor({0.0, 2.0, 5.0}, at::kDouble).view({1, 1, 3, 1}));
  at::Tensor lse_0 = leaf(at::tensor({kNone, kNone, 800.0}, at::kDouble).view({1, 1, 3}));
  at::Tensor lse_1 = leaf(at::tensor({kNone, -900.0, 801.0}, at::kDouble).view({1, 1, 3}));
  at::Tensor value = leaf(at::tensor({7.0, 8.0, 9.0}, at::kDouble).view({1, 1, 3, 1}));
  const Merged merged = merge_rounds({{out_0, lse_0}, {out_1, lse_1}}, value);
  const double share_1 = 1 / (1 + std::exp(-1.0));  // of row 2

  static void expect_rows(const at::Tensor& actual, std::vector<double> expected) {
    const at::Tensor rows = actual.flatten();
    for (std::int64_t i = 0; i < 3; ++i) {
      EXPECT_DOUBLE_EQ(rows[i].item<double>(), expected[i]) << "row " << i;
    }
  }
};

TEST_F(MergeRounds, weighs_by_share_and_falls_back_to_the_own_value) {
  expect_rows(merged.out.detach(), {7, 2, 3 + 2 * share_1});
  expect_rows(merged.last_resort.to(at::kDouble), {1, 0, 0});
}

TEST_F(MergeRounds, gradients_are_exact_and_finite) {
  merged.out.backward(at::ones_like(merged.out));
  const double slope = 2 * share_1 * (1 - share_1);
  expect_rows(value.grad(), {1, 0, 0});
  expect_rows(out_0.grad(), {0, 0, 1 - share_1});
  expect_rows(out_1.grad(), {0, 1, share_1});
  const at::Tensor lse_slopes = at::cat({lse_0.grad().flatten(), lse_1.grad().flatten()});
  const at::Tensor expected = at::tensor({0.0, 0.0, -slope, 0.0, 0.0, slope}, at::kDouble);
  EXPECT_LT((lse_slopes - expected).abs().max().item<double>(), 1e-15) << lse_slopes;
}

// Scores that are NaN or +inf, as of a model that diverged, are no lack of keys: the row is NaN and not its own value.
TEST(MergeOfNoNumbers, stays_visible) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const auto& [first, second] : {std::pair{kNan, kNan}, std::pair{kNan, kNone}, std::pair{kNone, kNan},
                                      std::pair{kNan, 1.0}, std::pair{1.0, kNan}, std::pair{-kNone, -kNone}}) {
    for (const auto dtype : {at::kFloat, at::kDouble}) {
      const auto rows = at::ones({1, 1, 1, 2}, dtype);
      const auto lse = [&](double number) { return at::full({1, 1, 1}, number, dtype); };
      const auto merged = merge_rounds({{rows, lse(first)}, {rows, lse(second)}}, rows);
      EXPECT_TRUE(merged.out.isnan().all().item<bool>()) << first << ", " << second;
      EXPECT_FALSE(merged.last_resort.item<bool>());
    }
  }
}

}  // namespace
}  // namespace attnlab::sparse
