/// tile_list.cuh: the tiles of a plan, made on the device, one warp a segment.
#pragma once

#include "framework/cuda/gpu.h"
#include "framework/cuda/plan_params.h"

namespace attnlab::cuda {

inline constexpr int kTileWarps = 4;
constexpr std::int64_t tile_list_blocks(std::int64_t groups, std::int64_t segments) {
  return (groups * segments + kTileWarps - 1) / kTileWarps;
}

/// 0 for the longest; four classes to an octave.
GPU_FUNCTION std::uint8_t tile_class(std::int64_t length) {
  int octave = 0;
  while (octave < 31 && length >> (octave + 1) != 0) ++octave;
  const auto quarter =
      static_cast<int>((octave < 2 ? length << (2 - octave) : length >> (octave - 2)) & 3);
  return static_cast<std::uint8_t>(kTileClasses - 1 - (4 * octave + quarter));
}

/// Packed rows [first, last) of one segment, cut into tiles of which the i-th of n sees about
/// seen * (i + 1) / n rows of the other side where `grows`, else seen * (n - i) / n where
/// `shrinks`, else all of them.
struct TileRange {
  std::int64_t group, segment, first, last, seen;
  bool grows, shrinks;
};
GPU_FUNCTION void write_tiles(const TileListParams& p, const TileRange& range) {
  if (range.seen <= 0 || range.last <= range.first) return;
  const std::int64_t slot = range.group * p.slots + range.first / p.tile_rows + range.segment;
  const std::int64_t count = (range.last - range.first + p.tile_rows - 1) / p.tile_rows;
  for (std::int64_t i = gpu::lane(); i < count; i += kWarp) {
    const std::int64_t begin = range.first + i * p.tile_rows;
    const std::int64_t end = begin + p.tile_rows < range.last ? begin + p.tile_rows : range.last;
    std::int64_t seen = range.seen;
    if (range.grows) seen = seen * (i + 1) / count;
    if (range.shrinks) seen = seen * (count - i) / count;
    gpu::store(
        p.tiles + slot + i,
        TileItem{static_cast<std::int32_t>(range.group), static_cast<std::int32_t>(range.segment),
                 static_cast<std::int32_t>(begin), static_cast<std::int32_t>(end)});
    gpu::store(p.classes + slot + i, tile_class(seen > 0 ? seen : 1));
  }
}

/// Tiles of queries; segments that see no key have none. Grid: tile_list_blocks of kTileWarps
/// warps.
GPU_FUNCTION void list_query_tiles(const TileListParams& p) {
  const std::int64_t index = gpu::block() * kTileWarps + gpu::warp();
  if (index >= p.groups * p.segments) return;
  const std::int64_t group = index / p.segments, segment = index % p.segments;
  const std::int32_t* start = p.query_start + group * (p.segments + 1) + segment;
  const std::int64_t seen = gpu::load(p.key_end + index) - gpu::load(p.key_begin + index);
  write_tiles(p, {group, segment, gpu::load(start), gpu::load(start + 1), seen, p.grows, false});
}

/// Tiles of packed keys: every key that some segment sees, once, with the last segment that sees
/// it. A tile ends where another segment's range begins. Grid as list_query_tiles.
GPU_FUNCTION void list_key_tiles(const TileListParams& p) {
  const std::int64_t index = gpu::block() * kTileWarps + gpu::warp();
  if (index >= p.groups * p.segments) return;
  const std::int64_t group = index / p.segments, segment = index % p.segments;
  const std::int32_t* start = p.query_start + group * (p.segments + 1) + segment;
  std::int64_t last = gpu::load(p.key_end + index);
  if (segment + 1 < p.segments) {
    const std::int64_t next = gpu::load(p.key_begin + index + 1);
    last = next < last ? next : last;
  }
  const std::int64_t seen = gpu::load(start + 1) - gpu::load(start);
  write_tiles(p, {group, segment, gpu::load(p.key_begin + index), last, seen > 0 ? seen : 1, false,
                  p.grows});
}

}  // namespace attnlab::cuda
