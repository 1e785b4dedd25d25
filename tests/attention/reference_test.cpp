#include "framework/attention/reference.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/plugin_case.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

/// One output row by hand: weights exp(scale q.k), normalised over the allowed keys.
at::Tensor row_by_hand(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const at::Tensor& allowed, double scale) {
  auto sum = at::zeros_like(v[0]);
  double weight_sum = 0;
  for (std::int64_t s = 0; s < k.size(0); ++s) {
    if (!allowed[s].item<bool>()) continue;
    const double weight = std::exp(scale * at::dot(q, k[s]).item<double>());
    sum += weight * v[s];
    weight_sum += weight;
  }
  return weight_sum == 0 ? sum : sum / weight_sum;
}

TEST(MaskedReference, agrees_with_sums_written_out) {
  const RandomInput random({2, 2, 9, 3}, at::kDouble, false);
  const auto mask = at::rand({2, 2, 9, 9}) < 0.4;
  const auto out = masked_reference(random.query, random.key, random.value, mask, 0.7);
  for (std::int64_t b = 0; b < 2; ++b) {
    for (std::int64_t h = 0; h < 2; ++h) {
      for (std::int64_t t = 0; t < 9; ++t) {
        const auto expected = row_by_hand(random.query[b][h][t], random.key[b][h],
                                          random.value[b][h], mask[b][h][t], 0.7);
        EXPECT_LE(largest(out[b][h][t] - expected), 1e-14) << b << ' ' << h << ' ' << t;
      }
    }
  }
}

TEST(MaskedReference, rows_without_keys_are_zero_with_zero_gradients) {
  const RandomInput random({1, 1, 5, 3}, at::kDouble);
  auto mask = at::ones({1, 1, 5, 5}, at::kBool);
  mask.select(2, 2).fill_(false);
  const auto attended =
      attend_reference(random.query, random.key, random.value, random.grad_out, mask, 1.0);
  EXPECT_EQ(largest(attended.out.select(2, 2)), 0.0);
  EXPECT_EQ(largest(attended.dq.select(2, 2)), 0.0);
  EXPECT_TRUE(at::isfinite(attended.dk).all().item<bool>());
}

TEST(MaskedReference, gradients_agree_with_differences) {
  const RandomInput random({1, 2, 6, 3}, at::kDouble, false);
  const auto mask = causal_mask(6, true);
  const auto attended =
      attend_reference(random.query, random.key, random.value, random.grad_out, mask, 0.5);
  const auto loss = [&](const at::Tensor& key) {
    return (masked_reference(random.query, key, random.value, mask, 0.5) * random.grad_out)
        .sum()
        .item<double>();
  };
  const auto direction = at::randn_like(random.key);
  const double h = 1e-5;
  const double difference =
      (loss(random.key + h * direction) - loss(random.key - h * direction)) / (2 * h);
  EXPECT_NEAR((attended.dk * direction).sum().item<double>(), difference, 1e-8);
}

TEST(MaskedReference, is_float64_whatever_comes_in) {
  const RandomInput random({1, 1, 4, 3}, at::kBFloat16);
  EXPECT_EQ(masked_reference(random.query, random.key, random.value, causal_mask(4, false), 1.0)
                .scalar_type(),
            at::kDouble);
}

TEST(CausalMask, strict_leaves_out_the_diagonal) {
  EXPECT_EQ(causal_mask(4, true).sum().item<std::int64_t>(), 6);
  EXPECT_EQ(causal_mask(4, false).sum().item<std::int64_t>(), 10);
  EXPECT_FALSE(causal_mask(4, true)[2][2].item<bool>());
  EXPECT_FALSE(causal_mask(4, false)[1][2].item<bool>());
}

}  // namespace
}  // namespace attnlab::test
