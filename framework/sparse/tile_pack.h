/// tile_pack.h: a tile's rows gathered into blocks of units; for kernels_cpu.cpp only.
///   rows     [count, row_units]  as stored: the left side of a product along D
///   columns  [D, kTile]          turned: the right side of a product along D
///   depth    [count, wide]       the right side of a product along the rows. For floats the same
///                                as rows; pairs are of neighbouring rows there: [count/2, wide]
// No include guard, no includes: see kernels_cpu.cpp.

template <class T>
inline std::int64_t padded(std::int64_t n) {
  return (n + kWidth<T> - 1) / kWidth<T> * kWidth<T>;
}
template <class U>
inline std::int64_t units(std::int64_t n) {
  return (n + kPack<U> - 1) / kPack<U>;
}
template <class U>
inline std::int64_t row_units(std::int64_t dim) {
  return padded<U>(units<U>(dim));
}
/// Elements from one row of a `depth` block, and of sums, to the next.
template <class U>
inline std::int64_t wide_of(std::int64_t dim) {
  return kPack<U> * row_units<U>(dim);
}

/// Blocks carved from the caller's scratch.
struct Scratch {
  char* next;
  template <class U>
  U* take(std::int64_t size) {
    auto* block = reinterpret_cast<U*>(next);
    const auto bytes = size * static_cast<std::int64_t>(sizeof(U));
    next += (bytes + kScratchAlignment - 1) / kScratchAlignment * kScratchAlignment;
    return block;
  }
};

template <class T>
inline void clear(T* to, std::int64_t size) {
  for (std::int64_t i = 0; i < size; ++i) to[i] = 0;
}

template <class T>
inline Lane<T> load_widened(const T* from) {
  return load(from);
}
inline Lane<float> load_widened(const Bf16* from) {
#if defined(__AVX512F__)  // of the lines below GCC 12 makes several shuffles
  const auto halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return (Lane<float>)_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16);
#else
  typedef std::uint16_t Halves __attribute__((vector_size(kLaneBytes / 2)));
  Halves halves;
  __builtin_memcpy(&halves, from, sizeof(halves));
  return (Lane<float>)(__builtin_convertvector(halves, Words) << 16);
#endif
}
inline Lane<float> load_widened(const F16* from) {
#if defined(__AVX512F__)
  return (Lane<float>)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
#else
  Lane<float> to{};
  for (int i = 0; i < kWidth<float>; ++i) to[i] = widened(from[i]);
  return to;
#endif
}

/// One row times `factor`; poison is 0 as long as every element is finite.
template <class E, class T>
inline void pack_row(const E* row, std::int64_t dim, T factor, T* to, Lane<T>& poison) {
  std::int64_t d = 0;
  for (; d + kWidth<T> <= dim; d += kWidth<T>) {
    const Lane<T> lane = load_widened(row + d) * factor;
    poison += lane * T{0};
    store(to + d, lane);
  }
  if (d == dim) return;
  for (std::int64_t i = 0; i < kWidth<T>; ++i) {
    to[d + i] = d + i < dim ? widened(row[d + i]) * factor : T{0};
  }
  poison += load(to + d) * T{0};
}

inline void pack_row(const Bf16* row, std::int64_t dim, float, Pair* to, Lane<Pair>& poison) {
  constexpr Pair kLow = 0x7f80, kHigh = 0x7f800000;  // exponents of what is no number
  const std::int64_t width = row_units<Pair>(dim);
  for (std::int64_t u = 0; u < width; u += kWidth<Pair>) {
    Lane<Pair> lane{};
    const std::int64_t left = dim - 2 * u, whole = 2 * kWidth<Pair>;
    if (left >= whole) {
      lane = load(reinterpret_cast<const Pair*>(row + 2 * u));
    } else {
      __builtin_memcpy(&lane, row + 2 * u, static_cast<std::size_t>(left > 0 ? 2 * left : 0));
    }
    poison |= (Lane<Pair>)((lane & kLow) == kLow) | (Lane<Pair>)((lane & kHigh) == kHigh);
    store(to + u, lane);
  }
}

