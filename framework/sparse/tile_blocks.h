/// tile_blocks.h: gathering rows into blocks, scores and softmax of a block; for kernels_cpu.cpp
/// only.
///   Uses tile_math.h and tile_pattern.h, inside the instruction set's namespace.
// No include guard, no includes: see kernels_cpu.cpp.

template <class T>
inline std::int64_t padded(std::int64_t n) {
  return (n + kWidth<T> - 1) / kWidth<T> * kWidth<T>;
}

/// Blocks carved from the caller's scratch.
template <class T>
struct Scratch {
  T* next;
  T* take(std::int64_t size) {
    T* block = next;
    next += size;
    return block;
  }
};

template <class T>
inline void clear(T* to, std::int64_t size) {
  for (std::int64_t i = 0; i < size; ++i) to[i] = 0;
}

/// to [count, padded D]: rows of `from` [T, D], in packed order; the padding is 0. Whether all of
/// them are finite.
template <class E, class T>
inline bool gather(const E* from, const Positions& rows, std::int64_t dim, T* to) {
  const std::int64_t width = padded<T>(dim);
  Lane<T> poison{};  // 0 times what is no number is no number
  for (std::int64_t i = 0; i < rows.count; ++i, to += width) {
    const E* row = from + rows.at[i] * dim;
    for (std::int64_t d = 0; d < dim; ++d) to[d] = widened(row[d]);
    for (std::int64_t d = dim; d < width; ++d) to[d] = 0;
    for (std::int64_t d = 0; d < width; d += kWidth<T>) poison += load(to + d) * T{0};
  }
  bool finite = true;
  for (int lane = 0; lane < kWidth<T>; ++lane) finite &= poison[lane] == 0;
  return finite;
}

/// to [D, kTile]: the same, transposed.
template <class E, class T>
inline void gather_transposed(const E* from, const Positions& rows, std::int64_t dim, T* to) {
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const E* row = from + rows.at[i] * dim;
    for (std::int64_t d = 0; d < dim; ++d) to[d * kTile + i] = widened(row[d]);
  }
  for (std::int64_t d = 0; d < dim; ++d) clear(to + d * kTile + rows.count, kTile - rows.count);
}

/// sum [own, wide] += weights^T rows; weights [others, kTile], rows [others, wide]. Where `rows`
/// may hold what is no number, a weight of 0 keeps it out.
template <class T>
inline void add_weighted(bool safe, const T* weights, const T* rows, std::int64_t wide, T* sum,
                         std::int64_t own, std::int64_t others) {
  if (safe) {
    multiply<true>(Strided<T>{weights, 1, kTile}, rows, wide, sum, wide, own, wide, others);
    return;
  }
  for (std::int64_t s = 0; s < others; ++s) {
    for (std::int64_t i = 0; i < own; ++i) {
      const T weight = weights[s * kTile + i];
      for (std::int64_t d = 0; weight != 0 && d < wide; ++d)
        sum[i * wide + d] += weight * rows[s * wide + d];
    }
  }
}

/// scores [rows, kTile] = scale * (rows . columns), masked; only the first `width` columns.
template <bool KeyRows, class T>
inline void masked_scores(const Pattern& pattern, Coverage covered, const Positions& rows,
                          const Positions& columns, const T* packed_rows,
                          const T* transposed_columns, T scale, T* scores, std::int64_t width) {
  const std::int64_t dim = pattern.plan.head_dim;
  multiply<false>(Strided<T>{packed_rows, padded<T>(dim), 1}, transposed_columns, kTile, scores,
                  kTile, rows.count, width, dim);
  for (std::int64_t r = 0; r < rows.count; ++r) {
    for (std::int64_t c = 0; c < width; ++c) scores[r * kTile + c] *= scale;
  }
  if (covered == Coverage::some) mask<KeyRows>(pattern, rows, columns, scores, width);
}

/// One step of the online softmax. scores [keys, kTile] become weights; `shrink` is the factor by
/// which earlier weights have to be multiplied.
template <class T>
inline void softmax_step(T* scores, std::int64_t keys, std::int64_t width, T* largest, T* total,
                         T* shrink) {
  const T infinity = static_cast<T>(__builtin_inf());
  for (std::int64_t i = 0; i < width; i += kWidth<T>) {
    const Lane<T> before = load(largest + i);
    Lane<T> now = before;
    for (std::int64_t s = 0; s < keys; ++s) {
      const Lane<T> score = load(scores + s * kTile + i);
      now = (score > now) | (score != score) ? score : now;  // NaN stays
    }
    const Lane<T> base = now == -infinity ? Lane<T>{} : now;  // no key yet: avoids inf - inf
    const Lane<T> factor = exponential(before - base);
    Lane<T> sum{};
    for (std::int64_t s = 0; s < keys; ++s) {
      const Lane<T> weight = exponential(load(scores + s * kTile + i) - base);
      sum += weight;
      store(scores + s * kTile + i, weight);
    }
    store(largest + i, now);
    store(total + i, load(total + i) * factor + sum);
    store(shrink + i, factor);
  }
}
