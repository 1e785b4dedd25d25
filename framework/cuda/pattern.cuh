/// pattern.cuh: which pairs of a tile attend. One bit a pair, one word for 32 columns of a row.
///   The twin of framework/sparse/tile_pattern.h.
#pragma once

#include "framework/cuda/attention_params.h"
#include "framework/cuda/gpu.h"

namespace attnlab::cuda {

inline constexpr std::int32_t kFar = 0x3fffffff;  // above any distance; differences stay in int32
inline constexpr std::int32_t kNoRow = -1;        // a tile's padding

/// The pair rule on original positions: nearest <= query - key < farthest, and not itself unless
/// `self`.
struct alignas(16) Rule {
  GPU_FUNCTION explicit Rule(const Plan& plan)
      : nearest(plan.causal ? (plan.include_self ? 0 : 1) : -kFar),
        farthest(plan.max_distance < kFar ? static_cast<std::int32_t>(plan.max_distance) : kFar),
        self(plan.causal || plan.include_self),
        more(plan.query_labels != nullptr || plan.round > 0) {}
  std::int32_t nearest, farthest;
  bool self;
  bool more;  // positions alone do not decide
};

/// Lowest and highest position among some rows; kFar and -kFar of none.
struct alignas(8) Extent {
  std::int32_t lowest = kFar;
  std::int32_t highest = -kFar;
};

enum class Coverage { none, all, some };

GPU_FUNCTION Coverage coverage(const Rule& rule, const Extent& queries, const Extent& keys) {
  const std::int32_t least = queries.lowest - keys.highest;
  const std::int32_t most = queries.highest - keys.lowest;
  if (most < rule.nearest || least >= rule.farthest) return Coverage::none;
  const bool inside = least >= rule.nearest && most < rule.farthest;
  const bool self_free = rule.self || least > 0 || most < 0;
  return inside && self_free && !rule.more ? Coverage::all : Coverage::some;
}

/// Of `count` rows whose positions stand in shared memory, `kNoRow` among them left out.
GPU_FUNCTION Extent extent(std::uint32_t rows, int count) {
  Extent found;
  for (int i = gpu::lane(); i < count; i += kWarp) {
    const auto row = gpu::shared_load<std::int32_t>(rows + static_cast<std::uint32_t>(i) * 4);
    if (row == kNoRow) continue;
    found.lowest = row < found.lowest ? row : found.lowest;
    found.highest = row > found.highest ? row : found.highest;
  }
  return {gpu::warp_min(found.lowest), gpu::warp_max(found.highest)};
}

/// Where the labels, chunks and round labels of one group stand.
struct GroupMarks {
  GPU_FUNCTION GroupMarks(const Plan& plan, std::int64_t group)
      : plan(plan), first(group * plan.length), layer(plan.groups * plan.length) {}
  const Plan& plan;
  std::int64_t first, layer;
};

/// Whether labels differ, or an earlier round contains the pair.
GPU_FUNCTION bool is_excluded(const GroupMarks& marks, std::int32_t query_row,
                              std::int32_t key_row) {
  const Plan& plan = marks.plan;
  const std::int64_t query = marks.first + query_row, key = marks.first + key_row;
  bool keep = plan.query_labels == nullptr ||
              gpu::load(plan.query_labels + query) == gpu::load(plan.key_labels + key);
  GPU_NO_UNROLL
  for (std::int64_t round = 0; round < plan.round; ++round) {
    const std::int64_t skip = round * marks.layer;
    const std::int32_t back =
        gpu::load(plan.chunks + skip + query) - gpu::load(plan.chunks + skip + key);
    const bool same = plan.round_labels == nullptr || gpu::load(plan.round_labels + skip + query) ==
                                                          gpu::load(plan.round_labels + skip + key);
    keep = keep && !((back == 0 || back == 1) && same);
  }
  return !keep;
}

/// Pairs that are excluded leave `word`. own: this lane's row; others: 32 rows in shared memory.
/// KeyRows: own is a key and the others are queries.
template <bool KeyRows>
GPU_FUNCTION std::uint32_t exclude_marked(const GroupMarks& marks, std::int32_t own,
                                          std::uint32_t others, std::uint32_t word) {
  const std::int32_t mine = own < 0 ? 0 : own;
  GPU_NO_UNROLL
  for (int i = 0; i < 32; ++i) {
    const auto row = gpu::shared_load<std::int32_t>(others + static_cast<std::uint32_t>(i) * 4);
    if (row < 0) continue;
    if (is_excluded(marks, KeyRows ? row : mine, KeyRows ? mine : row)) word &= ~(1U << i);
  }
  return word;
}

/// Whether positions let a query see a key. Neither is kNoRow.
GPU_FUNCTION bool is_near(const Rule& rule, std::int32_t query, std::int32_t key) {
  const auto span = static_cast<std::uint32_t>(rule.farthest - rule.nearest);
  const std::int32_t distance = query - key;
  const bool within = static_cast<std::uint32_t>(distance - rule.nearest) < span;
  return within && (rule.self || distance != 0);
}

/// Bit i: whether the rule lets the pair of this lane's row and the i-th of 32 others attend.
/// kNoRow attends nothing.
template <bool KeyRows>
GPU_FUNCTION std::uint32_t near(const Rule& rule, std::int32_t own, std::uint32_t others) {
  const auto span = static_cast<std::uint32_t>(rule.farthest - rule.nearest);
  std::uint32_t word = 0;
  GPU_UNROLL
  for (int i = 0; i < 32; i += 4) {
    const auto four = gpu::shared_load<Vector16>(others + static_cast<std::uint32_t>(i) * 4);
    GPU_UNROLL
    for (int j = 0; j < 4; ++j) {
      const auto other = static_cast<std::int32_t>(four.word[j]);
      const std::int32_t distance = KeyRows ? other - own : own - other;
      const bool within = static_cast<std::uint32_t>(distance - rule.nearest) < span;
      const bool sees = within && other != kNoRow && (rule.self || distance != 0);
      word |= static_cast<std::uint32_t>(sees) << (i + j);
    }
  }
  return own == kNoRow ? 0 : word;
}

/// The same with labels and earlier rounds. Lanes may differ in `own`; all lanes call.
template <bool KeyRows>
GPU_FUNCTION std::uint32_t visible(const Rule& rule, const GroupMarks& marks, std::int32_t own,
                                   std::uint32_t others) {
  const std::uint32_t word = near<KeyRows>(rule, own, others);
  return rule.more ? exclude_marked<KeyRows>(marks, own, others, word) : word;
}

/// First i in [begin, end) with rows[i] >= limit; rows ascend. 32 ways at a time: all lanes call
/// with the same arguments.
GPU_FUNCTION std::int32_t first_at_least(const std::int32_t* rows, std::int32_t begin,
                                         std::int32_t end, std::int64_t limit) {
  while (begin < end) {
    const std::int32_t step = (end - begin + kWarp - 1) / kWarp;
    const std::int32_t at = begin + gpu::lane() * step;
    const bool reached = at >= end || gpu::load(rows + at) >= limit;
    const int lanes = gpu::first_bit(gpu::ballot(reached));
    // Lane lanes-1 is below the limit, lane `lanes` is not; -1: not even the last lane is.
    if (lanes == 0) return begin;
    const int below = lanes < 0 ? kWarp - 1 : lanes - 1;
    const std::int32_t next = begin + (below + 1) * step;
    end = lanes < 0 || next > end ? end : next;
    begin += below * step + 1;
  }
  return end;
}

struct Range {
  std::int32_t begin, end;
};

/// One group's part of the plan.
struct GroupPlan {
  GPU_FUNCTION GroupPlan(const Plan& plan, std::int64_t group)
      : query_rows(plan.query_rows + group * plan.queries),
        key_rows(plan.key_rows + group * plan.keys),
        query_start(plan.query_start + group * (plan.segments + 1)),
        key_begin(plan.key_begin + group * plan.segments),
        key_end(plan.key_end + group * plan.segments) {}
  const std::int32_t* query_rows;
  const std::int32_t* key_rows;
  const std::int32_t* query_start;
  const std::int32_t* key_begin;
  const std::int32_t* key_end;
};

/// A segment before a tile of keys' own.
struct EarlierSegment {
  Range queries;      // packed queries that can see some of the tile's keys
  std::int32_t keys;  // so many of the tile's, the first ones, it sees at all
};
GPU_FUNCTION EarlierSegment earlier_segment(const Plan& plan, const GroupPlan& group,
                                            const Rule& rule, const TileItem& tile,
                                            std::int32_t segment) {
  const Range whole{gpu::load(group.query_start + segment),
                    gpu::load(group.query_start + segment + 1)};
  const std::int32_t end = gpu::load(group.key_end + segment);
  const std::int32_t keys = (end < tile.end ? end : tile.end) - tile.begin;
  if (!plan.ascending) return {whole, keys};
  const std::int64_t lowest = gpu::load(group.key_rows + tile.begin);
  const std::int64_t highest = gpu::load(group.key_rows + tile.end - 1);
  return {{first_at_least(group.query_rows, whole.begin, whole.end, lowest + rule.nearest),
           first_at_least(group.query_rows, whole.begin, whole.end, highest + rule.farthest)},
          keys};
}

}  // namespace attnlab::cuda
