#include "framework/attention/polynomial_features.h"

#include <ATen/ATen.h>

#include <cmath>

namespace attnlab {
namespace {

using Monomial = std::vector<std::int64_t>;  // the coordinates that are multiplied, ascending

/// Monomials of one degree more.
std::vector<Monomial> longer(const std::vector<Monomial>& monomials, std::int64_t D) {
  std::vector<Monomial> result;
  for (const auto& monomial : monomials) {
    for (std::int64_t i = monomial.empty() ? 0 : monomial.back(); i < D; ++i) {
      result.push_back(monomial);
      result.back().push_back(i);
    }
  }
  return result;
}

// degree! / (n_1! n_2! ..) for coordinates that occur n_i times.
double occurrences(const Monomial& monomial) {
  double result = 1;
  double run = 0;
  for (std::size_t i = 0; i < monomial.size(); ++i) {
    run = i > 0 && monomial[i] == monomial[i - 1] ? run + 1 : 1;
    result *= static_cast<double>(i + 1) / run;
  }
  return result;
}

}  // namespace

PolynomialFeatures::PolynomialFeatures(const Polynomial& polynomial, std::int64_t D,
                                       const at::TensorOptions& options) {
  std::vector<Monomial> monomials{{}};
  for (std::int64_t degree = 0; degree <= polynomial.degree(); ++degree) {
    if (degree > 0) monomials = longer(monomials, D);
    const double a = polynomial.coefficients[static_cast<std::size_t>(degree)];
    if (a == 0) continue;
    std::vector<double> weights;
    std::vector<std::vector<std::int64_t>> columns(static_cast<std::size_t>(degree));
    for (const auto& monomial : monomials) {
      weights.push_back(std::sqrt(a * occurrences(monomial)));
      for (std::size_t i = 0; i < monomial.size(); ++i) columns[i].push_back(monomial[i]);
    }
    Degree made;
    made.weight = at::tensor(weights, at::kDouble).to(options);
    for (const auto& column : columns) {
      made.indices.push_back(at::tensor(column, at::kLong).to(options.device()));
    }
    degrees_.push_back(std::move(made));
  }
}

at::Tensor PolynomialFeatures::of(const at::Tensor& x) const {
  std::vector<at::Tensor> parts;
  for (const auto& [indices, weight] : degrees_) {
    if (indices.empty()) {
      parts.push_back(weight.expand({x.size(0), x.size(1), x.size(2), 1}));
      continue;
    }
    auto product = x.index_select(3, indices[0]);
    for (std::size_t i = 1; i < indices.size(); ++i) {
      product = product * x.index_select(3, indices[i]);
    }
    parts.push_back(product * weight);
  }
  return at::cat(parts, 3);
}

at::Tensor PolynomialFeatures::gradient(const at::Tensor& x, const at::Tensor& grad) const {
  auto result = at::zeros_like(x);
  std::int64_t begin = 0;
  for (const auto& [indices, weight] : degrees_) {
    const auto end = begin + weight.size(0);
    const auto weighted = grad.slice(3, begin, end) * weight;
    begin = end;
    for (std::size_t i = 0; i < indices.size(); ++i) {  // the product rule
      auto product = weighted;
      for (std::size_t j = 0; j < indices.size(); ++j) {
        if (j != i) product = product * x.index_select(3, indices[j]);
      }
      result.index_add_(3, indices[i], product);
    }
  }
  return result;
}

}  // namespace attnlab
