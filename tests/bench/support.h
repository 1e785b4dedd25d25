/// support.h: small inputs, subjects made of a function, and the text of an Error.
#pragma once

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "framework/bench/subject.h"
#include "framework/core/error.h"

namespace attnlab::bench {

inline Inputs small_inputs(std::int64_t T, at::ScalarType dtype = at::kFloat, std::int64_t D = 16) {
  return make_inputs({1, 2, T, D}, /*shared_keys=*/true, config::KeyNorm::per_head, 7, dtype,
                     at::kCPU);
}

class FunctionSubject final : public Subject {
 public:
  using Function = std::function<at::Tensor(const Inputs&)>;
  FunctionSubject(Function function, Promise promise)
      : function_(std::move(function)), promise_(promise) {}
  at::Tensor forward(const Inputs& in) override { return function_(in); }
  std::string kernel() const override { return "function"; }
  Promise promise() const override { return promise_; }

 private:
  Function function_;
  Promise promise_;
};

/// Softmax attention written out, under a mask [T, T].
inline at::Tensor attend(const Inputs& in, const at::Tensor& mask, double scale = 0) {
  const double by = scale > 0 ? scale : 1 / std::sqrt(static_cast<double>(in.query.size(-1)));
  const auto scores = by * in.query.matmul(in.key.transpose(-1, -2));
  const auto weights =
      scores.masked_fill(mask.logical_not(), -1e30).softmax(-1).masked_fill(mask.logical_not(), 0);
  return weights.matmul(in.value);
}

inline at::Tensor causal(std::int64_t T, bool strict = false) {
  return at::ones({T, T}, at::kBool).tril(strict ? -1 : 0);
}

template <class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace attnlab::bench
