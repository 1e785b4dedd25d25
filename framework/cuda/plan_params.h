/// plan_params.h: arguments of the kernels that make and check plans: hashing, counting sort, tile
///   lists. G = B*H groups, T length, D head_dim, N buckets, S segments. Plain device pointers, all
///   contiguous; the results equal those of framework/sparse/plans.h on the CPU.
#pragma once

#include <cstdint>

namespace attnlab::cuda {

/// Projection and argmax: bucket = argmax [x P - c; -(x P - c)], first of equals (Andoni et al.
/// 2015). Element d of row t of (b, h) is at b * batch_stride + h * head_stride + t * row_stride +
/// d; where elements have 16 bits, all of these are multiples of 8 and `rows` is 16-byte aligned.
struct HashParams {
  const void* rows = nullptr;
  const float* projections = nullptr;  // [R, projection_heads, matrix_rows, half]
  const float* offsets = nullptr;      // c: [R, offset_heads, half]; null: 0
  void* buckets = nullptr;             // [R, B, H, T], values 0 to 2*half - 1
  std::int64_t batch_stride = 0;
  std::int64_t head_stride = 0;
  std::int64_t row_stride = 0;
  std::int64_t batch = 1;             // B
  std::int64_t heads = 1;             // H
  std::int64_t rounds = 1;            // R
  std::int64_t length = 0;            // T
  std::int64_t projection_heads = 1;  // H, or 1 for all
  std::int64_t offset_heads = 1;      // H, or 1 for all
  std::int32_t head_dim = 0;          // of the rows, a multiple of 8
  std::int32_t matrix_rows = 0;       // D; columns of the rows past it count as 0
  std::int32_t half = 0;              // N / 2
};

/// Rows [begin, end) of one segment's packed queries, or packed keys, and all that a block must
/// know to begin with them. Segment S: those behind the last segment, which see nothing and are
/// seen by none.
struct alignas(16) TileItem {
  std::int32_t group = -1;  // -1: there is no such tile
  std::int32_t segment = 0;
  std::int32_t begin = 0;
  std::int32_t end = 0;
  /// Packed rows of the other side, of this segment, that some of these may see or be seen by: by
  /// position where that can be told.
  std::int32_t other_begin = 0;
  std::int32_t other_end = 0;
  std::int32_t earlier = 0;  // of keys: how many segments before this one see some of them too
  std::int32_t unused = 0;
};
inline constexpr std::int32_t kTileClasses = 128;
inline constexpr std::uint8_t kNoTile = 255;

/// Tiles of a plan, longest first: *count of them, and behind them items without a group, so that a
/// block need not wait for *count.
struct TileList {
  const TileItem* items = nullptr;
  const std::int32_t* count = nullptr;
  std::int64_t most = 0;  // upper bound of *count: as many blocks are started
};

/// Stable counting sort of one group's rows. Three kernels: count, scan, place. Rows whose key is
/// no bucket come last, in order, so that `rows` always holds every row once.
struct SortParams {
  const void* keys = nullptr;      // [G, T]; sort_bucket(key, N) says where a row belongs
  std::int32_t* counts = nullptr;  // sort_scratch(G, T, N) integers
  std::int32_t* rows = nullptr;    // [G, T]
  std::int32_t* start = nullptr;   // [G, N + 1]
  std::int32_t* parts = nullptr;   // [G, T] place of each row / part, or null (Reformer's chunks)
  /// Or, of one group, in place of `rows`: items [T], which are copied to their places in `sorted`;
  /// behind them, in place of those without a bucket, items without a group.
  const TileItem* items = nullptr;
  TileItem* sorted = nullptr;
  std::int32_t part = 1;
  std::int64_t groups = 0;
  std::int64_t length = 0;
  std::int32_t buckets = 0;  // N
};

/// Rows per chunk, the share of one warp: at least as many as buckets, so that the scratch stays
/// linear in T.
constexpr std::int64_t sort_chunk_rows(std::int32_t buckets) {
  return buckets <= 1024 ? 1024 : (buckets + 31) / 32 * 32;
}
constexpr std::int64_t sort_chunks(std::int64_t length, std::int32_t buckets) {
  return (length + sort_chunk_rows(buckets) - 1) / sort_chunk_rows(buckets);
}
constexpr std::int64_t sort_scratch(std::int64_t groups, std::int64_t length,
                                    std::int32_t buckets) {
  return groups * sort_chunks(length, buckets) * (buckets + 1);
}

/// sparse::SegmentPlan on the device. All arrays int32 and contiguous; optional ones are null.
struct Plan {
  std::int64_t groups = 0;                    // G
  std::int64_t heads = 1;                     // H
  std::int64_t length = 0;                    // T, below 2^29
  std::int64_t queries = 0;                   // Nq
  std::int64_t keys = 0;                      // Nk
  std::int64_t segments = 0;                  // S
  const std::int32_t* query_rows = nullptr;   // [G, Nq]
  const std::int32_t* key_rows = nullptr;     // [G, Nk]
  const std::int32_t* query_start = nullptr;  // [G, S+1]
  const std::int32_t* key_begin = nullptr;    // [G, S]
  const std::int32_t* key_end = nullptr;      // [G, S]
  bool ascending = false;
  bool causal = true;
  bool include_self = false;
  std::int64_t max_distance = 0;               // at least 1
  const std::int32_t* query_labels = nullptr;  // [G, T]
  const std::int32_t* key_labels = nullptr;    // [G, T]
  const std::int32_t* chunks = nullptr;        // [R, G, T]; read for rounds before `round`
  const std::int32_t* round_labels = nullptr;  // [R, G, T]
  std::int64_t round = 0;                      // 0 where chunks is null
};

/// The first rule that a group's arrays break; sparse/plan_check.h has the words.
struct alignas(16) PlanFault {
  enum Rule : std::int32_t { none, bounds, steps_back, row, twice, segment, descends };
  std::int32_t rule = none;
  std::int32_t array = 0;         // 0 to 4: query_rows, key_rows, query_start, key_begin, key_end
  std::int32_t one = 0, two = 0;  // what is told of it
};
/// Checks the contents of a plan that nobody vouches for.
struct CheckParams {
  Plan plan;
  std::int32_t* owners = nullptr;   // [G, T], scratch
  std::int32_t* refused = nullptr;  // [G]: 1 where a rule is broken, else 0
  PlanFault* fault = nullptr;       // memory that the host reads too: written where one is broken
};

/// Every tile into a slot of its own, with its class of length, 0 for the longest; kNoTile in the
/// other slots. A counting sort by class over all slots then lists the tiles.
struct TileListParams {
  Plan plan;
  const std::int32_t* refused = nullptr;  // [G] or null: groups of which nothing is listed
  std::int32_t* memory = nullptr;         // TileMemory of it
  std::int32_t tile_rows = 0;             // of a tile
  bool of_keys = false;                   // else of queries
  bool all = false;  // also the rows behind the last segment, so that every packed row has a tile
};
/// Where the parts of a tile list stand in one piece of memory, in integers. Segment s owns the
/// slots of its group from start / tile_rows + s on.
struct TileMemory {
  constexpr TileMemory(const Plan& plan, std::int32_t tile_rows, bool of_keys)
      : slots((of_keys ? plan.keys : plan.queries) / tile_rows + plan.segments + 1),
        count(plan.groups * slots),
        sorted(kItem * count),
        start(2 * kItem * count),
        counts(start + kTileClasses + 1),
        classes(counts + sort_scratch(1, count, kTileClasses)),
        size(classes + (count + 3) / 4) {}
  static constexpr std::int64_t kItem = sizeof(TileItem) / sizeof(std::int32_t);
  std::int64_t slots, count;
  std::int64_t sorted, start, counts, classes, size;  // items by slot stand at 0
  [[nodiscard]] TileList list(const std::int32_t* memory) const {
    return {reinterpret_cast<const TileItem*>(memory + sorted), memory + start + kTileClasses,
            count};
  }
};

}  // namespace attnlab::cuda
