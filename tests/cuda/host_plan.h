/// host_plan.h: random plans of several kinds in plain vectors, and the pairs that each means,
///   written down again from framework/sparse/segment_plan.h with plain loops.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "framework/cuda/attention_params.h"

namespace attnlab::cuda::test {

using Numbers = std::vector<std::int32_t>;

/// A plan and the arrays behind it. Rows that no segment has are filled with 0x7ffffff0, which
/// nothing may follow.
struct HostPlan {
  static constexpr std::int32_t kGarbage = 0x7ffffff0;
  Plan plan;
  Numbers query_rows, key_rows, query_start, key_begin, key_end;
  Numbers query_labels, key_labels, chunks, round_labels;

  /// The plan with pointers into these arrays.
  [[nodiscard]] Plan view() const {
    Plan p = plan;
    const auto data = [](const Numbers& n) { return n.empty() ? nullptr : n.data(); };
    p.query_rows = data(query_rows);
    p.key_rows = data(key_rows);
    p.query_start = data(query_start);
    p.key_begin = data(key_begin);
    p.key_end = data(key_end);
    p.query_labels = data(query_labels);
    p.key_labels = data(key_labels);
    p.chunks = data(chunks);
    p.round_labels = data(round_labels);
    return p;
  }
  /// Whether the rule on positions, labels and earlier rounds lets row i of group g see row j.
  [[nodiscard]] bool allowed(std::int64_t g, std::int64_t i, std::int64_t j) const {
    if (plan.causal && j > i) return false;
    if (!plan.include_self && i == j) return false;
    if (i - j >= plan.max_distance) return false;
    const auto at = [&](const Numbers& by_row, std::int64_t row, std::int64_t layer = 0) {
      return by_row[static_cast<std::size_t>((layer * plan.groups + g) * plan.length + row)];
    };
    if (!query_labels.empty() && at(query_labels, i) != at(key_labels, j)) return false;
    for (std::int64_t r = 0; r < plan.round; ++r) {
      const auto back = at(chunks, i, r) - at(chunks, j, r);
      const bool same = round_labels.empty() || at(round_labels, i, r) == at(round_labels, j, r);
      if ((back == 0 || back == 1) && same) return false;
    }
    return true;
  }
  /// keys[i]: the rows that query row i of group g sees.
  [[nodiscard]] std::vector<Numbers> pairs(std::int64_t g) const {
    std::vector<Numbers> keys(static_cast<std::size_t>(plan.length));
    for (std::int64_t s = 0; s < plan.segments; ++s) {
      const auto* start = query_start.data() + g * (plan.segments + 1) + s;
      for (auto q = start[0]; q < start[1]; ++q) {
        const auto i = query_rows[static_cast<std::size_t>(g * plan.queries + q)];
        const auto index = static_cast<std::size_t>(g * plan.segments + s);
        for (auto k = key_begin[index]; k < key_end[index]; ++k) {
          const auto j = key_rows[static_cast<std::size_t>(g * plan.keys + k)];
          if (allowed(g, i, j)) keys[static_cast<std::size_t>(i)].push_back(j);
        }
      }
    }
    return keys;
  }
};

enum class PlanKind {
  buckets,    // ascending; disjoint ranges; other rows on the query side than on the key side
  windows,    // ascending; overlapping ranges over the rows in order
  look_back,  // not ascending; each range is a piece and part of the one before; rows repeat
  kept,       // as buckets, but the rows of no segment stand behind the last, on both sides
  chunks,     // not ascending; each range is a piece and the one before; every row once
};
inline void PrintTo(PlanKind kind, std::ostream* out) {
  const char* const names[] = {"buckets", "windows", "look_back", "kept", "chunks"};
  *out << names[static_cast<int>(kind)];
}
/// Whether every row is once among the packed queries and keys, so that nobody has to clear any.
inline bool holds_all_rows(PlanKind kind) { return kind >= PlanKind::kept; }

inline Numbers shuffled(std::int64_t count, std::mt19937& random) {
  Numbers rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  std::shuffle(rows.begin(), rows.end(), random);
  return rows;
}

/// Cuts `rows` at random into parts, one of them empty where there are more than two.
inline std::vector<Numbers> cut(const Numbers& rows, std::size_t parts, bool sorted,
                                std::mt19937& random) {
  std::vector<Numbers> pieces(parts);
  for (const auto row : rows) pieces[random() % parts].push_back(row);
  if (parts > 2) pieces[1].clear();
  for (auto& piece : pieces) {
    if (sorted) std::sort(piece.begin(), piece.end());
  }
  return pieces;
}

struct GroupArrays {
  Numbers query_rows, key_rows, query_start{0}, key_begin, key_end;
};

inline void add_bucket_keys(GroupArrays& group, const std::vector<Numbers>& parts) {
  for (const auto& part : parts) {
    group.key_begin.push_back(static_cast<std::int32_t>(group.key_rows.size()));
    group.key_rows.insert(group.key_rows.end(), part.begin(), part.end());
    group.key_end.push_back(static_cast<std::int32_t>(group.key_rows.size()));
  }
}
inline void add_window_keys(GroupArrays& group, std::int64_t T, std::size_t segments,
                            std::mt19937& random) {
  group.key_rows.resize(static_cast<std::size_t>(T));
  std::iota(group.key_rows.begin(), group.key_rows.end(), 0);
  for (std::size_t s = 0; s < segments; ++s) {
    const auto a = static_cast<std::int32_t>(random() % (T + 1));
    const auto b = static_cast<std::int32_t>(random() % (T + 1));
    group.key_begin.push_back(std::min(a, b));
    group.key_end.push_back(std::max(a, b));
  }
  std::sort(group.key_begin.begin(), group.key_begin.end());
  std::sort(group.key_end.begin(), group.key_end.end());
}
/// Every piece has new random rows that the piece before lacks, so no range holds a row twice.
inline void add_look_back_keys(GroupArrays& group, std::int64_t T, std::size_t segments,
                               std::mt19937& random) {
  std::vector<bool> taken(static_cast<std::size_t>(T));
  std::int32_t previous = 0;
  for (std::size_t s = 0; s < segments; ++s) {
    const auto begin = static_cast<std::int32_t>(group.key_rows.size());
    std::vector<bool> own(static_cast<std::size_t>(T));
    for (const auto row : shuffled(T, random)) {
      if (taken[static_cast<std::size_t>(row)] || random() % 3 == 0) continue;
      own[static_cast<std::size_t>(row)] = true;
      group.key_rows.push_back(row);
    }
    taken = own;
    const auto floor = group.key_begin.empty() ? 0 : group.key_begin.back();
    const auto back = previous + static_cast<std::int32_t>(random() % (begin - previous + 1));
    group.key_begin.push_back(std::max(floor, back));
    group.key_end.push_back(static_cast<std::int32_t>(group.key_rows.size()));
    previous = begin;
  }
}

/// Appends `from` to `to`, filled up to `width` with `pad`.
inline void append(Numbers& to, const Numbers& from, std::size_t width, std::int32_t pad) {
  to.insert(to.end(), from.begin(), from.end());
  to.insert(to.end(), width - from.size(), pad);
}

struct PlanShape {
  std::int64_t batch = 1, heads = 2, length = 1;
  std::size_t segments = 0;  // 0: 1 to 5, at random
};

/// Those of `all` that `rows` lacks, behind its end.
inline void add_missing(Numbers& rows, const Numbers& all) {
  const Numbers had = rows;
  for (const auto row : all) {
    if (std::find(had.begin(), had.end(), row) == had.end()) rows.push_back(row);
  }
}

/// A third of the rows is in no segment, but for `chunks`.
inline GroupArrays random_group(PlanKind kind, const PlanShape& shape, std::mt19937& random) {
  GroupArrays group;
  const std::int64_t T = shape.length;
  const bool sorted = kind != PlanKind::look_back && kind != PlanKind::chunks;
  const std::size_t count = shape.segments != 0 ? shape.segments : 1 + random() % 5;
  const auto add_queries = [&](const std::vector<Numbers>& parts) {
    for (const auto& part : parts) {
      group.query_rows.insert(group.query_rows.end(), part.begin(), part.end());
      group.query_start.push_back(static_cast<std::int32_t>(group.query_rows.size()));
    }
  };
  const auto rows = shuffled(T, random);
  if (kind == PlanKind::chunks) {
    const auto size = static_cast<std::int32_t>(T / static_cast<std::int64_t>(count) + 1);
    group.query_rows = group.key_rows = rows;
    for (std::int32_t at = 0; at < T; at += size) {
      const auto end = std::min(at + size, static_cast<std::int32_t>(T));
      group.query_start.push_back(end);
      group.key_begin.push_back(std::max(at - size, 0));
      group.key_end.push_back(end);
    }
    return group;
  }
  const auto kept = static_cast<std::size_t>(T - T / 3);
  add_queries(cut({rows.begin(), rows.begin() + kept}, count, sorted, random));
  if (kind == PlanKind::windows) {
    add_window_keys(group, T, count, random);
  } else if (kind == PlanKind::look_back) {
    add_look_back_keys(group, T, count, random);
  } else {
    const auto keys = shuffled(T, random);
    const auto seen = kind == PlanKind::kept ? kept : keys.size();
    add_bucket_keys(group, cut({keys.begin(), keys.begin() + seen}, count, sorted, random));
  }
  if (kind == PlanKind::kept) {
    add_missing(group.query_rows, rows);
    add_missing(group.key_rows, rows);
  }
  return group;
}

inline HostPlan random_plan(PlanKind kind, const PlanShape& shape, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<GroupArrays> groups(static_cast<std::size_t>(shape.batch * shape.heads));
  std::size_t queries = 0, keys = 0, segments = 0;
  for (auto& group : groups) {
    group = random_group(kind, shape, random);
    queries = std::max(queries, group.query_rows.size());
    keys = std::max(keys, group.key_rows.size());
    segments = std::max(segments, group.key_begin.size());
  }
  HostPlan made;
  for (const auto& group : groups) {
    append(made.query_rows, group.query_rows, queries, HostPlan::kGarbage);
    append(made.key_rows, group.key_rows, keys, HostPlan::kGarbage);
    append(made.query_start, group.query_start, segments + 1, group.query_start.back());
    append(made.key_begin, group.key_begin, segments, group.key_end.back());
    append(made.key_end, group.key_end, segments, group.key_end.back());
  }
  made.plan.groups = shape.batch * shape.heads;
  made.plan.heads = shape.heads;
  made.plan.length = shape.length;
  made.plan.queries = static_cast<std::int64_t>(queries);
  made.plan.keys = static_cast<std::int64_t>(keys);
  made.plan.segments = static_cast<std::int64_t>(segments);
  made.plan.ascending = kind != PlanKind::look_back && kind != PlanKind::chunks;
  made.plan.max_distance = std::int64_t{1} << 60;
  return made;
}

}  // namespace attnlab::cuda::test
