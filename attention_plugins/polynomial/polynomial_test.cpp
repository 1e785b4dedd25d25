// polynomial against its quadratic definition in float64, in both forms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/attention/polynomial.h"
#include "tests/attention/polynomial_checks.h"

namespace attnlab {
namespace {

using config::Causality;
using Case = test::PolynomialCase;
using test::PluginUnderTest;
using testing::HasSubstr;

PluginUnderTest subject(std::int64_t degree, const std::string& form, Causality causality = Causality::strict,
                        double scale = 1) {
  return test::polynomial_plugin("polynomial", degree, form, causality, scale);
}

/// Weights f(x) of x = scale * cosine.
at::Tensor weight(const at::Tensor& x, std::int64_t degree) {
  return at::pow(1 + x, degree);
}

TEST(PolynomialPlugin, equals_its_definition_in_both_forms) {
  test::expect_polynomial_definition(subject, weight,
                              {Case{1, 2, 1, at::kDouble, Causality::strict, 1e-12}, Case{1, 4, 1, at::kDouble, Causality::inclusive, 1e-12},
                               Case{16, 2, 1, at::kDouble, Causality::strict, 1e-12}, Case{67, 4, 0.9, at::kDouble, Causality::inclusive, 1e-11},
                               Case{67, 6, 1, at::kDouble, Causality::strict, 1e-10}, Case{90, 2, 1, at::kFloat, Causality::inclusive, 1e-4},
                               Case{50, 2, 0.5, at::kBFloat16, Causality::inclusive, 5e-2}, Case{50, 4, 0.5, at::kHalf, Causality::inclusive, 1e-2}});
}

TEST(PolynomialPlugin, a_row_without_keys_is_zero) { test::expect_zero_without_keys(subject); }

TEST(PolynomialPlugin, no_token_looks_ahead) {
  test::expect_no_leak(subject(2, "linear", Causality::strict, 1));
  test::expect_no_leak(subject(2, "quadratic", Causality::inclusive, 1));
}

// LibTorch's products round by where a row stands in the batch.
TEST(PolynomialPlugin, rows_do_not_depend_on_their_place_in_the_batch) { test::expect_rows_alone(subject); }

TEST(PolynomialRefuses, more_monomials_than_can_be_kept_and_odd_degrees) {
  const AttentionShape wide{.heads = 2, .head_dim = 64, .max_length = 128};
  EXPECT_THAT(subject(6, "linear").refusal(wide), HasSubstr("polynomial.form=quadratic"));
  EXPECT_EQ(subject(2, "linear").refusal(wide), "");
  EXPECT_EQ(subject(6, "quadratic").refusal(wide), "");
  EXPECT_THAT(subject(3, "automatic").error(), HasSubstr("attention.degree"));
}

TEST(Monomials, are_counted) {
  EXPECT_EQ(monomials(64, 2), 2145);
  EXPECT_EQ(monomials(64, 4), 814385);
  EXPECT_EQ(monomials(32, 3), 6545);
  EXPECT_EQ(monomials(5, 0), 1);
}

}  // namespace
}  // namespace attnlab
