/// tile_weights.h: scores of a block, their softmax, and products with weights; for kernels_cpu.cpp
///   only.
// No include guard, no includes: see kernels_cpu.cpp.

inline constexpr std::int64_t kBand = 2 * kRows;  // rows of a triangle that share one bound

/// Scores of a product whose right side is turned queries (AcrossQueries) or turned keys, as far
/// as `needs` goes. left: rows of the other side; scores [left rows, kTile].
template <bool AcrossQueries, class U>
inline void product_along_dim(const Needs& needs, std::int64_t keys, const U* left, const U* right,
                              std::int64_t dim, Sum<U>* to, std::int64_t width) {
  const std::int64_t stride = row_units<U>(dim), depth = units<U>(dim);
  const auto part = [&](std::int64_t row, std::int64_t rows, std::int64_t column,
                        std::int64_t columns) {
    multiply<false>(Strided<U>{left + row * stride, stride, 1}, right + column, kTile,
                    to + row * kTile + column, kTile, rows, columns, depth);
  };
  if (!needs.triangle) return part(0, AcrossQueries ? keys : needs.queries, 0, width);
  constexpr int W = kWidth<Sum<U>>;
  std::int64_t done = 0;
  if (AcrossQueries) {  // a key is met by the queries from some lane on
    for (std::int64_t lane = 0; lane < width; lane += W) {
      const std::int64_t until = needs.keys_until(lane + W);
      if (until > done) part(done, until - done, lane, width - lane);
      done = until > done ? until : done;
    }
    return;
  }
  while (done < needs.queries) {  // a query meets the keys up to some lane
    const std::int64_t columns = padded<Sum<U>>(needs.keys_of[done]);
    std::int64_t until = done + 1;
    while (until < needs.queries && needs.keys_of[until] <= columns) ++until;
    if (columns > 0) part(done, until - done, 0, columns);
    done = until;
  }
}

template <class U>
inline void scale_scores(Sum<U>* scores, std::int64_t rows, std::int64_t width, Sum<U> scale) {
  if constexpr (kPairs<U>) {  // floats have it in the queries
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < width; ++c) scores[r * kTile + c] *= scale;
    }
  }
}

/// One step of the online softmax. scores [keys, kTile] become weights; `shrink` is the factor by
/// which earlier weights have to be multiplied.
template <class T>
inline void softmax_step(const Needs& needs, T* scores, std::int64_t keys, std::int64_t width,
                         T* largest, T* total, T* shrink) {
  const T infinity = static_cast<T>(__builtin_inf());
  for (std::int64_t i = 0; i < width; i += kWidth<T>) {
    const std::int64_t needed = needs.keys_until(i + kWidth<T>);
    const Lane<T> before = load(largest + i);
    Lane<T> now = before, other = before;
    std::int64_t s = 0;
    for (; s + 2 <= needed; s += 2) {
      now = larger(load(scores + s * kTile + i), now);
      other = larger(load(scores + (s + 1) * kTile + i), other);
    }
    if (s < needed) now = larger(load(scores + s * kTile + i), now);
    now = larger(other, now);
    const Lane<T> base = now == -infinity ? Lane<T>{} : now;  // no key yet: avoids inf - inf
    const Lane<T> factor = exponential(before - base);
    Lane<T> sum{};
    for (s = 0; s < needed; ++s) {
      const Lane<T> weight = exponential(load(scores + s * kTile + i) - base);
      sum += weight;
      store(scores + s * kTile + i, weight);
    }
    for (; s < keys; ++s) store(scores + s * kTile + i, Lane<T>{});
    store(largest + i, now);
    store(total + i, load(total + i) * factor + sum);
    store(shrink + i, factor);
  }
}

