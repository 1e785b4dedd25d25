/// sliced_loss.h: cross entropy of a tied output head without ever holding all logits.
///   Logits and their gradient exist for `slice_rows` rows at a time, W float32 numbers a row,
///   instead of N rows (T=16384, W=50304: 3.3 GB). The gradients are computed on the way forward,
///   so each slice of logits is made once.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace attnlab::model {

/// Sum of -log softmax(hidden weight^T)[target] over rows with target >= 0, in nats.
///   hidden  [N, C] float32 or float64
///   weight  [W, C] same dtype
///   target  [N] int64; -1: not scored
/// Returns a float64 scalar, differentiable once in hidden and weight. Under autocast the products
/// run in its dtype; log-sum-exp, the sum and the weight's gradient accumulate in hidden's dtype.
/// Throws c10::Error on other shapes or dtypes.
[[nodiscard]] at::Tensor sliced_cross_entropy(const at::Tensor& hidden, const at::Tensor& weight,
                                              const at::Tensor& target, std::int64_t slice_rows);

}  // namespace attnlab::model