/// to: rows, in packed order, zeros up to the next multiple of kWidth rows. Whether all of it is
/// finite. Pairs ignore `factor`.
template <class E, class U>
inline bool pack_rows(const E* from, const Positions& rows, std::int64_t dim, Sum<U> factor,
                      U* to) {
  const std::int64_t width = row_units<U>(dim);
  Lane<U> poison{};
  for (std::int64_t i = 0; i < rows.count; ++i) {
    pack_row(from + rows.at[i] * dim, dim, factor, to + i * width, poison);
  }
  clear(to + rows.count * width, (padded<U>(rows.count) - rows.count) * width);
  bool finite = true;
  for (int lane = 0; lane < kWidth<U>; ++lane) finite &= poison[lane] == 0;
  return finite;
}

/// Exchanges blocks of Half x Half on the two sides of the diagonal, in every block twice as large.
template <int Half, class U>
inline void turn_step(Lane<U>* rows) {
  constexpr int W = kWidth<U>;
  using Index = std::conditional_t<sizeof(U) == 8, std::int64_t, std::int32_t>;
  Lane<Index> upper, lower;
#pragma GCC unroll 16
  for (int j = 0; j < W; ++j) {
    upper[j] = (j & Half) != 0 ? W + j - Half : j;
    lower[j] = (j & Half) != 0 ? W + j : j + Half;
  }
#pragma GCC unroll 16
  for (int i = 0; i < W; ++i) {
    if ((i & Half) != 0) continue;
    const Lane<U> a = rows[i], b = rows[i + Half];
    rows[i] = __builtin_shuffle(a, b, upper);
    rows[i + Half] = __builtin_shuffle(a, b, lower);
  }
}

/// to[d * kTile + i] = rows[i * row_units + d] for W units of W rows.
template <class U>
inline void turn_block(const U* rows, std::int64_t stride, U* to, std::int64_t depth) {
  constexpr int W = kWidth<U>;
  Lane<U> block[W];
#pragma GCC unroll 16
  for (int i = 0; i < W; ++i) block[i] = load(rows + i * stride);
  if constexpr (W > 8) turn_step<8, U>(block);
  if constexpr (W > 4) turn_step<4, U>(block);
  if constexpr (W > 2) turn_step<2, U>(block);
  turn_step<1, U>(block);
#pragma GCC unroll 16
  for (int d = 0; d < W; ++d) {
    if (d < depth) store(to + d * kTile, block[d]);
  }
}

/// columns from rows.
template <class U>
inline void turn(const U* rows, std::int64_t count, std::int64_t dim, U* to) {
  const std::int64_t depth = units<U>(dim), stride = row_units<U>(dim);
  for (std::int64_t i = 0; i < count; i += kWidth<U>) {
    for (std::int64_t d = 0; d < depth; d += kWidth<U>) {
      turn_block(rows + i * stride + d, stride, to + d * kTile + i, depth - d);
    }
  }
}

/// depth from rows; may be the same block.
template <class T>
inline const T* depth_of(const T* rows, std::int64_t, std::int64_t, T*) {
  return rows;
}
inline const Pair* depth_of(const Pair* rows, std::int64_t count, std::int64_t dim, Pair* to) {
  const std::int64_t width = row_units<Pair>(dim);
  for (std::int64_t i = 0; i < count; i += 2) {
    const Pair *one = rows + i * width, *two = one + width;
    for (std::int64_t u = 0; u < width; ++u) {
      to[i * width + 2 * u] = (one[u] & 0xffff) | (two[u] << 16);
      to[i * width + 2 * u + 1] = (one[u] >> 16) | (two[u] & 0xffff0000U);
    }
  }
  return to;
}
