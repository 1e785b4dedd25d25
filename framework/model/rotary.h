/// rotary.h: rotary position embedding (Su et al. 2021, arXiv 2104.09864, section 3.4.2).
///   Channels 2i and 2i+1 of a head form a plane; the row at position t is turned in it by the angle
///   t * base^(-2i/D). A score q_t . k_s then depends on the positions through t - s alone, and
///   lengths stay what they are.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace attnlab::model {

class Rotary {
 public:
  /// For positions 0 .. length-1. head_dim is even, base above 1. The table, complex64
  /// [length, heads, head_dim/2] on `device`, is made on the CPU in float64: the same bits everywhere.
  Rotary(std::int64_t length, std::int64_t heads, std::int64_t head_dim, double base,
         at::Device device);

  /// Row t of x [B, T, heads, head_dim] turned to position t; T <= length. Turned in float32 at least and
  /// rounded once to x's dtype. Differentiable; the result keeps no graph of x's numbers.
  [[nodiscard]] at::Tensor turn(const at::Tensor& x) const;

 private:
  at::Tensor table_;  // e^(i angle), repeated for every head so that one long product does it all
};

}  // namespace attnlab::model
