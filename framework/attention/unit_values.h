/// unit_values.h: values that make an attention tell its weights: an output that is linear in them
///   then holds what each row takes of the value rows that were named. Header only; no run's numbers.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>

namespace attnlab {

/// Zeros like `values` [B, H, T, D], with 1 in channel j of row keys[j], in every sequence and head.
/// At most D keys.
[[nodiscard]] inline at::Tensor unit_values(const at::Tensor& values, std::span<const std::int64_t> keys) {
  auto units = at::zeros_like(values, at::MemoryFormat::Contiguous);
  for (std::size_t j = 0; j < keys.size(); ++j) {
    units.select(2, keys[j]).select(2, static_cast<std::int64_t>(j)).fill_(1);
  }
  return units;
}

}  // namespace attnlab
