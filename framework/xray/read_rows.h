/// read_rows.h: the weights with which an attention mixes its values, as told from outside.
///   Axes as in attention.h, for one sequence (B = 1): H heads, T length, D head_dim; n sampled rows.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/attention/attention.h"

namespace attnlab::xray {

/// An output that is linear in the values is W v, and either end of it tells W:
///   gradients   unit vectors as gradients of D output rows: the gradient of the values holds those
///               rows of W. ceil(n / D) passes forward and back.
///   values      unit vectors in D value rows: the output holds those columns of W. ceil(T / D) passes
///               forward, and no backward pass is trusted.
/// Both need memory of H (n T + a few T D) numbers.
enum class Method { gradients, values };

struct RowWeights {
  at::Tensor weights;  // [H, n, T] in the output's dtype
  at::Tensor output;   // [H, n, D] of the true values
  /// |output - weights x values| / |output|, the largest of any head: what W does not explain. Large
  /// where the output is not linear in the values.
  double unexplained = 0;
};

/// `rows` [n] int64 on the input's device. Throws what the attention throws.
[[nodiscard]] RowWeights read_rows(Attention& attention, const AttentionInput& input,
                                   const AttentionContext& context, const at::Tensor& rows, Method method);

/// By gradients, and where these do not explain the output, by values.
[[nodiscard]] RowWeights read_rows(Attention& attention, const AttentionInput& input,
                                   const AttentionContext& context, const at::Tensor& rows);

/// Whether rounding accounts for what is unexplained.
[[nodiscard]] bool explained(const RowWeights& read);

}  // namespace attnlab::xray
