/// key_walk.cuh: how forward.cuh and backward_query.cuh walk over the keys that a tile of queries
///   may see: tile by tile, one tile of rows fetched ahead, row numbers two tiles ahead.
#pragma once

#include "framework/cuda/not_finite.cuh"

namespace attnlab::cuda {

/// Count keys a tile, in shared memory from `Base` on.
template <class T, int D, int Threads, int Count, std::uint32_t Base>
struct KeyWalk {
  using Tile = SharedTile<D, Count>;
  using List = SharedList<std::int32_t, Count>;
  static constexpr std::uint32_t kListAt = Base + 4 * Tile::kBytes;
  static constexpr std::uint32_t kEnd = kListAt + 3 * List::kBytes;

  template <class Params>
  GPU_FUNCTION KeyWalk(const Params& p, const TileItem& item)
      : tile(item),
        rule(p.plan),
        group(p.plan, item.group),
        marks(p.plan, item.group),
        range{item.other_begin, item.other_end},
        place(p.plan.heads, item.group),
        rows(p.key, p.value, place),
        pieces(p.head_dim / 8) {}

  static GPU_FUNCTION Tile keys(int i) {
    return {Base + static_cast<std::uint32_t>(i % 2) * Tile::kBytes};
  }
  static GPU_FUNCTION Tile values(int i) {
    return {Base + static_cast<std::uint32_t>(2 + i % 2) * Tile::kBytes};
  }
  /// Row numbers of tile i: one tile is used, one is being fetched, one is being listed.
  static GPU_FUNCTION List list(int i) {
    return {kListAt + static_cast<std::uint32_t>(i % 3) * List::kBytes};
  }
  /// Keys from tile i on.
  GPU_FUNCTION int left(int i) const { return range.end - range.begin - i * Count; }
  /// Bits of the 32 keys from column c of tile i on that this lane's query `own` sees.
  GPU_FUNCTION std::uint32_t sight(std::int32_t own, int i, int c) const {
    return visible<false>(rule, marks, own, list(i).at(c));
  }

  /// This thread's of the first two tiles: loads that overlap with others before list_first().
  struct Numbers {
    std::int32_t first, second;
  };
  GPU_FUNCTION Numbers first_numbers() const {
    if (gpu::thread() >= Count) return {kNoRow, kNoRow};
    return {number(0), number(1)};
  }
  /// A barrier must follow, then run().
  GPU_FUNCTION void list_first(const Numbers& numbers) const {
    if (gpu::thread() >= Count) return;
    list(0).set(gpu::thread(), numbers.first);
    list(1).set(gpu::thread(), numbers.second);
  }
  /// begin() while the first rows are on their way, with copies of its own perhaps, which are there
  /// when start() is called; then add(i) for every tile.
  template <class Begin, class Start, class Add>
  GPU_FUNCTION void run(const Begin& begin, const Start& start, const Add& add) const {
    fetch(0);
    gpu::copy_commit();
    begin();
    gpu::copy_wait<0>();
    gpu::sync_threads();
    start();
    const int tiles = (range.end - range.begin + Count - 1) / Count;
    GPU_NO_UNROLL
    for (int i = 0; i < tiles; ++i) {
      std::int32_t ahead = kNoRow;
      if (gpu::thread() < Count) ahead = number(i + 2);
      if (i + 1 < tiles) fetch(i + 1);
      gpu::copy_commit();
      add(i);
      if (gpu::thread() < Count) list(i + 2).set(gpu::thread(), ahead);
      gpu::copy_wait<0>();
      gpu::sync_threads();
    }
  }

  const TileItem tile;
  const Rule rule;
  const GroupPlan group;
  const GroupMarks marks;
  const Range range;
  const GroupPlace place;
  const RowPair<T> rows;
  const int pieces;

 private:
  GPU_FUNCTION std::int32_t number(int i) const {
    const std::int32_t at = range.begin + i * Count + gpu::thread();
    return at < range.end ? gpu::load(group.key_rows + at) : kNoRow;
  }
  GPU_FUNCTION void fetch(int i) const {
    gather<Threads>(rows, list(i), pieces, keys(i), values(i));
  }
};

}  // namespace attnlab::cuda
