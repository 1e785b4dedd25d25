/// combinations.h: the product of axes, each combination with the overrides that apply to it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "framework/plan/axes.h"

namespace attnlab::plan {

/// More than any grid that ends: refused before memory and time are spent on it.
inline constexpr std::size_t kMostCombinations = 200'000;

struct Combination {
  std::vector<config::Override> overrides;
  std::string text;     // as typed, joined by blanks
  std::string variant;  // the option chosen for attention; what was typed where there is none such
};

struct Combinations {
  std::vector<Combination> distinct;  // in Hydra's order; the first of those with equal texts
  std::size_t product = 0;
};

/// Throws Error: too many, or an override for a variant that no combination has.
[[nodiscard]] Combinations combine(const std::vector<Axis>& axes, const config::Composer& composer,
                                   const config::Fill& fill);

}  // namespace attnlab::plan
