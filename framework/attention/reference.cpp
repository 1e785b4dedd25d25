#include "framework/attention/reference.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

namespace attnlab {

at::Tensor masked_reference(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const at::Tensor& mask, double scale) {
  const auto q = query.to(at::kDouble), k = key.to(at::kDouble), v = value.to(at::kDouble);
  const auto seen = mask.any(-1, /*keepdim=*/true);                // [B, H, T, 1]
  const auto scores = scale * at::matmul(q, k.transpose(-2, -1));  // [B, H, T, S]
  // A row of -inf alone would be NaN forward and backward; such rows get zeros and are cut below.
  const auto masked =
      scores.masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity())
          .masked_fill(seen.logical_not(), 0.0);
  const auto weights = at::softmax(masked, -1).masked_fill(mask.logical_not(), 0.0);
  return at::matmul(weights, v);  // [B, H, T, D]
}

at::Tensor causal_mask(std::int64_t length, bool strict) {
  return at::ones({length, length}, at::kBool).tril(strict ? -1 : 0);
}

double ulp(double value, at::ScalarType dtype) {
  if (value == 0 || !std::isfinite(value)) return 0;
  const int bits = dtype == at::kDouble  ? 52
                   : dtype == at::kFloat ? 23
                   : dtype == at::kHalf  ? 10
                                         : 7;
  return std::ldexp(1.0, std::ilogb(value) - bits);
}

}  // namespace attnlab
