// The tiles of a plan: which rows they hold, in which order they come, and what they know of the
// other side.
#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "framework/cuda/pattern.cuh"
#include "framework/cuda/plan_launch.h"
#include "tests/cuda/device_arrays.h"

namespace attnlab::cuda::test {
namespace {

std::mt19937 tile_stream{7};

/// Segments [start[s], start[s+1]) of queries that see keys [begin[s], end[s]).
struct Segments {
  std::vector<std::int32_t> start, begin, end;
  std::int64_t rows;  // packed queries, and packed keys
};
struct Listing {
  bool of_keys = false, all = false, refused = false;
  std::int64_t max_distance = kFar;
};
/// Packed rows are positions 0, 1, ... unless they are told.
std::vector<TileItem> list(const Segments& segments, const Listing& listing,
                           std::vector<std::int32_t> query_rows = {},
                           std::vector<std::int32_t> key_rows = {}) {
  for (auto* rows : {&query_rows, &key_rows}) {
    if (!rows->empty()) continue;
    rows->resize(static_cast<std::size_t>(segments.rows));
    std::iota(rows->begin(), rows->end(), 0);
  }
  const Device<std::int32_t> queries(query_rows), keys(key_rows);
  const Device<std::int32_t> start(segments.start), begin(segments.begin), end(segments.end);
  TileListParams p;
  p.plan.groups = 1;
  p.plan.segments = static_cast<std::int64_t>(segments.begin.size());
  p.plan.queries = p.plan.keys = segments.rows;
  p.plan.query_start = start.data();
  p.plan.key_begin = begin.data();
  p.plan.key_end = end.data();
  p.plan.query_rows = queries.data();
  p.plan.key_rows = keys.data();
  p.plan.max_distance = listing.max_distance;
  p.plan.ascending = true;
  p.tile_rows = 64;
  p.of_keys = listing.of_keys;
  p.all = listing.all;
  const Device<std::int32_t> refused(std::vector<std::int32_t>{listing.refused ? 1 : 0});
  p.refused = refused.data();
  const TileMemory places(p.plan, p.tile_rows, p.of_keys);
  const Device<std::int32_t> memory(static_cast<std::size_t>(places.size));
  p.memory = memory.data();
  EXPECT_EQ(attnlab_cuda_list_tiles(&p, nullptr), 0);
  const TileList found = places.list(memory.data());
  for (std::int64_t i = *found.count; i < found.most; ++i) EXPECT_EQ(found.items[i].group, -1);
  return {found.items, found.items + *found.count};
}

/// How often each packed row is in a tile.
std::vector<int> covered(const std::vector<TileItem>& tiles, std::int64_t rows) {
  std::vector<int> times(static_cast<std::size_t>(rows));
  for (const auto& tile : tiles) {
    EXPECT_LE(tile.end - tile.begin, 64);
    for (std::int32_t i = tile.begin; i < tile.end; ++i) ++times[static_cast<std::size_t>(i)];
  }
  return times;
}

TEST(TileList, rows_of_all_segments_are_covered_once_and_others_on_demand) {
  const Segments segments{{0, 64, 64, 130, 400}, {0, 10, 10, 60}, {10, 10, 60, 300}, 470};
  for (const bool all : {false, true}) {
    for (const bool of_keys : {false, true}) {
      auto expected = std::vector<int>(470, 1);
      if (!all) std::fill(expected.begin() + (of_keys ? 300 : 400), expected.end(), 0);
      const auto tiles = list(segments, {of_keys, all});
      EXPECT_EQ(covered(tiles, 470), expected);
      for (const auto& tile : tiles) {
        EXPECT_EQ(tile.segment == 4, tile.begin >= (of_keys ? 300 : 400));
      }
    }
  }
}

TEST(TileList, the_longest_tiles_come_first) {
  const auto tiles = list({{0, 300, 1300}, {0, 300}, {300, 1300}, 1300}, {});
  EXPECT_EQ(tiles.front().segment, 1);
  EXPECT_GE(tiles.front().begin, 1100);  // causal: the last queries see the most keys
  EXPECT_LT(tiles.back().begin, 400);
}

TEST(TileList, keys_in_overlapping_ranges_are_covered_once) {
  // Reformer chunks: each sees the one before and itself.
  const Segments chunks{{0, 100, 200, 300}, {0, 0, 100}, {100, 200, 300}, 350};
  for (const bool all : {false, true}) {
    const auto tiles = list(chunks, {true, all});
    auto expected = std::vector<int>(350, 1);
    if (!all) std::fill(expected.begin() + 300, expected.end(), 0);
    EXPECT_EQ(covered(tiles, 350), expected);
    for (const auto& tile : tiles) {
      EXPECT_EQ(tile.segment, tile.begin < 100 ? 1 : tile.begin < 300 ? 2 : 3);
    }
  }
}

/// `count` ascending positions below `length`.
std::vector<std::int32_t> ascending_rows(std::int32_t count, std::int32_t length) {
  std::vector<std::int32_t> all(static_cast<std::size_t>(length)), rows;
  std::iota(all.begin(), all.end(), 0);
  std::sample(all.begin(), all.end(), std::back_inserter(rows), count, tile_stream);
  return rows;
}

/// Packed rows of `others` in [begin, end) that may be on the other side of a tile's.
Range part_to_see(const std::vector<std::int32_t>& own, const TileItem& tile,
                  const std::vector<std::int32_t>& others, Range range, const Listing& listing) {
  const std::int64_t lowest = own[static_cast<std::size_t>(tile.begin)];
  const std::int64_t highest = own[static_cast<std::size_t>(tile.end) - 1];
  const auto row = [&](std::int32_t i) { return others[static_cast<std::size_t>(i)]; };
  const auto is_before = [&](std::int32_t i) {
    return listing.of_keys ? row(i) <= lowest : row(i) <= lowest - listing.max_distance;
  };
  const auto is_behind = [&](std::int32_t i) {
    return listing.of_keys ? row(i) >= highest + listing.max_distance : row(i) >= highest;
  };
  while (range.begin < range.end && is_before(range.begin)) ++range.begin;
  while (range.end > range.begin && is_behind(range.end - 1)) --range.end;
  return range;
}

TEST(TileList, a_tile_knows_what_it_meets_by_position) {
  // Two segments of 300 queries and 270 keys, of which the second sees 70 of the first's too.
  const Segments segments{{0, 300, 600}, {0, 200}, {270, 540}, 600};
  for (const std::int64_t distance : {1, 40, 500, 2000, kFar}) {
    std::vector<std::int32_t> queries, keys;
    for (int s = 0; s < 2; ++s) {
      for (const auto row : ascending_rows(300, 1500)) queries.push_back(row);
    }
    keys = ascending_rows(540, 1500);
    keys.resize(600, 0);
    for (const bool of_keys : {false, true}) {
      const Listing listing{of_keys, false, false, distance};
      for (const auto& tile : list(segments, listing, queries, keys)) {
        const auto s = static_cast<std::size_t>(tile.segment);
        const Range whole = of_keys ? Range{segments.start[s], segments.start[s + 1]}
                                    : Range{segments.begin[s], segments.end[s]};
        const Range expected =
            part_to_see(of_keys ? keys : queries, tile, of_keys ? queries : keys, whole, listing);
        EXPECT_EQ(tile.other_begin, expected.begin) << distance << ' ' << tile.begin;
        EXPECT_EQ(tile.other_end, expected.end) << distance << ' ' << tile.begin;
        EXPECT_EQ(tile.earlier, of_keys && s == 1 && tile.begin < 270 ? 1 : 0);
      }
    }
  }
}

TEST(TileList, nothing_of_a_refused_group_is_listed) {
  // Its arrays may hold anything.
  const Segments wild{{7, -3, 1 << 30}, {-5, 99}, {2, 1 << 29}, 300};
  for (const bool of_keys : {false, true}) {
    EXPECT_TRUE(list(wild, {of_keys, true, true}).empty());
  }
}

}  // namespace
}  // namespace attnlab::cuda::test
