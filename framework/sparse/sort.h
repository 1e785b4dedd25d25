/// sort.h: stable counting sort and prefix-sum compaction of row numbers, linear in T. No LibTorch.
///   Rows are counted and placed in blocks that threads share, also when there is one group only;
///   the result is the only one there is, whatever the threads. G groups, T length, N buckets.
#pragma once

#include <cstdint>

namespace attnlab::sparse {

struct SortParams {
  const std::int32_t* buckets = nullptr;  // [G, T], values 0 to N-1
  std::int64_t groups = 0;                // G
  std::int64_t length = 0;                // T
  std::int64_t count = 1;                 // N
  std::int32_t* rows = nullptr;           // [G, T] row numbers by (bucket, position)
  std::int32_t* start = nullptr;          // [G, N+1] where each bucket begins, or null
  std::int32_t* chunks = nullptr;         // [G, T] place of each row in `rows` / chunk, or null
  std::int64_t chunk = 1;
};

/// O(T + N) a group. False where a bucket is out of range; the output is then unspecified.
[[nodiscard]] bool sort_rows(const SortParams& params);

struct CompactParams {
  const std::uint8_t* keep = nullptr;  // [G, T]: all but 0 are kept
  std::int64_t groups = 0;             // G
  std::int64_t length = 0;             // T
  std::int32_t* rows = nullptr;        // [G, T] the kept row numbers; the rest is left as it is
  std::int32_t* start = nullptr;       // [G, 2]: 0 and the number of kept rows
};

void compact_rows(const CompactParams& params);

}  // namespace attnlab::sparse
