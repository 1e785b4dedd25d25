// polynomial against its quadratic definition in float64, in both forms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/attention/polynomial.h"
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

/// Two keys with cosines near -1 to the last query, and values 1 and 2; `lean` is what keeps them from it.
RandomInput opposite(double lean) {
  RandomInput in({1, 1, 3, 8}, at::kFloat, false);
  const auto row = [](double second, double third, double fourth, double first) {
    return at::tensor({first, second, third, fourth, 0., 0., 0., 0.}, at::kFloat);
  };
  in.key = at::stack({row(0, 0, lean / 2, 1), row(lean, 0, 0, 1), row(0, 0, 0, 1)}).view({1, 1, 3, 8});
  in.query = at::stack({row(0, 0, 0, 1), row(0, 0, 0, 1), row(0, lean, 0, -1)}).view({1, 1, 3, 8});
  in.value = at::arange(1, 4).to(at::kFloat).view({1, 1, 3, 1}).expand({1, 1, 3, 8}).contiguous();
  return in;
}

TEST(PolynomialPlugin, weights_do_not_cancel_where_queries_point_away_from_keys) {
  struct Opposite {
    std::int64_t degree;
    double lean;
    const char* form;
  };
  const ContextCase batch(1);
  for (const auto& c : {Opposite{2, .1, "quadratic"}, {4, .1, "quadratic"}, {6, .1, "quadratic"}, {8, .1, "quadratic"},
                        {6, .3, "quadratic"}, {8, .3, "quadratic"}, {2, .3, "linear"}, {4, .3, "linear"}, {6, .3, "linear"}}) {
    const auto in = opposite(c.lean);
    auto plugin = subject(c.degree, c.form);
    plugin.values.back().second = std::int64_t{1};  // of chunk: every pair by its features
    const auto got = test::attend(plugin.function(batch.context), in.query, in.key, in.value, in.grad_out);
    const auto want = test::polynomial_reference(in, 1, true, [&](const at::Tensor& x) { return weight(x, c.degree); });
    const auto near = [&](const at::Tensor& a, const at::Tensor& b) {
      return at::allclose(a.to(at::kDouble), b, 2e-3, 2e-3 * b.abs().max().item<double>());
    };
    EXPECT_TRUE(near(got.out, want.out)) << c.degree << " " << c.lean << " " << c.form << got.out << want.out;
    EXPECT_TRUE(near(got.dq, want.dq) && near(got.dk, want.dk) && near(got.dv, want.dv)) << c.degree << " " << c.form;
  }
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
