/// tile_pattern.h: which pairs of a tile attend, for kernels_cpu.cpp only.
///   Lives beside tile_math.h inside the instruction set's namespace.
// No include guard, no includes: see kernels_cpu.cpp.

/// The plan's arrays of one group, and the pair rule on original positions.
struct Pattern {
  Pattern(const PlanView& view, std::int64_t g)
      : plan(view),
        group(g),
        query_rows(view.query_rows + g * view.queries),
        key_rows(view.key_rows + g * view.keys),
        query_start(view.query_start + g * (view.segments + 1)),
        key_begin(view.key_begin + g * view.segments),
        key_end(view.key_end + g * view.segments),
        nearest(view.causal ? (view.include_self ? 0 : 1) : -kFar),
        farthest(view.max_distance < kFar ? static_cast<std::int32_t>(view.max_distance) : kFar),
        self(view.causal || view.include_self) {}

  [[nodiscard]] bool visible(std::int32_t query, std::int32_t key) const {
    const std::int32_t distance = query - key;
    // `self` is only asked where causality does not decide it already.
    return (distance >= nearest) & (distance < farthest) & (self | (distance != 0));
  }
  /// By original row; `layer` is [.., G, T].
  [[nodiscard]] const std::int32_t* of_group(const std::int32_t* layer,
                                             std::int64_t round = 0) const {
    return layer == nullptr ? nullptr : layer + (round * plan.groups + group) * plan.length;
  }

  static constexpr std::int32_t kFar = 0x3fffffff;  // above any distance; differences stay in int32
  const PlanView& plan;
  std::int64_t group;
  const std::int32_t* query_rows;
  const std::int32_t* key_rows;
  const std::int32_t* query_start;
  const std::int32_t* key_begin;
  const std::int32_t* key_end;
  std::int32_t nearest, farthest;
  bool self;
};

/// Original positions of up to kTile packed rows.
struct Positions {
  Positions(const std::int32_t* rows, std::int64_t count) : count(count) {
    for (std::int64_t i = 0; i < count; ++i) {
      at[i] = rows[i];
      lowest = rows[i] < lowest ? rows[i] : lowest;
      highest = rows[i] > highest ? rows[i] : highest;
    }
    for (std::int64_t i = count; i < kTile; ++i) at[i] = 0;
  }
  std::int64_t count;
  std::int32_t lowest = Pattern::kFar;
  std::int32_t highest = 0;
  std::int32_t at[kTile];
};

enum class Coverage { none, all, some };

inline Coverage coverage(const Pattern& pattern, const Positions& queries, const Positions& keys) {
  const std::int32_t least = queries.lowest - keys.highest;
  const std::int32_t most = queries.highest - keys.lowest;
  if (most < pattern.nearest || least >= pattern.farthest) return Coverage::none;
  const bool inside = least >= pattern.nearest && most < pattern.farthest;
  const bool self_free = pattern.self || least > 0 || most < 0;
  const bool labelled = pattern.plan.query_labels != nullptr || pattern.plan.round > 0;
  return inside && self_free && !labelled ? Coverage::all : Coverage::some;
}

/// Values of an array by original row, for the columns of a block.
inline void pick(const std::int32_t* by_row, const Positions& columns, std::int32_t* to) {
  for (std::int64_t i = 0; i < kTile; ++i) to[i] = by_row[columns.at[i]];
}

/// Writes -inf where a pair does not attend. scores [rows.count, columns], columns padded;
/// KeyRows: rows of the block are keys and columns are queries, otherwise the reverse.
template <bool KeyRows, class T>
inline void mask_positions(const Pattern& pattern, const Positions& rows, const Positions& columns,
                           T* scores, std::int64_t width) {
  for (std::int64_t r = 0; r < rows.count; ++r) {
    T* line = scores + r * kTile;
    for (std::int64_t c = 0; c < width; ++c) {
      const bool keep = KeyRows ? pattern.visible(columns.at[c], rows.at[r])
                                : pattern.visible(rows.at[r], columns.at[c]);
      line[c] = keep ? line[c] : -static_cast<T>(__builtin_inf());
    }
  }
}

