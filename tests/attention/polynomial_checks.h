/// polynomial_checks.h: what holds of plugins with polynomial weights. The reference: attention with weights f(x), x = scale * cosine, as its definition says: all
///   pairs in float64, gradients by autograd.
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/sparse/plugin_checks.h"

namespace attnlab::test {

struct PolynomialReference {
  at::Tensor out, dq, dk, dv;
};

template <class Weight>
PolynomialReference polynomial_reference(const RandomInput& in, double scale, bool strict,
                                         const Weight& weight) {
  const auto leaf = [](const at::Tensor& x) { return x.to(at::kDouble).detach().clone().requires_grad_(); };
  const auto q = leaf(in.query), k = leaf(in.key), v = leaf(in.value);
  const auto unit = [](const at::Tensor& x) { return x / x.norm(2, -1, true); };
  const auto T = q.size(2);
  const auto seen = at::ones({T, T}, at::kBool).tril(strict ? -1 : 0);
  const auto weights = weight(scale * unit(q).matmul(unit(k).transpose(2, 3))).masked_fill(seen.logical_not(), 0);
  const auto total = weights.sum(-1, true);
  const auto out = weights.matmul(v) / total.masked_fill(total == 0, 1);
  out.backward(in.grad_out.to(at::kDouble));
  return {out.detach(), q.grad(), k.grad(), v.grad()};
}

struct PolynomialCase {
  std::int64_t T, degree;
  double scale;
  at::ScalarType dtype;
  config::Causality causality;
  double tolerance;  // of the largest reference value, or of 1
};

/// A small chunk, so that short sequences have several.
inline PluginUnderTest polynomial_plugin(const std::string& name, std::int64_t degree,
                                         const std::string& form, config::Causality causality,
                                         double scale) {
  return {name,
          {{"degree", degree}, {"form", form}, {"scale", scale}, {"chunk", std::int64_t{16}}},
          causality,
          true};
}

/// `subject(degree, form, causality, scale)` makes the plugin, `weight(x, degree)` its weights.
template <class Subject, class Weight>
void expect_polynomial_definition(const Subject& subject, const Weight& weight,
                                  const std::vector<PolynomialCase>& cases) {
  for (const auto& c : cases) {
    const RandomInput in({2, 2, c.T, 8}, c.dtype, false);
    const ContextCase batch(2);
    for (const char* form : {"linear", "quadratic"}) {
      const auto plugin = subject(c.degree, form, c.causality, c.scale);
      const auto got = attend(plugin.function(batch.context), in.query, in.key, in.value, in.grad_out);
      const auto want =
          polynomial_reference(in, c.scale, c.causality == config::Causality::strict,
                               [&](const at::Tensor& x) { return weight(x, c.degree); });
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

template <class Subject>
void expect_zero_without_keys(const Subject& subject) {
  const RandomInput in({1, 2, 40, 8}, at::kFloat);
  const ContextCase batch(1);
  for (const char* form : {"linear", "quadratic"}) {
    const auto out = subject(2, form, config::Causality::strict, 1).run(in.input(), batch.context).output;
    EXPECT_TRUE(out.select(2, 0).eq(0).all().template item<bool>());
  }
}

template <class Subject>
void expect_rows_alone(const Subject& subject) {
  const RandomInput in({4, 2, 60, 8}, at::kDouble);
  const ContextCase all(4), one(1);
  for (const char* form : {"linear", "quadratic"}) {
    const auto plugin = subject(2, form, config::Causality::strict, 1);
    const auto whole = plugin.run(in.input(), all.context).output;
    for (std::int64_t b = 0; b < 4; ++b) {
      const auto row = [&](const at::Tensor& x) { return x.narrow(0, b, 1); };
      const auto alone =
          plugin.run({row(in.query), row(in.key), row(in.value), {}}, one.context).output;
      EXPECT_TRUE(at::allclose(alone, row(whole), 1e-12, 1e-12)) << form << " " << b;
    }
  }
}

}  // namespace attnlab::test
