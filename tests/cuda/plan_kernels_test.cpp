#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "framework/cuda/hash.cuh"
#include "framework/cuda/sort.cuh"
#include "framework/cuda/tile_list.cuh"

namespace attnlab::cuda {
namespace {

std::mt19937 random_stream{7};

template <class Key>
struct Sorted {
  std::vector<std::int32_t> rows, start, parts;
};
constexpr std::int32_t kPart = 100;

/// The three kernels, as a launcher would start them.
template <class Key>
Sorted<Key> sort_emulated(const std::vector<Key>& keys, std::int64_t groups, std::int32_t buckets) {
  const std::int64_t length = static_cast<std::int64_t>(keys.size()) / groups;
  SortParams<Key> p;
  p.groups = groups;
  p.length = length;
  p.buckets = buckets;
  p.chunks = sort_chunks(length, buckets);
  p.chunk_rows = sort_chunk_rows(buckets);
  Sorted<Key> result{std::vector<std::int32_t>(keys.size(), -7),
                     std::vector<std::int32_t>(groups * (buckets + 1)),
                     std::vector<std::int32_t>(keys.size(), -7)};
  std::vector<std::int32_t> counts(groups * p.chunks * buckets, -7);
  p.keys = keys.data();
  p.counts = counts.data();
  p.rows = result.rows.data();
  p.start = result.start.data();
  p.parts = result.parts.data();
  p.part = kPart;
  const emulator::KnownArray known[] = {
      {keys.data(), keys.size() * sizeof(Key)},
      {counts.data(), counts.size() * 4},
      {result.rows.data(), result.rows.size() * 4},
      {result.start.data(), result.start.size() * 4},
      {result.parts.data(), result.parts.size() * 4},
  };
  const emulator::Grid warps{sort_blocks(groups, p.chunks), kSortWarps * kWarp,
                             sort_shared_bytes(buckets)};
  emulator::run(warps, [&] { sort_count(p); });
  emulator::run({groups, kScanThreads, kScanThreads * 4}, [&] { sort_scan(p); });
  emulator::run(warps, [&] { sort_place(p); });
  return result;
}

template <class Key>
void expect_stable_sort(const std::vector<Key>& keys, std::int64_t groups, std::int32_t buckets) {
  const auto sorted = sort_emulated(keys, groups, buckets);
  const std::int64_t length = static_cast<std::int64_t>(keys.size()) / groups;
  for (std::int64_t g = 0; g < groups; ++g) {
    std::vector<std::int32_t> rows, start{0};
    for (std::int32_t n = 0; n < buckets; ++n) {
      for (std::int64_t t = 0; t < length; ++t) {
        if (sort_bucket(keys[g * length + t], buckets) == n) {
          rows.push_back(static_cast<std::int32_t>(t));
        }
      }
      start.push_back(static_cast<std::int32_t>(rows.size()));
    }
    for (std::size_t place = 0; place < rows.size(); ++place) {
      EXPECT_EQ(sorted.parts[g * length + rows[place]], static_cast<int>(place) / kPart);
    }
    rows.resize(length, -7);  // past the last bucket nothing is written
    EXPECT_TRUE(std::equal(rows.begin(), rows.end(), sorted.rows.begin() + g * length));
    EXPECT_TRUE(std::equal(start.begin(), start.end(), sorted.start.begin() + g * (buckets + 1)));
  }
}

template <class Key>
std::vector<Key> random_keys(std::int64_t count, std::uint32_t below) {
  std::vector<Key> keys(count);
  for (auto& key : keys) key = static_cast<Key>(random_stream() % below);
  return keys;
}

TEST(SortKernels, rows_are_grouped_by_bucket_in_order_of_position) {
  for (const std::int64_t length : {1, 31, 33, 1000, 1025, 2500}) {
    expect_stable_sort(random_keys<std::uint8_t>(3 * length, 16), 3, 16);
  }
}

TEST(SortKernels, more_buckets_than_threads_and_than_shared_memory_holds) {
  expect_stable_sort(random_keys<std::uint16_t>(2 * 700, 300), 2, 300);
  expect_stable_sort(random_keys<std::uint16_t>(2 * 5000, 2500), 2, 2500);
}

TEST(SortKernels, one_bucket_and_empty_buckets) {
  expect_stable_sort(std::vector<std::uint8_t>(200, 0), 1, 1);
  expect_stable_sort(std::vector<std::uint8_t>(200, 5), 2, 9);
}

TEST(SortKernels, a_key_out_of_range_goes_nowhere) {
  expect_stable_sort(std::vector<std::int32_t>{3, -1, 0, 4, 1, 9}, 1, 4);
}

TEST(SortKernels, compaction_keeps_the_kept_rows_in_order) {
  std::vector<Keep> keep(2 * 1500);
  for (auto& row : keep) row.kept = random_stream() % 3 == 0;
  expect_stable_sort(keep, 2, 1);
  expect_stable_sort(std::vector<Keep>(40), 1, 1);
}

template <class Element, class Bucket>
void expect_buckets(std::int32_t head_dim, std::int32_t half) {
  const std::int64_t rounds = 2, batch = 2, heads = 2, length = 150;
  const std::int64_t groups = rounds * batch * heads;
  std::normal_distribution<float> normal;
  std::vector<Element> rows(batch * length * heads * head_dim);  // [B, T, H, D]
  std::vector<float> matrix(rounds * heads * head_dim * half), wide(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float x = normal(random_stream);
    if constexpr (std::is_same_v<Element, float>) {
      rows[i] = x;
    } else {
      rows[i].bits = gpu::round_to<Element>(x);
    }
    wide[i] = gpu::to_float(rows[i]);
  }
  for (auto& x : matrix) x = normal(random_stream);
  std::vector<Bucket> buckets(groups * length);
  HashParams<Element, Bucket> p;
  p.rows = rows.data();
  p.projections = matrix.data();
  p.buckets = buckets.data();
  p.batch_stride = length * heads * head_dim;
  p.head_stride = head_dim;
  p.row_stride = heads * head_dim;
  p.batch = batch;
  p.heads = heads;
  p.rounds = rounds;
  p.length = length;
  p.head_dim = head_dim;
  p.half = half;
  emulator::run({hash_blocks(groups, length), kHashThreads, hash_shared_bytes(head_dim)},
                [&] { hash_rows(p); });
  for (std::int64_t i = 0; i < groups * length; ++i) {
    std::vector<double> scores(2 * half);
    const std::int64_t t = i % length, h = i / length % heads, b = i / length / heads % batch;
    const std::int64_t round = i / length / heads / batch;
    for (std::int32_t n = 0; n < half; ++n) {
      for (std::int32_t d = 0; d < head_dim; ++d) {
        scores[n] += static_cast<double>(wide[((b * length + t) * heads + h) * head_dim + d]) *
                     matrix[((round * heads + h) * head_dim + d) * half + n];
      }
      scores[half + n] = -scores[n];
    }
    const double best = *std::max_element(scores.begin(), scores.end());
    ASSERT_LT(buckets[i], 2 * half);
    EXPECT_GE(scores[buckets[i]], best - 1e-4) << "row " << i;
  }
}

TEST(HashKernel, the_bucket_is_the_largest_projection_or_its_opposite) {
  expect_buckets<float, std::uint8_t>(64, 8);
  expect_buckets<Bf16, std::uint8_t>(64, 5);
  expect_buckets<F16, std::uint8_t>(16, 1);
  expect_buckets<Bf16, std::uint16_t>(128, 200);
}

TEST(HashKernel, equal_projections_choose_the_first) {
  const std::vector<float> row(8, 0.0F), matrix(8 * 4, 1.0F);
  std::uint8_t bucket = 99;
  HashParams<float, std::uint8_t> p;
  p.rows = row.data();
  p.projections = matrix.data();
  p.buckets = &bucket;
  p.length = 1;
  p.head_dim = 8;
  p.half = 4;
  emulator::run({1, kHashThreads, hash_shared_bytes(8)}, [&] { hash_rows(p); });
  EXPECT_EQ(bucket, 0);
}

/// Segments [start[s], start[s+1]) of queries that see keys [begin[s], end[s]).
struct Lists {
  std::vector<TileItem> tiles;
  std::vector<int> classes;
};
template <class Kernel>
Lists list(const std::vector<std::int32_t>& start, const std::vector<std::int32_t>& begin,
           const std::vector<std::int32_t>& end, std::int64_t rows, Kernel kernel) {
  TileListParams p;
  p.groups = 1;
  p.segments = static_cast<std::int64_t>(begin.size());
  p.tile_rows = 64;
  p.slots = tile_slots(rows, p.tile_rows, p.segments);
  p.grows = true;
  std::vector<TileItem> tiles(p.slots);
  std::vector<std::uint8_t> classes(p.slots, kNoTile);
  p.query_start = start.data();
  p.key_begin = begin.data();
  p.key_end = end.data();
  p.tiles = tiles.data();
  p.classes = classes.data();
  emulator::run({tile_list_blocks(1, p.segments), kTileWarps * kWarp, 0}, [&] { kernel(p); });
  const auto order = sort_emulated(classes, 1, kTileClasses);
  Lists lists;
  for (std::int32_t i = 0; i < order.start.back(); ++i) {
    lists.tiles.push_back(tiles[order.rows[i]]);
    lists.classes.push_back(classes[order.rows[i]]);
  }
  return lists;
}

/// How often each packed row is in a tile.
std::vector<int> covered(const Lists& lists, std::int64_t rows) {
  std::vector<int> times(rows);
  for (const auto& tile : lists.tiles) {
    EXPECT_LE(tile.end - tile.begin, 64);
    for (std::int32_t i = tile.begin; i < tile.end; ++i) ++times[i];
  }
  return times;
}

TEST(TileList, queries_of_segments_that_see_keys_are_covered_once) {
  const auto lists = list({0, 64, 64, 130, 400}, {0, 10, 10, 60}, {10, 60, 10, 300}, 400,
                          [](const TileListParams& p) { list_query_tiles(p); });
  auto expected = std::vector<int>(400, 1);
  std::fill(expected.begin() + 64, expected.begin() + 130, 0);  // this segment sees no key
  EXPECT_EQ(covered(lists, 400), expected);
}

TEST(TileList, the_longest_tiles_come_first) {
  const auto lists = list({0, 300, 1300}, {0, 300}, {300, 1300}, 1300,
                          [](const TileListParams& p) { list_query_tiles(p); });
  EXPECT_TRUE(std::is_sorted(lists.classes.begin(), lists.classes.end()));
  EXPECT_EQ(lists.tiles.front().segment, 1);
  EXPECT_GE(lists.tiles.front().begin, 1100);  // causal: the last queries see the most keys
}

TEST(TileList, keys_in_overlapping_ranges_are_covered_once) {
  // Reformer chunks: each sees the one before and itself.
  const auto lists = list({0, 100, 200, 300}, {0, 0, 100}, {100, 200, 300}, 300,
                          [](const TileListParams& p) { list_key_tiles(p); });
  EXPECT_EQ(covered(lists, 300), std::vector<int>(300, 1));
  for (const auto& tile : lists.tiles) EXPECT_EQ(tile.segment, tile.begin < 100 ? 1 : 2);
}

}  // namespace
}  // namespace attnlab::cuda