template <class T>
inline void mask_labels(const std::int32_t* row_labels, const std::int32_t* column_labels,
                        const Positions& rows, const Positions& columns, T* scores,
                        std::int64_t width) {
  std::int32_t label[kTile];
  pick(column_labels, columns, label);
  for (std::int64_t r = 0; r < rows.count; ++r) {
    T* line = scores + r * kTile;
    const std::int32_t own = row_labels[rows.at[r]];
    for (std::int64_t c = 0; c < width; ++c) {
      line[c] = label[c] == own ? line[c] : -static_cast<T>(__builtin_inf());
    }
  }
}

/// Leaves out pairs that an earlier round contains.
template <bool KeyRows, class T>
inline void mask_earlier_rounds(const Pattern& pattern, const Positions& rows,
                                const Positions& columns, T* scores, std::int64_t width) {
  std::int32_t chunk[kTile], label[kTile] = {};
  for (std::int64_t round = 0; round < pattern.plan.round; ++round) {
    const std::int32_t* chunks = pattern.of_group(pattern.plan.chunks, round);
    const std::int32_t* labels = pattern.of_group(pattern.plan.round_labels, round);
    pick(chunks, columns, chunk);
    if (labels != nullptr) pick(labels, columns, label);
    for (std::int64_t r = 0; r < rows.count; ++r) {
      T* line = scores + r * kTile;
      const std::int32_t own = chunks[rows.at[r]];
      const std::int32_t own_label = labels != nullptr ? labels[rows.at[r]] : 0;
      for (std::int64_t c = 0; c < width; ++c) {
        const std::int32_t back = KeyRows ? chunk[c] - own : own - chunk[c];  // query - key
        const bool contained = ((back == 0) | (back == 1)) & (label[c] == own_label);
        line[c] = contained ? -static_cast<T>(__builtin_inf()) : line[c];
      }
    }
  }
}

template <bool KeyRows, class T>
inline void mask(const Pattern& pattern, const Positions& rows, const Positions& columns, T* scores,
                 std::int64_t width) {
  mask_positions<KeyRows>(pattern, rows, columns, scores, width);
  if (const std::int32_t* queries = pattern.of_group(pattern.plan.query_labels)) {
    const std::int32_t* keys = pattern.of_group(pattern.plan.key_labels);
    mask_labels(KeyRows ? keys : queries, KeyRows ? queries : keys, rows, columns, scores, width);
  }
  if (pattern.plan.round > 0) {
    mask_earlier_rounds<KeyRows>(pattern, rows, columns, scores, width);
  }
}

struct Range {
  std::int64_t begin, end;
};

/// First i in [range) with rows[i] >= limit; rows ascend.
inline std::int64_t first_at_least(const std::int32_t* rows, Range range, std::int64_t limit) {
  while (range.begin < range.end) {
    const std::int64_t middle = (range.begin + range.end) / 2;
    if (rows[middle] < limit) {
      range.begin = middle + 1;
    } else {
      range.end = middle;
    }
  }
  return range.begin;
}

/// The packed keys that some of these queries can see, by position where that can be told.
inline Range key_range(const Pattern& pattern, std::int64_t segment, const Positions& queries) {
  const Range whole{pattern.key_begin[segment], pattern.key_end[segment]};
  if (!pattern.plan.ascending) return whole;
  return {first_at_least(pattern.key_rows, whole, queries.lowest - pattern.farthest + 1),
          first_at_least(pattern.key_rows, whole, queries.highest - pattern.nearest + 1)};
}

/// How many keys of a tile each query needs, counted from the first: all, but in a tile on the
/// diagonal of an ascending segment only those before the query. Never decreasing.
struct Needs {
  Needs(const Pattern& pattern, Coverage covered, const Positions& queries, const Positions& keys)
      : queries(queries.count),
        triangle(covered == Coverage::some && pattern.plan.ascending && pattern.plan.causal) {
    std::int64_t seen = triangle ? 0 : keys.count;
    for (std::int64_t i = 0; i < queries.count; ++i) {
      while (seen < keys.count && keys.at[seen] <= queries.at[i] - pattern.nearest) ++seen;
      keys_of[i] = seen;
    }
  }
  /// What the queries of [begin, end) need, the padding included.
  [[nodiscard]] std::int64_t keys_until(std::int64_t end) const {
    return keys_of[(end < queries ? end : queries) - 1];
  }
  std::int64_t queries;
  bool triangle;
  std::int64_t keys_of[kTile];
};
