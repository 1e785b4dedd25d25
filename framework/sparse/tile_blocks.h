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

/// to [count, padded D]: rows of `from` [T, D], in packed order; the padding is 0.
template <class T>
inline void gather(const T* from, const Positions& rows, std::int64_t dim, T* to) {
  const std::int64_t width = padded<T>(dim);
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const T* row = from + rows.at[i] * dim;
    for (std::int64_t d = 0; d < dim; ++d) to[i * width + d] = row[d];
    for (std::int64_t d = dim; d < width; ++d) to[i * width + d] = 0;
  }
}

/// to [D, kTile]: the same, transposed.
template <class T>
inline void gather_transposed(const T* from, const Positions& rows, std::int64_t dim, T* to) {
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const T* row = from + rows.at[i] * dim;
    for (std::int64_t d = 0; d < dim; ++d) to[d * kTile + i] = row[d];
  }
  for (std::int64_t d = 0; d < dim; ++d) clear(to + d * kTile + rows.count, kTile - rows.count);
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
