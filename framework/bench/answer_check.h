/// answer_check.h: is what is about to be timed right, on the very tensors that will be timed?
///   Reads the attention weights instead of trusting a plugin: values enter linearly, so a gradient
///   that is 1 in one channel of one output row comes back in that channel of grad_value as the
///   row's weights, D rows in one pass. Then float64 decides on these rows, at any length.
///   Not thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "framework/bench/subject.h"

namespace attnlab::bench {

struct Checked {
  std::int64_t rows = 0;  // output rows of every head that were compared
  bool all_rows = false;
  bool full = false;         // each of them saw all that causality allows
  double pairs_per_row = 0;  // keys seen, mean over the rows, scaled to rows spread over T evenly
  double pairs = 0;          // over all B, H and T, estimated from them; exact with all_rows
  std::string what{};        // in words, what was compared with what, and what was not
};

/// Compares output and gradients of a random choice of rows (all, where T is small) with the
/// float64 softmax over the keys that they saw:
///   max|x - ref64| <= 2 max|LibTorch, same dtype and mask - ref64| + 4 ulp of the largest.
/// Rows without keys must be 0, no key may lie in the future, and what `subject.promise()` says
/// must hold. Without Promise::softmax there is nothing to compare the output with: it must be
/// finite, and the gradients must be its derivatives (check_derivatives()).
/// Throws Error naming the tensor, the error and its limit.
[[nodiscard]] Checked check_answer(Subject& subject, const Inputs& in, std::uint64_t seed);

struct Derivatives {
  std::int64_t agreed = 0;  // directions in which gradient and finite difference agree, 6 of them
  std::int64_t jumped = 0;  // directions that say nothing: the output jumps, as patterns do
};

/// Compares the gradients of sum(output * grad_out) in query, key and value with central differences
/// of two steps, in the inputs' own dtype, within 0.5 % (of values 0.1 %, in 16 bits 2 %) and the
/// rounding of the outputs: along the gradient and at random. A gradient that is wrong in few of
/// many rows can be below that. Throws Error.
[[nodiscard]] Derivatives check_derivatives(Subject& subject, const Inputs& in, std::uint64_t seed);

}  // namespace attnlab::bench
