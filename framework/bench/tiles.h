/// tiles.h: how much of what the segment engine computes is wanted.
///   Tiles of pairs are computed whole; a pair that causality or a ragged end rules out is waste.
#pragma once

#include <optional>

#include "framework/bench/subject.h"

namespace attnlab::bench {

inline constexpr std::int64_t kTileRows = 64;  // the engine's tiles, kTileRows x kTileRows pairs

/// Pairs in the tiles that one forward on `in` computes, over all its segment plans: tiles begin at
/// segment starts, and one whose keys all lie behind its queries is not computed. nullopt: the
/// subject does not use the segment engine.
[[nodiscard]] std::optional<double> pairs_in_tiles(Subject& subject, const Inputs& in);

}  // namespace attnlab::bench
