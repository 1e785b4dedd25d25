/// compare.h: differences of tensors in words.
#pragma once

#include <ATen/ATen.h>

#include <string>

namespace attnlab::conformance {

/// Bit-equal, where all NaN count as one.
inline bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && (a.eq(b) | (a.isnan() & b.isnan())).all().item<bool>();
}

inline double largest(const at::Tensor& x) {
  return x.numel() == 0 ? 0.0 : x.to(at::kDouble).abs().max().item<double>();
}

/// Whether |a - b| <= tolerance everywhere; a NaN anywhere is not.
inline bool near(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  return a.sizes() == b.sizes() &&
         ((a.to(at::kDouble) - b.to(at::kDouble)).abs() <= tolerance).all().item<bool>();
}

/// "row t=5 of head 1, sequence 0: 0.25, expected 0.5" at the largest difference of [B,H,T,*].
inline std::string where_apart(const at::Tensor& a, const at::Tensor& b) {
  const auto apart = (a.to(at::kDouble) - b.to(at::kDouble)).abs();
  const auto shown = apart.masked_fill(apart.isnan(), 1e300);
  auto index = shown.argmax().item<std::int64_t>();
  const std::int64_t n = index % a.size(3);
  const std::int64_t t = index / a.size(3) % a.size(2);
  const std::int64_t h = index / a.size(3) / a.size(2) % a.size(1);
  const std::int64_t s = index / a.size(3) / a.size(2) / a.size(1);
  const auto value = [&](const at::Tensor& x) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", x[s][h][t][n].to(at::kDouble).item<double>());
    return std::string(text);
  };
  return "sequence " + std::to_string(s) + ", head " + std::to_string(h) + ", row " +
         std::to_string(t) + ", column " + std::to_string(n) + ": " + value(a) + ", expected " +
         value(b);
}

/// How far two correct computations of dtype may lie apart where values are about 1.
inline double slack(at::ScalarType dtype) {
  switch (dtype) {
    case at::kDouble:
      return 1e-11;
    case at::kBFloat16:
      return 4e-2;
    case at::kHalf:
      return 5e-3;
    default:
      return 3e-5;
  }
}

}  // namespace attnlab::conformance
