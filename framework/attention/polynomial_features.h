/// polynomial_features.h: monomials of a row, so that phi(x) . phi(y) = f(x . y) for a polynomial f.
///   D head_dim, F features: C(D + p, p) where no coefficient is 0.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "framework/attention/polynomial.h"

namespace attnlab {

/// Memory F p integers. Safe to call from several threads.
class PolynomialFeatures {
 public:
  /// `options`: dtype and device of the rows.
  PolynomialFeatures(const Polynomial& polynomial, std::int64_t D, const at::TensorOptions& options);

  /// [B, H, T, D] -> [B, H, T, F], without a graph.
  [[nodiscard]] at::Tensor of(const at::Tensor& x) const;
  /// The gradient of sum(of(x) * grad) in x: [B, H, T, F] -> [B, H, T, D].
  [[nodiscard]] at::Tensor gradient(const at::Tensor& x, const at::Tensor& grad) const;

 private:
  struct Degree {
    std::vector<at::Tensor> indices;  // `degree` of them, int64 [monomials]
    at::Tensor weight;                // sqrt(a * how often the monomial occurs in x^degree)
  };
  std::vector<Degree> degrees_;
};

}  // namespace attnlab
