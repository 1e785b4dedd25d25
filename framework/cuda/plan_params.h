/// plan_params.h: arguments of the kernels that make plans: hashing, counting sort, tile lists.
///   G = B*H groups, T length, D head_dim, N buckets, S segments. Plain device pointers, all
///   contiguous; the results equal those of framework/sparse/plans.h on the CPU.
#pragma once

#include <cstdint>

namespace attnlab::cuda {

/// Projection and argmax: bucket = argmax [x P ; -x P], first of equals (Andoni et al. 2015).
/// Element d of row t of (b, h) is at b * batch_stride + h * head_stride + t * row_stride + d;
/// where elements have 16 bits, all of these are multiples of 8 and `rows` is 16-byte aligned.
template <class Element, class Bucket>
struct HashParams {
  const Element* rows = nullptr;
  const float* projections = nullptr;  // [R, H, D, half]
  Bucket* buckets = nullptr;           // [R, B, H, T], values 0 to 2*half - 1
  std::int64_t batch_stride = 0;
  std::int64_t head_stride = 0;
  std::int64_t row_stride = 0;
  std::int64_t batch = 1;     // B
  std::int64_t heads = 1;     // H
  std::int64_t rounds = 1;    // R
  std::int64_t length = 0;    // T
  std::int32_t head_dim = 0;  // D, a multiple of 8
  std::int32_t half = 0;      // N / 2
};

/// Stable counting sort of one group's rows. Three kernels: count, scan, place.
template <class Key>
struct SortParams {
  const Key* keys = nullptr;       // [G, T]; sort_bucket(key, N) says where a row belongs
  std::int32_t* counts = nullptr;  // [G, chunks, N], scratch
  std::int32_t* rows = nullptr;    // [G, T]; entries past start[N] are left as they are
  std::int32_t* start = nullptr;   // [G, N + 1]
  std::int32_t* parts = nullptr;   // [G, T] place of each row / part, or null (Reformer's chunks)
  std::int32_t part = 1;
  std::int64_t groups = 0;
  std::int64_t length = 0;
  std::int32_t buckets = 0;     // N
  std::int64_t chunks = 0;      // sort_chunks(T, N), of
  std::int64_t chunk_rows = 0;  // sort_chunk_rows(N) rows each
};

/// Rows per chunk, the share of one warp: at least as many as buckets, so that the scratch stays
/// linear in T.
constexpr std::int64_t sort_chunk_rows(std::int32_t buckets) {
  return buckets <= 1024 ? 1024 : (buckets + 31) / 32 * 32;
}
constexpr std::int64_t sort_chunks(std::int64_t length, std::int32_t buckets) {
  return (length + sort_chunk_rows(buckets) - 1) / sort_chunk_rows(buckets);
}

/// Rows [begin, end) of one segment's packed queries, or packed keys.
struct alignas(16) TileItem {
  std::int32_t group = 0;
  std::int32_t segment = 0;
  std::int32_t begin = 0;
  std::int32_t end = 0;
};
inline constexpr std::int32_t kTileClasses = 128;
inline constexpr std::uint8_t kNoTile = 255;

/// Every tile into a slot of its own, with its class of length: 0 for the longest. Slots without a
/// tile keep kNoTile, which they must hold before. A counting sort of the classes over all slots
/// then lists the tiles, longest first.
struct TileListParams {
  const std::int32_t* query_start = nullptr;  // [G, S + 1]
  const std::int32_t* key_begin = nullptr;    // [G, S]
  const std::int32_t* key_end = nullptr;      // [G, S]
  TileItem* tiles = nullptr;                  // [G, slots]
  std::uint8_t* classes = nullptr;            // [G, slots]
  std::int64_t groups = 0;
  std::int64_t segments = 0;
  std::int64_t slots = 0;      // tile_slots(rows, tile_rows, S)
  std::int32_t tile_rows = 0;  // of a tile
  bool grows = false;          // later tiles of a segment see more: causal and ascending
};
/// Slots of one group: segment s owns those from start / tile_rows + s on.
constexpr std::int64_t tile_slots(std::int64_t rows, std::int64_t tile_rows,
                                  std::int64_t segments) {
  return rows / tile_rows + segments;
}

}  // namespace attnlab::cuda
