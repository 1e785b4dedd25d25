/// sort.cuh: stable counting sort of each group's rows by bucket, and its sibling, compaction.
///   A warp owns a chunk of consecutive rows. Equal buckets among its 32 rows are found by one
///   match, so ranks keep the order of positions and no atomics are needed.
#pragma once

#include "framework/cuda/gpu.h"
#include "framework/cuda/plan_params.h"

namespace attnlab::cuda {

inline constexpr int kSortWarps = 4;
/// Up to this many numbers a warp keeps its counts in shared memory.
inline constexpr std::int32_t kSharedNumbers = 2048;

/// A row to keep, as compaction takes it: bucket 0, or none.
struct Keep {
  std::uint8_t kept;
};
/// `buckets` for what is no bucket.
GPU_FUNCTION std::int32_t sort_bucket(Keep key, std::int32_t) { return key.kept ? 0 : 1; }
template <class Key>
GPU_FUNCTION std::int32_t sort_bucket(Key key, std::int32_t buckets) {
  const auto bucket = static_cast<std::int64_t>(key);
  return bucket >= 0 && bucket < buckets ? static_cast<std::int32_t>(bucket) : buckets;
}

/// The rows of a group that a warp counts or places, and its number for every bucket and for none:
/// in shared memory where they fit. Only lanes of this warp touch them; sync_warp() between one
/// lane's write and another's read.
template <class Key>
class SortChunk {
 public:
  static constexpr std::uint32_t shared_bytes(std::int32_t buckets) {
    return buckets < kSharedNumbers ? static_cast<std::uint32_t>(kSortWarps * (buckets + 1)) * 4
                                    : 0;
  }
  static constexpr std::int64_t blocks(const SortParams& p) {
    return (p.groups * sort_chunks(p.length, p.buckets) + kSortWarps - 1) / kSortWarps;
  }

  GPU_FUNCTION explicit SortChunk(const SortParams& p)
      : p_(p), size_(p.buckets + 1), shared_(p.buckets < kSharedNumbers) {
    const std::int64_t index = gpu::block() * kSortWarps + gpu::warp();
    const std::int64_t chunks = sort_chunks(p.length, p.buckets);
    group_ = index / chunks;
    const std::int64_t rows = sort_chunk_rows(p.buckets);
    begin_ = index % chunks * rows;
    end_ = begin_ + rows < p.length ? begin_ + rows : p.length;
    global_ = p.counts + index * size_;
  }
  [[nodiscard]] GPU_FUNCTION bool exists() const { return group_ < p_.groups; }

  /// Rows of the chunk in each bucket.
  GPU_FUNCTION void count() const {
    for (std::int32_t n = gpu::lane(); n < size_; n += kWarp) set(n, 0);
    gpu::sync_warp();
    walk([&](const Row& row, std::int32_t number) { set(row.bucket, number + row.peers); });
    for (std::int32_t n = gpu::lane(); shared_ && n < size_; n += kWarp) {
      gpu::store(global_ + n, get(n));
    }
  }
  /// The numbers are places by now: rows[place] = row, or sorted[place] = items[row].
  GPU_FUNCTION void place() const {
    for (std::int32_t n = gpu::lane(); shared_ && n < size_; n += kWarp) {
      set(n, gpu::load(global_ + n));
    }
    gpu::sync_warp();
    walk([&](const Row& row, std::int32_t number) { set(row.bucket, number + row.peers); },
         [&](const Row& row, std::int32_t own) {
           if (p_.items != nullptr) {
             const bool exists = row.bucket < p_.buckets;
             return gpu::store(p_.sorted + own,
                               exists ? gpu::load(p_.items + row.row) : TileItem{});
           }
           gpu::store(p_.rows + group_ * p_.length + own, static_cast<std::int32_t>(row.row));
           if (p_.parts == nullptr) return;
           gpu::store(p_.parts + group_ * p_.length + row.row, own / p_.part);
         });
  }

 private:
  /// One lane's row among the 32 in hand.
  struct Row {
    std::int64_t row;
    std::int32_t bucket;
    int rank;   // how many lower lanes hold the same bucket
    int peers;  // how many lanes do
  };
  struct Nothing {
    GPU_FUNCTION void operator()(const Row&, std::int32_t) const {}
  };

