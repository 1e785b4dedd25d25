/// random_plan.h: random plans of several kinds, and the pairs that each means, written down again
///   from segment_plan.h with plain loops over [B, H, T, T].
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <ostream>
#include <random>
#include <vector>

#include "framework/sparse/segment_plan.h"

namespace attnlab::test {

/// Collects one group after another into a plan's tensors.
class PlanBuilder {
 public:
  struct Group {
    std::vector<std::int32_t> query_rows, key_rows, query_start{0}, key_begin, key_end;
  };
  PlanBuilder(std::int64_t B, std::int64_t H) : B_(B), H_(H) {}
  Group& add() { return groups_.emplace_back(); }

  /// Pads rows with -1, which nothing may read, and segments with empty ones.
  [[nodiscard]] sparse::SegmentPlan plan() const {
    sparse::SegmentPlan plan;
    plan.query_rows = pack(&Group::query_rows, -1);
    plan.key_rows = pack(&Group::key_rows, -1);
    plan.query_start = pack(&Group::query_start, kRepeatLast);
    plan.key_begin = pack(&Group::key_begin, kRepeatLast);
    plan.key_end = pack(&Group::key_end, kRepeatLast);
    return plan;
  }

 private:
  static constexpr std::int32_t kRepeatLast = -2;
  [[nodiscard]] at::Tensor pack(std::vector<std::int32_t> Group::*member, std::int32_t pad) const {
    std::size_t width = 0;
    for (const auto& group : groups_) width = std::max(width, (group.*member).size());
    auto packed = at::empty({B_, H_, static_cast<std::int64_t>(width)}, at::kInt);
    auto* to = packed.mutable_data_ptr<std::int32_t>();
    for (const auto& group : groups_) {
      const auto& values = group.*member;
      const auto last = values.empty() ? 0 : values.back();
      for (std::size_t i = 0; i < width; ++i) {
        *to++ = i < values.size() ? values[i] : (pad == kRepeatLast ? last : pad);
      }
    }
    return packed;
  }
  std::int64_t B_, H_;
  std::vector<Group> groups_;
};

enum class PlanKind {
  buckets,    // ascending; disjoint ranges; other rows on the query side than on the key side
  windows,    // ascending; overlapping ranges over the rows in order
  look_back,  // not ascending; each range is a piece and part of the one before; rows repeat
};

inline void PrintTo(PlanKind kind, std::ostream* out) {
  *out << (kind == PlanKind::buckets   ? "buckets"
           : kind == PlanKind::windows ? "windows"
                                       : "look_back");
}

struct PlanShape {
  std::int64_t B = 2, H = 2, T = 1;
};

inline std::vector<std::int32_t> shuffled(std::int64_t count, std::mt19937& random) {
  std::vector<std::int32_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  std::shuffle(rows.begin(), rows.end(), random);
  return rows;
}

/// Cuts `rows` at random places into `pieces` parts, some of them empty; sorted inside on demand.
inline std::vector<std::vector<std::int32_t>> cut(std::vector<std::int32_t> rows, int pieces,
                                                  bool sorted, std::mt19937& random) {
  std::vector<std::vector<std::int32_t>> parts(static_cast<std::size_t>(pieces));
  for (const auto row : rows) parts[random() % parts.size()].push_back(row);
  if (pieces > 2) parts[1].clear();
  for (auto& part : parts) {
    if (sorted) std::sort(part.begin(), part.end());
  }
  return parts;
}

inline void add_queries(PlanBuilder::Group& group,
                        const std::vector<std::vector<std::int32_t>>& parts) {
  for (const auto& part : parts) {
    group.query_rows.insert(group.query_rows.end(), part.begin(), part.end());
    group.query_start.push_back(static_cast<std::int32_t>(group.query_rows.size()));
  }
}

inline void add_bucket_keys(PlanBuilder::Group& group,
                            const std::vector<std::vector<std::int32_t>>& parts) {
  for (const auto& part : parts) {
    group.key_begin.push_back(static_cast<std::int32_t>(group.key_rows.size()));
    group.key_rows.insert(group.key_rows.end(), part.begin(), part.end());
    group.key_end.push_back(static_cast<std::int32_t>(group.key_rows.size()));
  }
}

inline void add_window_keys(PlanBuilder::Group& group, std::int64_t T, std::size_t segments,
                            std::mt19937& random) {
  group.key_rows.resize(static_cast<std::size_t>(T));
  std::iota(group.key_rows.begin(), group.key_rows.end(), 0);
  std::vector<std::int32_t> begins, ends;
  for (std::size_t s = 0; s < segments; ++s) {
    const auto a = static_cast<std::int32_t>(random() % (T + 1));
    const auto b = static_cast<std::int32_t>(random() % (T + 1));
    begins.push_back(std::min(a, b));
    ends.push_back(std::max(a, b));
  }
  std::sort(begins.begin(), begins.end());  // i-th smallest <= i-th smallest: ranges stay valid
  std::sort(ends.begin(), ends.end());
  group.key_begin = begins;
  group.key_end = ends;
}

/// Every piece has new random rows that the piece before lacks, so no range holds a row twice.
inline void add_look_back_keys(PlanBuilder::Group& group, std::int64_t T, std::size_t segments,
                               std::mt19937& random) {
  std::vector<bool> taken(static_cast<std::size_t>(T));
  std::int32_t previous = 0;
  for (std::size_t s = 0; s < segments; ++s) {
    const auto begin = static_cast<std::int32_t>(group.key_rows.size());
    std::vector<bool> own(static_cast<std::size_t>(T));
    for (const auto row : shuffled(T, random)) {
      if (taken[row] || random() % 3 == 0) continue;
      own[row] = true;
      group.key_rows.push_back(row);
    }
    taken = own;
    const auto end = static_cast<std::int32_t>(group.key_rows.size());
    const auto floor = group.key_begin.empty() ? 0 : group.key_begin.back();
    const auto back = previous + static_cast<std::int32_t>(random() % (begin - previous + 1));
    group.key_begin.push_back(std::max(floor, back));
    group.key_end.push_back(end);
    previous = begin;
  }
}

/// A third of the rows is in no segment.
inline sparse::SegmentPlan random_plan(PlanKind kind, PlanShape shape, std::uint32_t seed) {
  std::mt19937 random(seed);
  PlanBuilder builder(shape.B, shape.H);
  for (std::int64_t g = 0; g < shape.B * shape.H; ++g) {
    auto& group = builder.add();
    const bool sorted = kind != PlanKind::look_back;
    const int segments = 1 + static_cast<int>(random() % 5);
    auto rows = shuffled(shape.T, random);
    rows.resize(static_cast<std::size_t>(shape.T - shape.T / 3));
    const auto parts = cut(rows, segments, sorted, random);
    add_queries(group, parts);
    if (kind == PlanKind::buckets) {
      add_bucket_keys(group, cut(shuffled(shape.T, random), segments, sorted, random));
    } else if (kind == PlanKind::windows) {
      add_window_keys(group, shape.T, parts.size(), random);
    } else {
      add_look_back_keys(group, shape.T, parts.size(), random);
    }
  }
  auto plan = builder.plan();
  plan.ascending = kind != PlanKind::look_back;
  return plan;
}

/// Whether the rule on positions, labels and earlier rounds lets query row i of (b, h) see row j.
inline bool pair_allowed(const sparse::SegmentPlan& plan, std::int64_t b, std::int64_t h,
                         std::int64_t i, std::int64_t j) {
  if (plan.causal && j > i) return false;
  if (!plan.include_self && i == j) return false;
  if (i - j >= plan.max_distance) return false;
  const auto at = [&](const at::Tensor& labels, std::int64_t row) {
    return labels[b][h][row].item<std::int32_t>();
  };
  if (plan.query_labels.defined() && at(plan.query_labels, i) != at(plan.key_labels, j)) {
    return false;
  }
  for (std::int64_t r = 0; plan.chunks.defined() && r < plan.round; ++r) {
    const auto back = at(plan.chunks[r], i) - at(plan.chunks[r], j);
    const bool same =
        !plan.round_labels.defined() || at(plan.round_labels[r], i) == at(plan.round_labels[r], j);
    if ((back == 0 || back == 1) && same) return false;
  }
  return true;
}

/// [B, H, T, T] bool: the pairs of the plan.
inline at::Tensor mask_of(const sparse::SegmentPlan& plan, PlanShape shape) {
  auto mask = at::zeros({shape.B, shape.H, shape.T, shape.T}, at::kBool);
  auto cells = mask.accessor<bool, 4>();
  const auto queries = plan.query_rows.accessor<std::int32_t, 3>();
  const auto keys = plan.key_rows.accessor<std::int32_t, 3>();
  const auto start = plan.query_start.accessor<std::int32_t, 3>();
  const auto begin = plan.key_begin.accessor<std::int32_t, 3>();
  const auto end = plan.key_end.accessor<std::int32_t, 3>();
  for (std::int64_t b = 0; b < shape.B; ++b) {
    for (std::int64_t h = 0; h < shape.H; ++h) {
      for (std::int64_t s = 0; s < begin.size(2); ++s) {
        for (auto q = start[b][h][s]; q < start[b][h][s + 1]; ++q) {
          for (auto k = begin[b][h][s]; k < end[b][h][s]; ++k) {
            const auto i = queries[b][h][q], j = keys[b][h][k];
            if (pair_allowed(plan, b, h, i, j)) cells[b][h][i][j] = true;
          }
        }
      }
    }
  }
  return mask;
}

}  // namespace attnlab::test
