/// attention_judge.h: whether what the launchers made of a case is right.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/cuda/attention_case.h"

namespace attnlab::cuda::test {

inline double largest_of(const Values& values) {
  double largest = 0;
  for (const double x : values) largest = std::max(largest, std::isinf(x) ? 0 : std::abs(x));
  return largest;
}

/// The rule of tests/support/tolerance.h, with a plain implementation of the same type in place of
/// LibTorch's: max|x - exact| <= 2 max|rounded - exact| + 4 ulp of the largest.
template <class T>
void expect_close(const std::string& name, const Values& actual, const Values& baseline,
                  const Values& exact) {
  ASSERT_EQ(actual.size(), exact.size()) << name;
  double error = 0, allowed = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    if (std::isinf(exact[i])) {
      ASSERT_EQ(actual[i], exact[i]) << name << " " << i;
      continue;
    }
    ASSERT_TRUE(std::isfinite(actual[i])) << name << " " << i;
    error = std::max(error, std::abs(actual[i] - exact[i]));
    allowed = std::max(allowed, 2 * std::abs(baseline[i] - exact[i]));
  }
  constexpr int kBits = std::is_same_v<T, float> ? 23 : std::is_same_v<T, F16> ? 10 : 7;
  const double largest = largest_of(exact);
  if (largest > 0) allowed += 4 * std::ldexp(1.0, std::ilogb(largest) - kBits);
  EXPECT_LE(error, allowed) << name << ": the largest value is " << largest;
}

/// Rows without keys: results of exactly 0.
inline void expect_nothing_unseen(const AttentionInput& in, const Attended& actual,
                                  const Attended& exact) {
  const auto D = static_cast<std::size_t>(in.dim);
  for (std::size_t i = 0; i < exact.lse.size(); ++i) {
    if (!std::isinf(exact.lse[i])) continue;
    for (std::size_t d = 0; d < D; ++d) {
      ASSERT_EQ(actual.out[i * D + d], 0) << "row " << i;
      ASSERT_EQ(actual.grad_query[i * D + d], 0) << "row " << i;
    }
  }
}

template <class T>
void expect_exact(const HostPlan& plan, const AttentionInput& in, Manner manner) {
  const Attended actual = attend_on_device<T>(in, plan, manner);
  const Attended exact = attend(in, plan), baseline = attend<float>(in, plan, round_double<T>);
  expect_close<T>("out", actual.out, baseline.out, exact.out);
  expect_close<float>("lse", actual.lse, baseline.lse, exact.lse);
  expect_close<T>("grad_query", actual.grad_query, baseline.grad_query, exact.grad_query);
  expect_close<T>("grad_key", actual.grad_key, baseline.grad_key, exact.grad_key);
  expect_close<T>("grad_value", actual.grad_value, baseline.grad_value, exact.grad_value);
  expect_nothing_unseen(in, actual, exact);
}

}  // namespace attnlab::cuda::test
