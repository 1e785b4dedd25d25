/// inputs.h: the tensors of one timing, from a seed.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/config/run_config.h"

namespace attnlab::bench {

struct Shape {
  std::int64_t batch = 1, heads = 1, length = 1, head_dim = 1;  // B, H, T, D
};

/// All [B, H, T, D] in one dtype on one device; query, key and value are leaves with gradients.
struct Inputs {
  at::Tensor query, key, value, grad_out;
  [[nodiscard]] Shape shape() const;
};

/// query, value and grad_out ~ N(0, 1), drawn on the CPU in float32, so that a seed means the same
/// values for every dtype and device. The key is the query where `shared_keys`, else drawn like it;
/// unless KeyNorm::none each head's key is k / |k|, as the model makes it.
[[nodiscard]] Inputs make_inputs(const Shape& shape, bool shared_keys, config::KeyNorm key_norm,
                                 std::uint64_t seed, at::ScalarType dtype, at::Device device);

}  // namespace attnlab::bench
