/// judge.h: when two tensors count as equal.
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "framework/attention/reference.h"
#include "framework/conformance/trial.h"

namespace attnlab::conformance {

/// Largest absolute value; 0 for no elements.
[[nodiscard]] double largest(const at::Tensor& tensor);
/// "[b, h, t, d]" of the element where `tensor` is largest; NaN counts as largest.
[[nodiscard]] std::string where_largest(const at::Tensor& tensor);

/// The rule of this project, forward and backward:
///   max|actual - ref64| <= 2 max|LibTorch, same dtype and mask - ref64| + 4 ulp of the largest.
/// Throws Violation: "`what` is off by ... at [..]; allowed are ...".
void expect_by_rule(const std::string& what, const at::Tensor& actual, const at::Tensor& libtorch,
                    const at::Tensor& reference, at::ScalarType dtype);

/// The output, and with `gradients` those of query, key and value, against reference() and
/// by_libtorch() of the trial's input under `mask` [B, H, T, T].
void expect_by_rule(const std::string& with, const Trial& trial, const at::Tensor& mask,
                    const Attended& actual, bool gradients);

/// Throws Violation naming the first difference. NaN equals NaN.
void expect_equal_bits(const std::string& what, const at::Tensor& actual,
                       const at::Tensor& expected);
/// The same sums in another order: within 64 ulp of the largest.
void expect_close(const std::string& what, const at::Tensor& actual, const at::Tensor& expected);
/// All of them, with "output", "gradient of the query" ... in the message.
void expect_equal_bits(const std::string& what, const Attended& actual, const Attended& expected);
void expect_close(const std::string& what, const Attended& actual, const Attended& expected);

/// softmax(q k^T / sqrt(D)) v over the pairs in `mask`, with its gradients where there is a
/// `grad_out`, in float64 ...
[[nodiscard]] Attended reference(const AttentionInput& input, const at::Tensor& grad_out,
                                 const at::Tensor& mask);
/// ... and by LibTorch in the input's own dtype and on its device. Rows without keys are 0 in both.
/// Its error hangs on the order of its sums, so it is asked for eight orders of the keys (two where
/// there are many), and each tensor is the one that lies furthest from `exact`: one order alone
/// judges a plugin by luck.
[[nodiscard]] Attended by_libtorch(const AttentionInput& input, const at::Tensor& grad_out,
                                   const at::Tensor& mask, const Attended& exact);

}  // namespace attnlab::conformance