  /// for_each(row, number of its bucket + rank) for every row; first_of(row, number) for the first
  /// of a bucket among 32, after all have read.
  template <class First, class Each = Nothing>
  GPU_FUNCTION void walk(const First& first_of, const Each& for_each = {}) const {
    const auto* keys = static_cast<const Key*>(p_.keys) + group_ * p_.length;
    GPU_NO_UNROLL
    for (std::int64_t first = begin_; first < end_; first += kWarp) {
      Row own{first + gpu::lane(), -1, 0, 0};
      if (own.row < end_) own.bucket = sort_bucket(gpu::load(keys + own.row), p_.buckets);
      const std::uint32_t same = gpu::match(static_cast<std::uint32_t>(own.bucket));
      own.rank = gpu::count_bits(same & ((1U << gpu::lane()) - 1));
      own.peers = gpu::count_bits(same);
      const std::int32_t number = own.bucket < 0 ? 0 : get(own.bucket);
      gpu::sync_warp();
      if (own.bucket >= 0) for_each(own, number + own.rank);
      if (own.bucket >= 0 && own.rank == 0) first_of(own, number);
      gpu::sync_warp();
    }
  }
  GPU_FUNCTION std::uint32_t offset(std::int32_t bucket) const {
    return static_cast<std::uint32_t>(gpu::warp() * size_ + bucket) * 4;
  }
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

  const SortParams& p_;
  std::int64_t group_, begin_, end_;
  std::int32_t* global_;
  std::int32_t size_;
  bool shared_;
};

/// counts[g, c, n] = rows of chunk c in bucket n.
template <class Key>
struct SortCount {
  using Params = SortParams;
  static constexpr int kThreads = kSortWarps * kWarp, kBlocks = 1;
  static GPU_FUNCTION void run(const Params& p) {
    const SortChunk<Key> chunk(p);
    if (chunk.exists()) chunk.count();
  }
};
template <class Key>
struct SortPlace {
  using Params = SortParams;
  static constexpr int kThreads = kSortWarps * kWarp, kBlocks = 1;
  static GPU_FUNCTION void run(const Params& p) {
    const SortChunk<Key> chunk(p);
    if (chunk.exists()) chunk.place();
  }
};

/// counts become places: where the first row of bucket n in chunk c goes. One block a group.
struct SortScan {
  using Params = SortParams;
  static constexpr int kThreads = 256, kBlocks = 1;
  static constexpr std::uint32_t kSharedBytes = kThreads * 4;

  static GPU_FUNCTION void run(const Params& p) {
    const std::int64_t group = gpu::block(), chunks = sort_chunks(p.length, p.buckets);
    const std::int32_t size = p.buckets + 1;
    std::int32_t* counts = p.counts + group * chunks * size;
    std::int32_t before = 0;  // rows of all earlier buckets
    for (std::int32_t first = 0; first < size; first += kThreads) {
      const std::int32_t bucket = first + gpu::thread();
      std::int32_t total = 0;
      for (std::int64_t c = 0; bucket < size && c < chunks; ++c) {
        total += gpu::load(counts + c * size + bucket);
      }
      std::int32_t place = before + sum_up_to_here(total) - total;
      before += gpu::shared_load<std::int32_t>((kThreads - 1) * 4);
      if (bucket < size) gpu::store(p.start + group * size + bucket, place);
      for (std::int64_t c = 0; bucket < size && c < chunks; ++c) {
        const std::int32_t count = gpu::load(counts + c * size + bucket);
        gpu::store(counts + c * size + bucket, place);
        place += count;
      }
      gpu::sync_threads();
    }
  }

 private:
  /// Of this thread and those before it (Hillis and Steele 1986); the last thread's is left in
  /// shared memory.
  static GPU_FUNCTION std::int32_t sum_up_to_here(std::int32_t own) {
    const auto at = static_cast<std::uint32_t>(gpu::thread()) * 4;
    gpu::shared_store(at, own);
    gpu::sync_threads();
    for (int step = 1; step < kThreads; step *= 2) {
      if (gpu::thread() >= step) {
        own += gpu::shared_load<std::int32_t>(at - static_cast<std::uint32_t>(step) * 4);
      }
      gpu::sync_threads();
      gpu::shared_store(at, own);
      gpu::sync_threads();
    }
    return own;
  }
};

}  // namespace attnlab::cuda
