/// sort.cuh: stable counting sort of each group's rows by bucket, and its sibling, compaction.
///   A warp owns a chunk of consecutive rows. Equal buckets among its 32 rows are found by one
///   match, so ranks keep the order of positions and no atomics are needed.
#pragma once

#include "framework/cuda/gpu.h"
#include "framework/cuda/plan_params.h"

namespace attnlab::cuda {

inline constexpr int kSortWarps = 4;
inline constexpr int kScanThreads = 256;
inline constexpr std::int32_t kNowhere = -1;
/// Up to this many buckets a warp keeps its counts in shared memory.
inline constexpr std::int32_t kSharedBuckets = 2048;

constexpr std::uint32_t sort_shared_bytes(std::int32_t buckets) {
  return buckets <= kSharedBuckets ? static_cast<std::uint32_t>(kSortWarps * buckets) * 4 : 0;
}
constexpr std::int64_t sort_blocks(std::int64_t groups, std::int64_t chunks) {
  return (groups * chunks + kSortWarps - 1) / kSortWarps;
}

/// A row to keep, as compaction takes it: bucket 0, or nowhere.
struct Keep {
  std::uint8_t kept;
};
GPU_FUNCTION std::int32_t sort_bucket(Keep key, std::int32_t) { return key.kept ? 0 : kNowhere; }
template <class Key>
GPU_FUNCTION std::int32_t sort_bucket(Key key, std::int32_t buckets) {
  const auto bucket = static_cast<std::int64_t>(key);
  return bucket >= 0 && bucket < buckets ? static_cast<std::int32_t>(bucket) : kNowhere;
}

/// A warp's number for every bucket, in shared memory where they fit. Only lanes of this warp touch
/// them; sync_warp() between one lane's write and another's read.
class WarpNumbers {
 public:
  GPU_FUNCTION WarpNumbers(std::int32_t* global, std::int32_t buckets)
      : global_(global), buckets_(buckets), shared_(buckets <= kSharedBuckets) {}
  GPU_FUNCTION std::int32_t get(std::int32_t bucket) const {
    return shared_ ? gpu::shared_load<std::int32_t>(offset(bucket)) : gpu::load(global_ + bucket);
  }
  GPU_FUNCTION void set(std::int32_t bucket, std::int32_t number) const {
    if (shared_) {
      gpu::shared_store(offset(bucket), number);
    } else {
      gpu::store(global_ + bucket, number);
    }
  }
  GPU_FUNCTION void clear() const {
    for (std::int32_t n = gpu::lane(); n < buckets_; n += kWarp) set(n, 0);
    gpu::sync_warp();
  }
  /// From and to the global array, which is where the numbers already are when not shared.
  GPU_FUNCTION void fetch() const {
    for (std::int32_t n = gpu::lane(); shared_ && n < buckets_; n += kWarp) {
      set(n, gpu::load(global_ + n));
    }
    gpu::sync_warp();
  }
  GPU_FUNCTION void keep() const {
    for (std::int32_t n = gpu::lane(); shared_ && n < buckets_; n += kWarp) {
      gpu::store(global_ + n, get(n));
    }
  }

