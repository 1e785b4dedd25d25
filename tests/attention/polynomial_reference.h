/// polynomial_reference.h: attention with weights f(x), x = scale * cosine, as its definition says: all
///   pairs in float64, gradients by autograd.
#pragma once

#include <ATen/ATen.h>

#include <array>

#include "tests/support/plugin_case.h"

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

}  // namespace attnlab::test
