// fastmax against its quadratic definition in float64, in both forms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/attention/polynomial_reference.h"
#include "tests/sparse/plugin_checks.h"

namespace attnlab {
namespace {

using config::Causality;
using test::ContextCase;
using test::PluginUnderTest;
using test::RandomInput;
using testing::HasSubstr;

PluginUnderTest subject(std::int64_t degree, const std::string& form, Causality causality = Causality::strict,
                        double scale = 1, std::int64_t chunk = 16) {
  return {"fastmax",
          {{"degree", degree}, {"form", form}, {"scale", scale}, {"chunk", chunk}},
          causality,
          true};
}

/// Weights f(x) of x = scale * cosine.
at::Tensor weight(const at::Tensor& x, std::int64_t degree) {
  return degree == 1 ? 1 + x : 1 + x + x * x / 2;
}

TEST(Fastmax, equals_its_definition_in_both_forms) {
  struct Case {
    std::int64_t T, degree;
    double scale;
    at::ScalarType dtype;
    Causality causality;
    double tolerance;
  };
  for (const auto& c : {Case{1, 2, 1, at::kDouble, Causality::strict, 1e-12}, Case{1, 1, 1, at::kDouble, Causality::inclusive, 1e-12},
                        Case{16, 2, 1, at::kDouble, Causality::strict, 1e-12}, Case{67, 1, 0.9, at::kDouble, Causality::inclusive, 1e-11},
                        Case{67, 2, 3, at::kDouble, Causality::strict, 1e-11}, Case{90, 2, 1, at::kFloat, Causality::strict, 1e-4},
                        Case{50, 2, 1, at::kBFloat16, Causality::inclusive, 5e-2}, Case{50, 1, 1, at::kHalf, Causality::strict, 1e-2}}) {
    const RandomInput in({2, 2, c.T, 8}, c.dtype, false);
    const ContextCase batch(2);
    for (const char* form : {"linear", "quadratic"}) {
      const auto plugin = subject(c.degree, form, c.causality, c.scale);
      const auto got = test::attend(plugin.function(batch.context), in.query, in.key, in.value, in.grad_out);
      const auto want = test::polynomial_reference(
          in, c.scale, c.causality == Causality::strict, [&](const at::Tensor& x) { return weight(x, c.degree); });
      const auto near = [&](const at::Tensor& actual, const at::Tensor& expected, const char* what) {
        const double scale = std::max(1.0, expected.abs().max().item<double>());
        EXPECT_LT((actual.to(at::kDouble) - expected).abs().max().item<double>(), c.tolerance * scale)
            << what << " T " << c.T << " degree " << c.degree << " " << form;
      };
      near(got.out, want.out, "out");
      near(got.dq, want.dq, "dq");
      near(got.dk, want.dk, "dk");
      near(got.dv, want.dv, "dv");
    }
  }
}

TEST(Fastmax, a_row_without_keys_is_zero) {
  const RandomInput in({1, 2, 40, 8}, at::kFloat);
  const ContextCase batch(1);
  for (const char* form : {"linear", "quadratic"}) {
    EXPECT_TRUE(subject(2, form).run(in.input(), batch.context).output.select(2, 0).eq(0).all().item<bool>());
  }
}

TEST(Fastmax, no_token_looks_ahead) {
  test::expect_no_leak(subject(2, "linear"));
  test::expect_no_leak(subject(2, "quadratic", Causality::inclusive));
}

// LibTorch's products round by where a row stands in the batch.
TEST(Fastmax, rows_do_not_depend_on_their_place_in_the_batch) {
  const RandomInput in({4, 2, 60, 8}, at::kDouble);
  const ContextCase all(4), one(1);
  for (const char* form : {"linear", "quadratic"}) {
    const auto whole = subject(2, form).run(in.input(), all.context).output;
    for (std::int64_t b = 0; b < 4; ++b) {
      const auto row = [&](const at::Tensor& x) { return x.narrow(0, b, 1); };
      const auto alone = subject(2, form).run({row(in.query), row(in.key), row(in.value), {}}, one.context).output;
      EXPECT_TRUE(at::allclose(alone, row(whole), 1e-12, 1e-12)) << form << " " << b;
    }
  }
}

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
