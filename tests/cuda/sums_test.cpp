// Sums over rows in the order of the float32 kernels, at lengths that the emulator would take days
// for: within 4 ulp of the largest, which the tolerance rule grants however exact LibTorch is.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "framework/cuda/plain.cuh"

namespace attnlab::cuda {
namespace {

enum class Weights { falling, equal, uneven };  // 1/t of causal attention; of a bucket; in between

struct Errors {
  double ours = 0, in_one_order = 0;  // in ulp of the largest sum
};
Errors errors_of(Weights kind, int length) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> weight;
  for (int t = 0; t < length; ++t) {
    const float spread = std::exp(0.3F * normal(random));
    weight.push_back(kind == Weights::falling ? spread / static_cast<float>(t + 1)
                     : kind == Weights::equal
                         ? spread / 64
                         : std::exp(normal(random)) / static_cast<float>(1 + t % 64));
  }
  double largest = 0;
  Errors worst;
  for (int column = 0; column < 96; ++column) {
    CompensatedSum sum;
    float one = 0;
    double exact = 0;
    for (int first = 0; first < length; first += kPlainPart) {
      float part = 0;
      for (int t = first; t < std::min(first + kPlainPart, length); ++t) {
        const float x = normal(random);
        part = std::fma(weight[t], x, part);
        one = std::fma(weight[t], x, one);
        exact += double{weight[t]} * x;
      }
      sum.add(part);
    }
    largest = std::max(largest, std::abs(exact));
    worst.ours = std::max(worst.ours, std::abs(sum.value() - exact));
    worst.in_one_order = std::max(worst.in_one_order, std::abs(one - exact));
  }
  const double ulp = std::ldexp(1.0, std::ilogb(largest) - 23);
  return {worst.ours / ulp, worst.in_one_order / ulp};
}

TEST(PlainSums, keep_the_tolerance_rule_at_every_length) {
  for (const auto kind : {Weights::falling, Weights::equal, Weights::uneven}) {
    for (const int length : {1, 15, 64, 517, 4096, 65'536}) {
      const auto errors = errors_of(kind, length);
      EXPECT_LE(errors.ours, 4) << length;
      if (length < 65'536) continue;
      EXPECT_GT(errors.in_one_order, 20) << "as it was before";
    }
  }
}

TEST(PlainSums, of_what_is_not_finite_are_not) {
  CompensatedSum sum;
  for (const float x : {1.0F, HUGE_VALF, 2.0F}) sum.add(x);
  EXPECT_EQ(sum.value(), HUGE_VALF);
  sum.scale(0.5F);
  EXPECT_EQ(sum.value(), HUGE_VALF);
  sum.add(-HUGE_VALF);
  EXPECT_TRUE(std::isnan(sum.value()));
}

}  // namespace
}  // namespace attnlab::cuda
