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

/// What is rounded on the way to a number: terms that cancel in it, by their size (0: none), and the scores
/// whose exponentials it is made of, of which a relative error is `scores` times as large.
struct Rounded {
  double terms = 0, scores = 1;
};
/// What that adds to what is allowed: in float32 and float64 an ulp of scores x terms; in narrower dtypes,
/// which LibTorch's own error stands for, one ulp of the terms, and only where the largest number is below
/// it: where one key is left, or all are equal, gradients of queries and keys are 0 but for rounding.
[[nodiscard]] double more_for(const Rounded& of, double largest, at::ScalarType dtype);

/// The rule of this project, forward and backward:
///   max|actual - ref64| <= 2 max|LibTorch, same dtype and mask - ref64| + 4 ulp of the largest.
/// and more_for(). In float64 64 ulp: the reference's own sums err as much, and LibTorch's the same way, so that
/// one in another order would be named for being nearer to the truth. Throws Violation: "`what` is off by ... at [..]; allowed are ...".
void expect_by_rule(const std::string& what, const at::Tensor& actual, const at::Tensor& libtorch,
                    const at::Tensor& reference, at::ScalarType dtype, const Rounded& of = {});

/// The output, and with `gradients` those of query, key and value, against reference() and
/// by_libtorch() of the trial's input under `mask` [B, H, T, T].
void expect_by_rule(const std::string& with, const Trial& trial, const at::Tensor& mask,
                    const Attended& actual, bool gradients);

/// Throws Violation naming the first difference. NaN equals NaN.
void expect_equal_bits(const std::string& what, const at::Tensor& actual,
                       const at::Tensor& expected);
/// The same sums in another order: within 64 ulp of the largest, and more_for().
void expect_close(const std::string& what, const at::Tensor& actual, const at::Tensor& expected,
                  const Rounded& of = {});
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
