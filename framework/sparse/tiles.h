/// tiles.h: a plan cut into tiles for the CPU kernels, in the order in which to start them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "framework/sparse/kernels.h"

namespace attnlab::sparse {

/// Query tiles begin at segment starts; segments that see no key have none. In packed order.
[[nodiscard]] std::vector<Tile> query_tiles(const PlanView& plan);
/// Positions in query_tiles() to start first, first: those of long segments, and in an ascending
/// segment the late ones, which see the most.
[[nodiscard]] std::vector<std::int32_t> forward_order(const PlanView& plan,
                                                      const std::vector<Tile>& tiles);

/// Every packed key that some segment sees is in one task, which visits the queries that can see
/// one of its keys. A task's tile ends where another segment's range begins.
struct BackwardWork {
  std::vector<Tile> tiles;          // query_tiles()
  std::vector<Visitors> visitors;   // by tile
  std::vector<KeyTask> tasks;       // in packed order
  std::vector<Visit> visits;        // of the tasks
  std::vector<std::int32_t> order;  // in which to start the tasks: those that share queries ascend
  std::vector<std::int32_t> turns;  // as the kernels expect them at first
};
[[nodiscard]] BackwardWork backward_work(const PlanView& plan);

/// Packed gradients [G, Nk, D] of group g's keys, added to their rows [G, T, D] in packed order.
/// Keys that no segment sees are not read.
template <class T>
void add_to_rows(const PlanView& plan, std::int64_t g, const T* packed, T* rows) {
  std::int64_t i = 0;  // keys before this are added
  for (std::int64_t s = g * plan.segments; s < (g + 1) * plan.segments; ++s) {
    for (i = std::max<std::int64_t>(i, plan.key_begin[s]); i < plan.key_end[s]; ++i) {
      const T* from = packed + (g * plan.keys + i) * plan.head_dim;
      T* to = rows + (g * plan.length + plan.key_rows[g * plan.keys + i]) * plan.head_dim;
      for (std::int64_t d = 0; d < plan.head_dim; ++d) to[d] += from[d];
    }
  }
}

}  // namespace attnlab::sparse
