#include "framework/sparse/sort.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "framework/sparse/parallel.h"

namespace attnlab::sparse {
namespace {

constexpr std::int64_t kBlockRows = 4096;  // enough work to share, little enough to balance

void each(std::int64_t count, const std::function<void(std::int64_t)>& work) {
  share(count, [&](const auto& next) {
    for (std::int64_t i = next(); i >= 0; i = next()) work(i);
  });
}

/// T rows of every group, in blocks.
struct Blocks {
  Blocks(std::int64_t groups, std::int64_t length, std::int64_t least)
      : groups(groups),
        length(length),
        rows(std::max(kBlockRows, least)),
        per_group((length + rows - 1) / rows) {}
  [[nodiscard]] std::int64_t count() const { return groups * per_group; }
  [[nodiscard]] std::int64_t begin(std::int64_t block) const { return block % per_group * rows; }
  [[nodiscard]] std::int64_t end(std::int64_t block) const {
    return std::min(begin(block) + rows, length);
  }
  std::int64_t groups, length, rows, per_group;
};

/// Adds the block's rows to their buckets' counts; false where a bucket is out of range.
bool count_block(const std::int32_t* buckets, std::int64_t begin, std::int64_t end, std::int64_t N,
                 std::int32_t* counts) {
  for (std::int64_t t = begin; t < end; ++t) {
    if (static_cast<std::uint32_t>(buckets[t]) >= static_cast<std::uint64_t>(N)) return false;
    ++counts[buckets[t]];
  }
  return true;
}

/// Counts [block][bucket] become the first free place of each; `start` may be null.
void counts_to_places(std::int32_t* counts, std::int64_t blocks, std::int64_t N,
                      std::int32_t* start) {
  std::int32_t place = 0;
  for (std::int64_t n = 0; n < N; ++n) {
    if (start != nullptr) start[n] = place;
    for (std::int64_t block = 0; block < blocks; ++block) {
      place += std::exchange(counts[block * N + n], place);
    }
  }
  if (start != nullptr) start[N] = place;
}

void place_block(const SortParams& p, std::int64_t group, std::int64_t begin, std::int64_t end,
                 std::int32_t* places) {
  const std::int32_t* buckets = p.buckets + group * p.length;
  std::int32_t* rows = p.rows + group * p.length;
  std::int32_t* chunks = p.chunks == nullptr ? nullptr : p.chunks + group * p.length;
  const auto chunk = static_cast<std::uint32_t>(p.chunk);
  for (std::int64_t t = begin; t < end; ++t) {
    const std::int32_t place = places[buckets[t]]++;
    rows[place] = static_cast<std::int32_t>(t);
    if (chunks != nullptr) {
      chunks[t] = static_cast<std::int32_t>(static_cast<std::uint32_t>(place) / chunk);
    }
  }
}

/// The block's kept rows to `to`, which has room for those only.
void copy_kept(const std::uint8_t* keep, std::int64_t begin, std::int64_t end, std::int32_t* to) {
  std::int32_t kept[kBlockRows];
  std::int64_t count = 0;
  for (std::int64_t t = begin; t < end; ++t) {
    kept[count] = static_cast<std::int32_t>(t);  // overwritten by the next row unless kept
    count += keep[t] != 0;                       // a bool tensor may hold other bytes than 0 and 1
  }
  std::copy(kept, kept + count, to);
}

}  // namespace

bool sort_rows(const SortParams& p) {
  const Blocks blocks(p.groups, p.length, p.count);
  std::vector<std::int32_t> counts(static_cast<std::size_t>(blocks.count() * p.count));
  std::atomic<bool> in_range{true};
  const auto counts_of = [&](std::int64_t block) { return counts.data() + block * p.count; };
  each(blocks.count(), [&](std::int64_t i) {
    const auto* buckets = p.buckets + i / blocks.per_group * p.length;
    if (!count_block(buckets, blocks.begin(i), blocks.end(i), p.count, counts_of(i))) {
      in_range = false;
    }
  });
  if (!in_range) return false;
  each(p.groups, [&](std::int64_t g) {
    counts_to_places(counts_of(g * blocks.per_group), blocks.per_group, p.count,
                     p.start == nullptr ? nullptr : p.start + g * (p.count + 1));
  });
  each(blocks.count(), [&](std::int64_t i) {
    place_block(p, i / blocks.per_group, blocks.begin(i), blocks.end(i), counts_of(i));
  });
  return true;
}

void compact_rows(const CompactParams& p) {
  const Blocks blocks(p.groups, p.length, kBlockRows);
  std::vector<std::int32_t> places(static_cast<std::size_t>(blocks.count()));
  each(blocks.count(), [&](std::int64_t i) {
    const auto* keep = p.keep + i / blocks.per_group * p.length;
    const auto dropped = std::count(keep + blocks.begin(i), keep + blocks.end(i), 0);
    places[i] = static_cast<std::int32_t>(blocks.end(i) - blocks.begin(i) - dropped);
  });
  each(p.groups, [&](std::int64_t g) {
    counts_to_places(places.data() + g * blocks.per_group, blocks.per_group, 1, p.start + 2 * g);
  });
  each(blocks.count(), [&](std::int64_t i) {
    const std::int64_t g = i / blocks.per_group;
    copy_kept(p.keep + g * p.length, blocks.begin(i), blocks.end(i),
              p.rows + g * p.length + places[i]);
  });
}

}  // namespace attnlab::sparse
