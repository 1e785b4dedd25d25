/// reference.h: exact attention under an explicit mask, in float64: what every variant is held to.
#pragma once

#include <ATen/core/Tensor.h>

namespace attnlab {

/// softmax(scale q k^T over the allowed pairs) v, computed in float64 whatever the inputs' dtype.
/// query [B,H,T,D], key and value [B,H,S,D], mask [B,H,T,S] bool, true where row t sees key s
/// (broadcast over B and H). Rows that see no key are exactly 0, with zero gradients.
/// Differentiable in query, key and value. Memory grows with T x S: for tests.
[[nodiscard]] at::Tensor masked_reference(const at::Tensor& query, const at::Tensor& key,
                                          const at::Tensor& value, const at::Tensor& mask,
                                          double scale);

/// [T, T] bool: key s <= query t, or s < t when `strict`.
[[nodiscard]] at::Tensor causal_mask(std::int64_t length, bool strict);

/// One unit in the last place of `value` in `dtype`; 0 for 0 and for what is not finite.
[[nodiscard]] double ulp(double value, at::ScalarType dtype);

}  // namespace attnlab
