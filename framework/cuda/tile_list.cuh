/// tile_list.cuh: the tiles of a plan, made on the device, one warp a segment.
#pragma once

#include "framework/cuda/pattern.cuh"

namespace attnlab::cuda {

/// 0 for the longest; four classes to an octave.
GPU_FUNCTION std::uint8_t tile_class(std::int64_t length) {
  int octave = 0;
  while (octave < 31 && length >> (octave + 1) != 0) ++octave;
  const auto quarter =
      static_cast<int>((octave < 2 ? length << (2 - octave) : length >> (octave - 2)) & 3);
  return static_cast<std::uint8_t>(kTileClasses - 1 - (4 * octave + quarter));
}

/// The part of `range` with from <= rows[i] < to; rows ascend. Every lane has its own; the loads of
/// both ends overlap.
GPU_FUNCTION Range part_between(const std::int32_t* rows, const Range& range, std::int64_t from,
                                std::int64_t to) {
  Range ends[2] = {range, range};
  while (ends[0].begin < ends[0].end || ends[1].begin < ends[1].end) {
    GPU_UNROLL
    for (int i = 0; i < 2; ++i) {
      Range& left = ends[i];
      if (left.begin >= left.end) continue;
      const std::int32_t middle = left.begin + (left.end - left.begin) / 2;
      const bool below = gpu::load(rows + middle) < (i == 0 ? from : to);
      (below ? left.begin : left.end) = below ? middle + 1 : middle;
    }
  }
  return {ends[0].begin, ends[1].begin};
}

/// Tiles of queries, those of segments that see no key among them. Or of packed keys: every key
/// that some segment sees, once, with the last segment that sees it; a tile ends where another
/// segment's range begins.
struct ListTiles {
  using Params = TileListParams;
  static constexpr int kWarps = 4, kThreads = kWarps * kWarp, kBlocks = 1;
  static constexpr std::uint32_t kSharedBytes = 0;
  static constexpr std::int64_t blocks(const Params& p) {
    return (p.plan.groups * (p.plan.segments + 1) + kWarps - 1) / kWarps;
  }

  static GPU_FUNCTION void run(const Params& p) {
    const std::int64_t index = gpu::block() * kWarps + gpu::warp();
    const std::int64_t segments = p.plan.segments;
    if (index >= p.plan.groups * (segments + 1)) return;
    ListTiles(p, index / (segments + 1), index % (segments + 1)).write();
  }

 private:
  GPU_FUNCTION ListTiles(const Params& params, std::int64_t group, std::int64_t segment)
      : p(params),
        group(group),
        segment(segment),
        of_group(p.plan, group),
        start(of_group.query_start),
        key_begin(of_group.key_begin),
        key_end(of_group.key_end) {}

  /// First packed row of segment s; of S: behind the last.
  GPU_FUNCTION std::int64_t first(std::int64_t s) const {
    if (!p.of_keys) return gpu::load(start + s);
    if (s < p.plan.segments) return gpu::load(key_begin + s);
    return s == 0 ? 0 : gpu::load(key_end + s - 1);
  }
  GPU_FUNCTION std::int64_t last() const {
    if (segment == p.plan.segments) {
      return !p.all ? 0 : p.of_keys ? p.plan.keys : p.plan.queries;
    }
    const std::int64_t next = first(segment + 1);
    if (!p.of_keys) return next;
    const std::int64_t end = gpu::load(key_end + segment);
    return next < end ? next : end;
  }
  /// Rows of the other side that tile i of n sees, about.
  GPU_FUNCTION std::int64_t seen(std::int64_t i, std::int64_t n) const {
    if (segment == p.plan.segments) return 1;
    const std::int64_t queries = gpu::load(start + segment + 1) - gpu::load(start + segment);
    const std::int64_t keys = gpu::load(key_end + segment) - gpu::load(key_begin + segment);
    std::int64_t all = p.of_keys ? queries : keys;
    if (p.plan.causal && p.plan.ascending) all = all * (p.of_keys ? n - i : i + 1) / n;
    return all > 0 ? all : 1;
  }
  /// What the tile's rows [begin, end) may see or be seen by, and by how many earlier segments.
  GPU_FUNCTION void look(TileItem& item) const {
    if (segment == p.plan.segments) return;
    item.other_begin = gpu::load(p.of_keys ? start + segment : key_begin + segment);
    item.other_end = gpu::load(p.of_keys ? start + segment + 1 : key_end + segment);
    for (std::int64_t s = segment; p.of_keys && s > 0; --s, ++item.earlier) {
      if (gpu::load(key_end + s - 1) <= item.begin) break;
    }
    if (!p.plan.ascending) return;
    const Rule rule(p.plan);
    const std::int32_t* const own = p.of_keys ? of_group.key_rows : of_group.query_rows;
    const std::int32_t* const other = p.of_keys ? of_group.query_rows : of_group.key_rows;
    const std::int64_t lowest = gpu::load(own + item.begin),
                       highest = gpu::load(own + item.end - 1);
    const std::int64_t from = lowest + (p.of_keys ? rule.nearest : 1 - rule.farthest);
    const std::int64_t to = highest + (p.of_keys ? rule.farthest : 1 - rule.nearest);
    const Range part = part_between(other, {item.other_begin, item.other_end}, from, to);
    item.other_begin = part.begin;
    item.other_end = part.end;
  }

  GPU_FUNCTION void write() const {
    const TileMemory memory(p.plan, p.tile_rows, p.of_keys);
    auto* const items = reinterpret_cast<TileItem*>(p.memory) + group * memory.slots;
    auto* const classes =
        reinterpret_cast<std::uint8_t*>(p.memory + memory.classes) + group * memory.slots;
    const bool refused = p.refused != nullptr && gpu::load(p.refused + group) != 0;
    if (refused && segment > 0) return;
    const std::int64_t begin = refused ? 0 : first(segment), rows = refused ? 0 : last() - begin;
    const std::int64_t count = rows > 0 ? (rows + p.tile_rows - 1) / p.tile_rows : 0;
    const std::int64_t slot = begin / p.tile_rows + segment;  // of the first tile
    const bool is_last = refused || segment == p.plan.segments;
    const std::int64_t end =
        is_last ? memory.slots : first(segment + 1) / p.tile_rows + segment + 1;
    for (std::int64_t at = (segment == 0 ? 0 : slot) + gpu::lane(); at < end; at += kWarp) {
      const std::int64_t i = at - slot;
      if (i < 0 || i >= count) {
        gpu::store(classes + at, kNoTile);
        continue;
      }
      const std::int64_t from = begin + i * p.tile_rows, left = begin + rows - from;
      TileItem item{static_cast<std::int32_t>(group), static_cast<std::int32_t>(segment),
                    static_cast<std::int32_t>(from),
                    static_cast<std::int32_t>(from + (left < p.tile_rows ? left : p.tile_rows))};
      look(item);
      gpu::store(items + at, item);
      gpu::store(classes + at, tile_class(seen(i, count)));
    }
  }

  const Params& p;
  const std::int64_t group, segment;
  const GroupPlan of_group;
  const std::int32_t *start, *key_begin, *key_end;
};

}  // namespace attnlab::cuda
