/// axes.h: overrides with sweeps as the axes of a grid.
#pragma once

#include <cstddef>
#include <vector>

#include "framework/config/compose.h"
#include "framework/config/override.h"
#include "framework/plan/words.h"

namespace attnlab::plan {

/// More than any grid that ends: refused before memory and time are spent on it.
inline constexpr std::size_t kMostCombinations = 200'000;

using Step = std::vector<config::Override>;  // one point of an axis; several where zipped
using Axis = std::vector<Step>;              // one point where nothing is swept

/// In order of first appearance. A key that is given again replaces the earlier one in its place.
/// `hash_sparse.buckets=8` becomes `attention.buckets=8` with the variant hash_sparse.
/// Throws Error: unknown first word, an empty sweep, a glob without a match, a key both zipped and
/// not, more than kMostCombinations.
[[nodiscard]] std::vector<Axis> make_axes(const std::vector<config::Override>& overrides,
                                          const config::Composer& composer, const Words& words);

[[nodiscard]] std::size_t product_of(const std::vector<Axis>& axes);

/// Of the index-th combination; the last axis varies fastest.
[[nodiscard]] std::vector<const config::Override*> combination(const std::vector<Axis>& axes,
                                                               std::size_t index);

/// The override once for each of its values.
[[nodiscard]] std::vector<config::Override> single_valued(const config::Override& override,
                                                          const config::Composer& composer,
                                                          const Words& words);

}  // namespace attnlab::plan