/// Weights [rows, kTile] as units along the rows: (column, row) of the result.
template <class T>
inline Strided<T> along_rows(const T* weights, std::int64_t, std::int64_t, T*) {
  return {weights, 1, kTile};
}
inline Strided<Pair> along_rows(const float* weights, std::int64_t rows, std::int64_t width,
                                Pair* to) {
  for (std::int64_t r = 0; r < rows; r += 2) {
    for (std::int64_t c = 0; c < width; c += kWidth<float>) {
      const Lane<float> next = r + 1 < rows ? load(weights + (r + 1) * kTile + c) : Lane<float>{};
      store(to + r / 2 * kTile + c, paired(load(weights + r * kTile + c), next));
    }
  }
  return {to, 1, kTile};
}

/// Weights [rows, kTile] as units along the columns, of which `used` count: (row, column).
template <class T>
inline Strided<T> along_columns(const T* weights, std::int64_t, std::int64_t, T*) {
  return {weights, kTile, 1};
}
inline Strided<Pair> along_columns(const float* weights, std::int64_t rows, std::int64_t used,
                                   Pair* to) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = weights + r * kTile;
    Pair* pairs = to + r * (kTile / 2);
    for (std::int64_t c = 0; c < used; c += 2 * kWidth<float>) {
      neighbours(load(row + c), load(row + c + kWidth<float>), pairs + c / 2);
    }
    if (used % 2 != 0) pairs[used / 2] &= 0xffff;
  }
  return {to, kTile / 2, 1};
}

/// sum [own, wide] += weights rows, pair by pair: a weight of 0 keeps out what is no number.
/// Weight (own, other) is at own * own_step + other * other_step.
template <class U, class T>
inline void add_carefully(const T* weights, std::int64_t own_step, std::int64_t other_step,
                          const U* rows, std::int64_t wide, T* sum, std::int64_t sum_row,
                          std::int64_t own, std::int64_t others, std::int64_t dim) {
  for (std::int64_t s = 0; s < others; ++s) {
    for (std::int64_t i = 0; i < own; ++i) {
      const T weight = weights[i * own_step + s * other_step];
      for (std::int64_t d = 0; weight != 0 && d < dim; ++d) {
        sum[i * sum_row + d] += weight * element(rows, wide, s, d);
      }
    }
  }
}

/// sum [queries, sum_row] += weights rows of keys, where `needs` bounds the keys of each query.
template <class U>
inline void add_to_queries(const Needs& needs, Strided<U> weights, const U* rows, std::int64_t keys,
                           std::int64_t wide, std::int64_t columns, Sum<U>* sum,
                           std::int64_t sum_row) {
  const std::int64_t band = needs.triangle ? kBand : needs.queries;
  for (std::int64_t i = 0; i < needs.queries; i += band) {
    const std::int64_t count = needs.queries - i < band ? needs.queries - i : band;
    const std::int64_t seen = needs.triangle ? needs.keys_until(i + count) : keys;
    multiply<true>(Strided<U>{weights.data + i * weights.row, weights.row, weights.column}, rows,
                   wide, sum + i * sum_row, sum_row, count, columns, units<U>(seen));
  }
}

/// sum [keys, wide] += weights rows of queries, where `needs` bounds the queries of each key.
template <class U>
inline void add_to_keys(const Needs& needs, Strided<U> weights, const U* rows, std::int64_t keys,
                        std::int64_t wide, std::int64_t columns, Sum<U>* sum) {
  const std::int64_t band = needs.triangle ? kBand : keys;
  std::int64_t from = 0;  // first query that sees a key of the band
  for (std::int64_t s = 0; s < keys; s += band) {
    const std::int64_t count = keys - s < band ? keys - s : band;
    while (from < needs.queries && needs.keys_of[from] <= s) ++from;
    const std::int64_t skip = from / kPack<U>;
    multiply<true>(Strided<U>{weights.data + s * weights.row + skip * weights.column, weights.row,
                              weights.column},
                   rows + skip * wide, wide, sum + s * wide, wide, count, columns,
                   units<U>(needs.queries) - skip);
  }
}
