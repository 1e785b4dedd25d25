// fastmax against its quadratic definition in float64, in both forms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/attention/polynomial_checks.h"

namespace attnlab {
namespace {

using config::Causality;
using Case = test::PolynomialCase;
using test::ContextCase;
using test::PluginUnderTest;
using test::RandomInput;
using testing::HasSubstr;

PluginUnderTest subject(std::int64_t degree, const std::string& form, Causality causality = Causality::strict,
                        double scale = 1) {
  return test::polynomial_plugin("fastmax", degree, form, causality, scale);
}

/// Weights f(x) of x = scale * cosine.
at::Tensor weight(const at::Tensor& x, std::int64_t degree) {
  return degree == 1 ? 1 + x : 1 + x + x * x / 2;
}

TEST(Fastmax, equals_its_definition_in_both_forms) {
  test::expect_polynomial_definition(subject, weight,
                              {Case{1, 2, 1, at::kDouble, Causality::strict, 1e-12}, Case{1, 1, 1, at::kDouble, Causality::inclusive, 1e-12},
                               Case{16, 2, 1, at::kDouble, Causality::strict, 1e-12}, Case{67, 1, 0.9, at::kDouble, Causality::inclusive, 1e-11},
                               Case{67, 2, 3, at::kDouble, Causality::strict, 1e-11}, Case{90, 2, 1, at::kFloat, Causality::strict, 1e-4},
                               Case{50, 2, 1, at::kBFloat16, Causality::inclusive, 5e-2}, Case{50, 1, 1, at::kHalf, Causality::strict, 1e-2}});
}

TEST(Fastmax, a_row_without_keys_is_zero) { test::expect_zero_without_keys(subject); }

TEST(Fastmax, no_token_looks_ahead) {
  test::expect_no_leak(subject(2, "linear", Causality::strict, 1));
  test::expect_no_leak(subject(2, "quadratic", Causality::inclusive, 1));
}

// LibTorch's products round by where a row stands in the batch.
TEST(Fastmax, rows_do_not_depend_on_their_place_in_the_batch) { test::expect_rows_alone(subject); }

TEST(FastmaxRefuses, negative_weights) {
  EXPECT_THAT(subject(1, "linear", Causality::strict, 2).error(), HasSubstr("fastmax.degree=2"));
  EXPECT_EQ(subject(1, "linear", Causality::strict, 1).error(), "accepted");
}

TEST(FastmaxForm, is_chosen_by_the_length) {
  const ContextCase batch(1);
  for (const auto& [T, expected] : {std::pair{80, "quadratic"}, std::pair{100, "linear"}}) {  // 45 monomials
    const RandomInput in({1, 1, T, 8}, at::kFloat);
    const auto layer = subject(2, "automatic").build(in.query);
    (void)layer->forward(in.input(), batch.context);
    EXPECT_THAT(layer->kernel(), HasSubstr(expected)) << T;
  }
}

}  // namespace
}  // namespace attnlab
