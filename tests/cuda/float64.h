/// float64.h: segment attention and its gradients with plain loops: in float64 the truth; in
/// float32,
///   with the weights rounded as an implementation that multiplies 16-bit matrices rounds them, the
///   yardstick for errors.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "tests/cuda/host_plan.h"

namespace attnlab::cuda::test {

using Values = std::vector<double>;  // [G, T, D], or [G, T]

/// What attention makes of its inputs, or takes in the other direction.
struct Attended {
  Values out, lse, grad_query, grad_key, grad_value;
};
struct AttentionInput {
  std::int64_t groups = 1, length = 1, dim = 1;
  double scale = 1;
  Values query, key, value, grad_out;  // [G, T, D]
  Values grad_lse;                     // [G, T] or empty
};

inline double identity(double x) { return x; }

/// One query row of one group: weights of its keys, then what they add to the results. `round` is
/// applied to weights and their gradients; sums are kept in Real.
template <class Real>
void attend_row(const AttentionInput& in, double (*round)(double), std::int64_t row,
                std::int64_t first, const Numbers& keys, Attended& result) {
  const std::int64_t D = in.dim;
  const auto scale = static_cast<Real>(in.scale);
  const auto at = [D](const Values& values, std::int64_t r) { return values.data() + r * D; };
  const auto dot = [D](const double* a, const double* b) {
    Real sum = 0;
    for (std::int64_t d = 0; d < D; ++d) sum += static_cast<Real>(a[d]) * static_cast<Real>(b[d]);
    return sum;
  };
  const auto add = [](double& to, Real x) { to = static_cast<Real>(to) + x; };
  std::vector<Real> weight;
  Real largest = -std::numeric_limits<Real>::infinity(), total = 0;
  for (const auto j : keys) {
    weight.push_back(scale * dot(at(in.query, row), at(in.key, first + j)));
    largest = std::max(largest, weight.back());
  }
  for (auto& w : weight) total += w = std::exp(w - largest);
  result.lse[static_cast<std::size_t>(row)] = largest + std::log(total);
  double* const out = result.out.data() + row * D;
  for (std::size_t n = 0; n < keys.size(); ++n) {
    const double* const value = at(in.value, first + keys[n]);
    const auto w = static_cast<Real>(round(weight[n]));
    for (std::int64_t d = 0; d < D; ++d) add(out[d], w * static_cast<Real>(value[d]));
  }
  for (std::int64_t d = 0; d < D; ++d) out[d] = round(static_cast<Real>(out[d]) / total);
  const double* const grad = at(in.grad_out, row);
  const Real shift =
      dot(grad, out) -
      static_cast<Real>(in.grad_lse.empty() ? 0 : in.grad_lse[static_cast<std::size_t>(row)]);
  for (std::size_t n = 0; n < keys.size(); ++n) {
    const std::int64_t key = first + keys[n];
    const Real w = weight[n] / total;
    const auto ds = static_cast<Real>(round(w * (dot(grad, at(in.value, key)) - shift))) * scale;
    for (std::int64_t d = 0; d < D; ++d) {
      const auto r = static_cast<std::size_t>(row * D + d),
                 k = static_cast<std::size_t>(key * D + d);
      add(result.grad_query[r], ds * static_cast<Real>(in.key[k]));
      add(result.grad_key[k], ds * static_cast<Real>(in.query[r]));
      add(result.grad_value[k], static_cast<Real>(round(w)) * static_cast<Real>(grad[d]));
    }
  }
}

template <class Real = double>
Attended attend(const AttentionInput& in, const HostPlan& plan,
                double (*round)(double) = identity) {
  const Values zeros(in.query.size());
  Attended result{zeros,
                  Values(static_cast<std::size_t>(in.groups * in.length),
                         -std::numeric_limits<double>::infinity()),
                  zeros, zeros, zeros};
  for (std::int64_t g = 0; g < in.groups; ++g) {
    const auto pairs = plan.pairs(g);
    for (std::int64_t i = 0; i < in.length; ++i) {
      const auto& keys = pairs[static_cast<std::size_t>(i)];
      if (!keys.empty())
        attend_row<Real>(in, round, g * in.length + i, g * in.length, keys, result);
    }
  }
  for (auto* values : {&result.grad_query, &result.grad_key, &result.grad_value}) {
    for (auto& x : *values) x = round(x);
  }
  return result;
}

}  // namespace attnlab::cuda::test
