/// as_exact.h: the tolerance rule for what a model computes around its attention.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace attnlab::test {

/// An error of at most twice the peer's, which had the same dtypes, and 4 float32 ulp of the largest number.
inline void expect_as_exact(const at::Tensor& got, const at::Tensor& peer, const at::Tensor& exact) {
  const auto error = [&](const at::Tensor& of) { return (of - exact).abs().max().item<double>(); };
  const double ulp = std::ldexp(1.0, std::ilogb(exact.abs().max().item<double>()) - 23);
  EXPECT_LE(error(got), 2 * error(peer) + 4 * ulp);
}

}  // namespace attnlab::test
