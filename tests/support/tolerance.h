/// tolerance.h: the one rule by which a variant's numbers are judged, forward and backward.
///   max|x - ref64| <= 2 max|LibTorch same-dtype attention with the same mask - ref64|
///                     + 4 ulp of the largest reference value;
///   rows without keys are exactly 0. The factor is not a dial (FlashAttention's tests).
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>

#include "framework/attention/reference.h"

namespace attnlab::test {

/// Output and gradients of one attention on one input; also the tolerances for each.
struct Attended {
  at::Tensor out, dq, dk, dv;
};

using AttentionFunction =
    std::function<at::Tensor(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v)>;

/// Runs `attention` on fresh leaves and pulls `grad_out` back through it.
inline Attended attend(const AttentionFunction& attention, const at::Tensor& q, const at::Tensor& k,
                       const at::Tensor& v, const at::Tensor& grad_out) {
  const auto leaf = [](const at::Tensor& t) { return t.detach().clone().requires_grad_(true); };
  const auto query = leaf(q), key = leaf(k), value = leaf(v);
  const auto out = attention(query, key, value);
  out.backward(grad_out.to(out.scalar_type()));
  const auto gradient = [](const at::Tensor& t) {
    return t.grad().defined() ? t.grad() : at::full_like(t, std::nan(""));
  };
  return {out.detach(), gradient(query), gradient(key), gradient(value)};
}

/// The float64 reference on the same values.
inline Attended attend_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                 const at::Tensor& grad_out, const at::Tensor& mask, double scale) {
  const auto reference = [&](const auto& query, const auto& key, const auto& value) {
    return masked_reference(query, key, value, mask, scale);
  };
  return attend(reference, q.to(at::kDouble), k.to(at::kDouble), v.to(at::kDouble),
                grad_out.to(at::kDouble));
}

/// LibTorch in the inputs' own dtype. Rows without keys are cut out of both directions.
inline Attended attend_libtorch(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                const at::Tensor& grad_out, const at::Tensor& mask, double scale) {
  const auto seen = mask.any(-1, true);
  const auto open = mask.logical_or(seen.logical_not());
  const auto libtorch = [&](const auto& query, const auto& key, const auto& value) {
    const auto out = at::scaled_dot_product_attention(query, key, value, open, 0.0, false, scale);
    return out.masked_fill(seen.logical_not(), 0.0);
  };
  return attend(libtorch, q, k, v, grad_out);
}

inline double largest(const at::Tensor& tensor) {
  return tensor.numel() == 0 ? 0.0 : tensor.to(at::kDouble).abs().max().item<double>();
}

inline void expect_by_rule(const std::string& name, const at::Tensor& actual,
                           const at::Tensor& libtorch, const at::Tensor& reference,
                           at::ScalarType dtype) {
  ASSERT_EQ(actual.sizes(), reference.sizes()) << name;
  ASSERT_TRUE(at::isfinite(actual).all().item<bool>()) << name << " is not finite";
  const double error = largest(actual.to(at::kDouble) - reference);
  const double baseline = largest(libtorch.to(at::kDouble) - reference);
  const double floor = 4 * ulp(largest(reference), dtype);
  EXPECT_LE(error, 2 * baseline + floor)
      << name << ": LibTorch's own error is " << baseline << ", the floor " << floor;
}

/// Judges `attention` on q, k, v [B,H,T,D] under `mask` [B,H,T,T] (broadcastable).
inline void expect_matches_reference(const AttentionFunction& attention, const at::Tensor& q,
                                     const at::Tensor& k, const at::Tensor& v,
                                     const at::Tensor& grad_out, const at::Tensor& mask,
                                     double scale = 0) {
  const double s = scale > 0 ? scale : 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  const auto actual = attend(attention, q, k, v, grad_out);
  const auto libtorch = attend_libtorch(q, k, v, grad_out, mask, s);
  const auto reference = attend_reference(q, k, v, grad_out, mask, s);
  EXPECT_EQ(actual.out.scalar_type(), q.scalar_type());
  expect_by_rule("out", actual.out, libtorch.out, reference.out, q.scalar_type());
  expect_by_rule("dq", actual.dq, libtorch.dq, reference.dq, q.scalar_type());
  expect_by_rule("dk", actual.dk, libtorch.dk, reference.dk, q.scalar_type());
  expect_by_rule("dv", actual.dv, libtorch.dv, reference.dv, q.scalar_type());
  const auto unseen = mask.any(-1, true).logical_not().expand_as(actual.out);
  EXPECT_EQ(largest(actual.out.masked_select(unseen)), 0.0) << "a row without keys must be 0";
  EXPECT_EQ(largest(actual.dq.masked_select(unseen)), 0.0) << "and so must its query gradient";
}

}  // namespace attnlab::test