 private:
  GPU_FUNCTION std::uint32_t offset(std::int32_t bucket) const {
    return static_cast<std::uint32_t>(gpu::warp() * buckets_ + bucket) * 4;
  }
  std::int32_t* global_;
  std::int32_t buckets_;
  bool shared_;
};

/// The chunk of this warp.
template <class Key>
struct Chunk {
  GPU_FUNCTION explicit Chunk(const SortParams<Key>& p) {
    const std::int64_t index = gpu::block() * kSortWarps + gpu::warp();
    group = index / p.chunks;
    exists = group < p.groups;
    begin = index % p.chunks * p.chunk_rows;
    end = begin + p.chunk_rows;
    if (end > p.length) end = p.length;
    numbers = p.counts + index * p.buckets;
  }
  std::int64_t group, begin, end;
  std::int32_t* numbers;
  bool exists;
};

/// One lane's row among the 32 in hand.
struct SortedRow {
  std::int64_t row;
  std::int32_t bucket;  // or kNowhere
  int rank;             // how many lower lanes hold the same bucket
  int peers;            // how many lanes do
};
template <class Key>
GPU_FUNCTION SortedRow look(const SortParams<Key>& p, const Chunk<Key>& chunk, std::int64_t first) {
  SortedRow found{first + gpu::lane(), kNowhere, 0, 0};
  if (found.row < chunk.end) {
    found.bucket = sort_bucket(gpu::load(p.keys + chunk.group * p.length + found.row), p.buckets);
  }
  const std::uint32_t same = gpu::match(static_cast<std::uint32_t>(found.bucket));
  found.rank = gpu::count_bits(same & ((1U << gpu::lane()) - 1));
  found.peers = gpu::count_bits(same);
  return found;
}

/// counts[g, c, n] = rows of chunk c in bucket n. Grid: sort_blocks blocks of kSortWarps warps.
template <class Key>
GPU_FUNCTION void sort_count(const SortParams<Key>& p) {
  const Chunk<Key> chunk(p);
  if (!chunk.exists) return;
  const WarpNumbers numbers(chunk.numbers, p.buckets);
  numbers.clear();
  GPU_NO_UNROLL
  for (std::int64_t first = chunk.begin; first < chunk.end; first += kWarp) {
    const SortedRow found = look(p, chunk, first);
    if (found.bucket != kNowhere && found.rank == 0) {
      numbers.set(found.bucket, numbers.get(found.bucket) + found.peers);
    }
    gpu::sync_warp();
  }
  numbers.keep();
}

/// counts become places: where the first row of bucket n in chunk c goes. Grid: one block of
/// kScanThreads a group; shared memory: kScanThreads integers.
template <class Key>
GPU_FUNCTION void sort_scan(const SortParams<Key>& p) {
  const std::int64_t group = gpu::block(), chunks = p.chunks;
  std::int32_t* counts = p.counts + group * chunks * p.buckets;
  std::int32_t* start = p.start + group * (p.buckets + 1);
  const int thread = gpu::thread();
  std::int32_t before = 0;  // rows of all earlier buckets
  for (std::int32_t first = 0; first < p.buckets; first += kScanThreads) {
    const std::int32_t bucket = first + thread;
    std::int32_t total = 0;
    for (std::int64_t c = 0; bucket < p.buckets && c < chunks; ++c) {
      total += gpu::load(counts + c * p.buckets + bucket);
    }
    gpu::shared_store(static_cast<std::uint32_t>(thread) * 4, total);
    gpu::sync_threads();
    for (int step = 1; step < kScanThreads; step *= 2) {  // inclusive sums, Hillis and Steele
      const auto own = static_cast<std::uint32_t>(thread) * 4;
      std::int32_t sum = gpu::shared_load<std::int32_t>(own);
      if (thread >= step) {
        sum += gpu::shared_load<std::int32_t>(own - static_cast<std::uint32_t>(step) * 4);
      }
      gpu::sync_threads();
      gpu::shared_store(own, sum);
      gpu::sync_threads();
    }
    std::int32_t place =
        before + gpu::shared_load<std::int32_t>(static_cast<std::uint32_t>(thread) * 4) - total;
    before += gpu::shared_load<std::int32_t>((kScanThreads - 1) * 4);
    if (bucket < p.buckets) gpu::store(start + bucket, place);
    for (std::int64_t c = 0; bucket < p.buckets && c < chunks; ++c) {
      const std::int32_t count = gpu::load(counts + c * p.buckets + bucket);
      gpu::store(counts + c * p.buckets + bucket, place);
      place += count;
    }
    gpu::sync_threads();
  }
  if (thread == 0) gpu::store(start + p.buckets, before);
}

/// rows[place] = row. Grid as sort_count.
template <class Key>
GPU_FUNCTION void sort_place(const SortParams<Key>& p) {
  const Chunk<Key> chunk(p);
  if (!chunk.exists) return;
  const WarpNumbers numbers(chunk.numbers, p.buckets);
  numbers.fetch();
  std::int32_t* rows = p.rows + chunk.group * p.length;
  GPU_NO_UNROLL
  for (std::int64_t first = chunk.begin; first < chunk.end; first += kWarp) {
    const SortedRow found = look(p, chunk, first);
    const std::int32_t place = found.bucket == kNowhere ? 0 : numbers.get(found.bucket);
    gpu::sync_warp();  // all have read before the first of a bucket writes
    if (found.bucket != kNowhere) {
      const std::int32_t own = place + found.rank;
      gpu::store(rows + own, static_cast<std::int32_t>(found.row));
      if (p.parts != nullptr) {
        gpu::store(p.parts + chunk.group * p.length + found.row, own / p.part);
      }
      if (found.rank == 0) numbers.set(found.bucket, place + found.peers);
    }
    gpu::sync_warp();
  }
}

}  // namespace attnlab::cuda
