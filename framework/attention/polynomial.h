/// polynomial.h: causal attention whose weights are a polynomial of the scores, in time linear in T.
///   out_t = sum_s f(x_ts) v_s / sum_s f(x_ts) over the keys that t sees, x_ts = query_t . key_s.
///   Gerami et al. 2024, FAST, arXiv 2402.07901 (f = 1 + x + x^2/2); Chu et al. 2024, "Metric Transforms
///   and Low Rank Representations of Kernels for Fast Attention": no other functions are of low rank.
///   B batch, H heads, T length, D head_dim, F features: monomials up to the degree, C(D + p, p).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attnlab {

struct Polynomial {
  std::vector<double> coefficients;  // of x^0, x^1, ..; none below 0, the last one above
  /// f(x) = (shift + x)^degree. The coefficients are its terms, but where there is an x its weight is
  /// computed as this power: near x = -shift the terms cancel, down to no digit and below 0.
  std::optional<double> shift = std::nullopt;
  [[nodiscard]] std::int64_t degree() const {
    return static_cast<std::int64_t>(coefficients.size()) - 1;
  }
};

/// (shift + x)^degree, with C(degree, i) shift^(degree - i) of x^i. shift: at least 0.
[[nodiscard]] Polynomial power(double shift, std::int64_t degree);

/// C(D + p, p), the rank of f(QK^T); 2^62 where it is larger than that.
[[nodiscard]] std::int64_t monomials(std::int64_t head_dim, std::int64_t degree);

/// linear: chunks with the state of all before them, T F D operations; quadratic: rows against all
/// earlier rows, T^2 D; neither keeps an array of [T, T]. A linear weight is a sum of products of
/// features: its error is that of the largest f, not of its own, in float64 from degree 3 on.
enum class PolynomialForm { linear, quadratic };

/// [B, H, T, D] in the query's dtype, differentiable once in query, key and value, whose gradients are
/// computed from them anew: memory grows with T D + F D + chunk F. Sums are float32 for half
/// precision, and float64 in the linear form of degree 3 or more. A row that sees no key, or whose weights add up to 0, is exactly 0. The keys are those
/// before t, and t's own with `include_self`. Rows are taken `chunk` at a time, at least 1.
/// Throws c10::Error on shapes, dtypes or coefficients that do not fit.
[[nodiscard]] at::Tensor polynomial_attention(const at::Tensor& query, const at::Tensor& key,
                                              const at::Tensor& value, const Polynomial& polynomial,
                                              bool include_self, PolynomialForm form,
                                              std::int64_t chunk);

/// Which form a user asks for. automatic: linear from T = 2 F on, where its products are fewer; the
/// numbers are the same but for rounding.
enum class PolynomialChoice { automatic, linear, quadratic };

struct CosineAttention {
  at::Tensor out;      // [B, H, T, D] in the query's dtype
  std::string kernel;  // "polynomial_attention linear"
};

/// The same with x_ts = scale * cosine of query_t and key_s, each row normalised by itself, so that no
/// token looks ahead; a zero row stays zero. Throws as polynomial_attention does.
[[nodiscard]] CosineAttention cosine_attention(const at::Tensor& query, const at::Tensor& key,
                                               const at::Tensor& value, const Polynomial& polynomial,
                                               double scale, bool include_self,
                                               PolynomialChoice choice, std::int64_t chunk);

}  // namespace attnlab
