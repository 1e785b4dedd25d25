/// axes.h: overrides with sweeps as the axes of a grid.
#pragma once

#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "framework/config/override.h"

namespace attnlab::plan {

/// A single-valued override, and the variant that it is for; empty: for all.
/// `hash_sparse.buckets=8` is the change `attention.buckets=8` for hash_sparse.
struct Change {
  config::Override what;
  std::string variant;
};

using Step = std::vector<Change>;  // one point of an axis; several changes where zipped
using Axis = std::vector<Step>;    // one point where nothing is swept

/// In order of first appearance. A key that is given again replaces the earlier one in its place.
/// Throws Error: unknown first word, an empty sweep, a glob without a match, a key both zipped and
/// not.
[[nodiscard]] std::vector<Axis> make_axes(const std::vector<config::Override>& overrides,
                                          const config::Composer& composer);

}  // namespace attnlab::plan
