/// tile_multiply.h: products of small row-major blocks; for kernels_cpu.cpp only.
///   A block holds units U: float or double, or Pair, two neighbouring bfloat16 along the depth of
///   the product, of which one instruction multiplies and adds both. Sums are float (double). They
///   run in index order for every element, whatever the block's shape.
// No include guard, no includes: see kernels_cpu.cpp.

/// Element (i, k) is data[i * row + k * column].
template <class U>
struct Strided {
  const U* data;
  std::int64_t row;
  std::int64_t column;
};

inline void fused(Lane<float>& sum, float left, Lane<float> right) { sum += left * right; }
inline void fused(Lane<double>& sum, double left, Lane<double> right) { sum += left * right; }
inline void fused(Lane<float>& sum, Lane<float> left, Lane<float> right) { sum += left * right; }
inline void fused(Lane<double>& sum, Lane<double> left, Lane<double> right) { sum += left * right; }
inline void fused(Lane<float>& sum, Lane<Pair> left, Lane<Pair> right) {
#if defined(__AVX512BF16__)
  sum = (Lane<float>)_mm512_dpbf16_ps((__m512)sum, (__m512bh)left, (__m512bh)right);
#else  // the same, for a processor without it: what tests of the packing run on
  sum += (Lane<float>)(left & 0xffff0000U) * (Lane<float>)(right & 0xffff0000U);
  sum += (Lane<float>)(left << 16) * (Lane<float>)(right << 16);
#endif
}
inline void fused(Lane<float>& sum, Pair left, Lane<Pair> right) {
  fused(sum, left + Lane<Pair>{}, right);
}

template <int Rows, int Lanes, bool Add, class U>
inline void multiply_block(Strided<U> a, const U* b, std::int64_t b_row, Sum<U>* c,
                           std::int64_t c_row, std::int64_t depth) {
  Lane<Sum<U>> sum[Rows][Lanes];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int n = 0; n < Lanes; ++n) sum[r][n] = Lane<Sum<U>>{};
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    Lane<U> right[Lanes];
#pragma GCC unroll 8
    for (int n = 0; n < Lanes; ++n) right[n] = load(b + k * b_row + n * kWidth<U>);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const U left = a.data[r * a.row + k * a.column];
#pragma GCC unroll 8
      for (int n = 0; n < Lanes; ++n) fused(sum[r][n], left, right[n]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int n = 0; n < Lanes; ++n) {
      Sum<U>* to = c + r * c_row + n * kWidth<U>;
      store(to, Add ? load(to) + sum[r][n] : sum[r][n]);
    }
  }
}

inline constexpr int kRows = 6;  // 6 x 4 sums and their operands fit 32 registers, 6 x 2 fit 16

template <int Rows, int Lanes, bool Add, class U>
inline void multiply_rest(Strided<U> a, const U* b, std::int64_t b_row, Sum<U>* c,
                          std::int64_t c_row, std::int64_t rows, std::int64_t depth) {
  if constexpr (Rows > 0) {
    if (rows == Rows) return multiply_block<Rows, Lanes, Add>(a, b, b_row, c, c_row, depth);
    multiply_rest<Rows - 1, Lanes, Add>(a, b, b_row, c, c_row, rows, depth);
  }
}

template <int Lanes, bool Add, class U>
inline void multiply_columns(Strided<U> a, const U* b, std::int64_t b_row, Sum<U>* c,
                             std::int64_t c_row, std::int64_t rows, std::int64_t depth) {
  std::int64_t i = 0;
  for (; i + kRows <= rows; i += kRows) {
    multiply_block<kRows, Lanes, Add>(Strided<U>{a.data + i * a.row, a.row, a.column}, b, b_row,
                                      c + i * c_row, c_row, depth);
  }
  multiply_rest<kRows - 1, Lanes, Add>(Strided<U>{a.data + i * a.row, a.row, a.column}, b, b_row,
                                       c + i * c_row, c_row, rows - i, depth);
}

/// c (+)= a b over at most kDepth terms; columns is a multiple of kWidth.
template <bool Add, class U>
inline void multiply_slice(Strided<U> a, const U* b, std::int64_t b_row, Sum<U>* c,
                           std::int64_t c_row, std::int64_t rows, std::int64_t columns,
                           std::int64_t depth) {
  std::int64_t n = 0;
#if defined(__AVX512F__)
  for (; n + 4 * kWidth<U> <= columns; n += 4 * kWidth<U>) {
    multiply_columns<4, Add>(a, b + n, b_row, c + n, c_row, rows, depth);
  }
#endif
  for (; n + 2 * kWidth<U> <= columns; n += 2 * kWidth<U>) {
    multiply_columns<2, Add>(a, b + n, b_row, c + n, c_row, rows, depth);
  }
  for (; n < columns; n += kWidth<U>) {
    multiply_columns<1, Add>(a, b + n, b_row, c + n, c_row, rows, depth);
  }
}

/// Units along D that are summed before they join the rest: errors of scores grow with the number
/// of slices. Along rows a slice is a tile.
inline constexpr std::int64_t kDepth = 32;

/// c (+)= a b over [rows, depth] x [depth, columns]; columns is a multiple of kWidth. Without Add,
/// depth is at least 1.
template <bool Add, class U>
inline void multiply(Strided<U> a, const U* b, std::int64_t b_row, Sum<U>* c, std::int64_t c_row,
                     std::int64_t rows, std::int64_t columns, std::int64_t depth) {
  if (Add) return multiply_slice<true>(a, b, b_row, c, c_row, rows, columns, depth);
  for (std::int64_t k = 0; k < depth; k += kDepth) {
    const std::int64_t terms = depth - k < kDepth ? depth - k : kDepth;
    const Strided<U> slice{a.data + k * a.column, a.row, a.column};
    if (k > 0) {
      multiply_slice<true>(slice, b + k * b_row, b_row, c, c_row, rows, columns, terms);
    } else {
      multiply_slice<false>(slice, b, b_row, c, c_row, rows, columns, terms);
    }
  }
}
