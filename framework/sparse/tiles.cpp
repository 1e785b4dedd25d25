#include <algorithm>

#include "framework/sparse/kernels.h"

namespace attnlab::sparse {
namespace {

void cut(std::int64_t group, std::int64_t segment, std::int64_t begin, std::int64_t end,
         std::vector<Tile>& tiles) {
  for (; begin < end; begin += kTile) {
    tiles.push_back({static_cast<std::int32_t>(group), static_cast<std::int32_t>(segment),
                     static_cast<std::int32_t>(begin),
                     static_cast<std::int32_t>(std::min(begin + kTile, end))});
  }
}

}  // namespace

std::vector<Tile> query_tiles(const PlanView& plan) {
  std::vector<Tile> tiles;
  for (std::int64_t g = 0; g < plan.groups; ++g) {
    const auto* start = plan.query_start + g * (plan.segments + 1);
    const auto* begin = plan.key_begin + g * plan.segments;
    const auto* end = plan.key_end + g * plan.segments;
    for (std::int64_t s = 0; s < plan.segments; ++s) {
      if (begin[s] < end[s]) cut(g, s, start[s], start[s + 1], tiles);
    }
  }
  return tiles;
}

std::vector<Tile> key_tiles(const PlanView& plan) {
  std::vector<Tile> tiles;
  for (std::int64_t g = 0; g < plan.groups; ++g) {
    const auto* begin = plan.key_begin + g * plan.segments;
    const auto* end = plan.key_end + g * plan.segments;
    // Ranges never step back, so the last segment that sees a key is the last one to begin at or
    // before it.
    for (std::int64_t s = 0; s < plan.segments; ++s) {
      const bool last = s + 1 == plan.segments;
      cut(g, s, begin[s], last ? end[s] : std::min(end[s], begin[s + 1]), tiles);
    }
  }
  return tiles;
}

std::int64_t scratch_size(std::int64_t head_dim) {
  constexpr std::int64_t kWidest = 16;  // lanes of the widest instruction set pad rows to this
  const std::int64_t padded = (head_dim + kWidest - 1) / kWidest * kWidest;
  return kTile * (2 * head_dim + 4 * padded + 2 * kTile);
}

}  // namespace attnlab::sparse
