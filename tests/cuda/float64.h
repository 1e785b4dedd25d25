/// float64.h: segment attention and its gradients in float64 with plain loops; and the same with
///   every number rounded that a 16-bit implementation rounds: the yardstick for errors.
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
/// applied to weights and to their gradients, as an implementation that multiplies matrices of
/// 16-bit elements does.
inline void attend_row(const AttentionInput& in, double (*round)(double), std::int64_t row,
                       std::int64_t first, const Numbers& keys, Attended& result) {
  const std::int64_t D = in.dim;
  const auto at = [D](const Values& values, std::int64_t r) { return values.data() + r * D; };
  const auto dot = [D](const double* a, const double* b) {
    double sum = 0;
    for (std::int64_t d = 0; d < D; ++d) sum += a[d] * b[d];
    return sum;
  };
  std::vector<double> weight;
  double largest = -std::numeric_limits<double>::infinity(), total = 0;
  for (const auto j : keys) {
    weight.push_back(in.scale * dot(at(in.query, row), at(in.key, first + j)));
    largest = std::max(largest, weight.back());
  }
  for (auto& w : weight) total += w = std::exp(w - largest);
  result.lse[static_cast<std::size_t>(row)] = largest + std::log(total);
  double* const out = result.out.data() + row * D;
  for (std::size_t n = 0; n < keys.size(); ++n) {
    for (std::int64_t d = 0; d < D; ++d) {
      out[d] += round(weight[n]) / total * at(in.value, first + keys[n])[d];
    }
  }
  for (std::int64_t d = 0; d < D; ++d) out[d] = round(out[d]);
  const double* const grad = at(in.grad_out, row);
  const double shift =
      dot(grad, out) - (in.grad_lse.empty() ? 0 : in.grad_lse[static_cast<std::size_t>(row)]);
  for (std::size_t n = 0; n < keys.size(); ++n) {
    const std::int64_t key = first + keys[n];
    const double w = weight[n] / total;
    const double ds = round(w * (dot(grad, at(in.value, key)) - shift));
    for (std::int64_t d = 0; d < D; ++d) {
      result.grad_query[static_cast<std::size_t>(row * D + d)] +=
          in.scale * ds * at(in.key, key)[d];
      result.grad_key[static_cast<std::size_t>(key * D + d)] +=
          in.scale * ds * at(in.query, row)[d];
      result.grad_value[static_cast<std::size_t>(key * D + d)] += round(w) * grad[d];
    }
  }
}

inline Attended attend(const AttentionInput& in, const HostPlan& plan,
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
      if (!keys.empty()) attend_row(in, round, g * in.length + i, g * in.length, keys, result);
    }
  }
  for (auto* values : {&result.grad_query, &result.grad_key, &result.grad_value}) {
    for (auto& x : *values) x = round(x);
  }
  return result;
}

}  // namespace attnlab::cuda::test
