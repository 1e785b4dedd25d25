/// tile_math.h: arithmetic on small row-major blocks, for kernels_cpu.cpp only.
///   Included once per instruction set, inside that set's namespace: the same source becomes SSE2,
///   AVX2 or AVX-512 code. Sums run in index order for every element, whatever the block's shape.
// No include guard, no includes: see kernels_cpu.cpp.

#if defined(__AVX512F__)
inline constexpr int kLaneBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kLaneBytes = 32;
#else
inline constexpr int kLaneBytes = 16;
#endif

template <class T>
struct LaneOf {
  typedef T type __attribute__((vector_size(kLaneBytes)));
};
template <class T>
using Lane = typename LaneOf<T>::type;
template <class T>
inline constexpr int kWidth = kLaneBytes / static_cast<int>(sizeof(T));

template <class T>
inline Lane<T> load(const T* from) {
  Lane<T> lane;
  __builtin_memcpy(&lane, from, sizeof(lane));
  return lane;
}

template <class T>
inline void store(T* to, Lane<T> lane) {
  __builtin_memcpy(to, &lane, sizeof(lane));
}

/// Element (i, k) is data[i * row + k * column].
template <class T>
struct Strided {
  const T* data;
  std::int64_t row;
  std::int64_t column;
};

template <int Rows, int Lanes, bool Add, class T>
inline void multiply_block(Strided<T> a, const T* b, std::int64_t b_row, T* c, std::int64_t c_row,
                           std::int64_t depth) {
  Lane<T> sum[Rows][Lanes];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int n = 0; n < Lanes; ++n) {
      sum[r][n] = Lane<T>{};
    }
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    Lane<T> right[Lanes];
#pragma GCC unroll 8
    for (int n = 0; n < Lanes; ++n) right[n] = load(b + k * b_row + n * kWidth<T>);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const T left = a.data[r * a.row + k * a.column];
#pragma GCC unroll 8
      for (int n = 0; n < Lanes; ++n) sum[r][n] += left * right[n];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int n = 0; n < Lanes; ++n) {
      T* to = c + r * c_row + n * kWidth<T>;
      store(to, Add ? load(to) + sum[r][n] : sum[r][n]);
    }
  }
}

template <int Lanes, bool Add, class T>
inline void multiply_columns(Strided<T> a, const T* b, std::int64_t b_row, T* c, std::int64_t c_row,
                             std::int64_t rows, std::int64_t depth) {
  constexpr int kRows = 6;  // 6 x 2 sums, 2 operands: what 16 registers hold
  std::int64_t i = 0;
  for (; i + kRows <= rows; i += kRows) {
    multiply_block<kRows, Lanes, Add>({a.data + i * a.row, a.row, a.column}, b, b_row,
                                      c + i * c_row, c_row, depth);
  }
  for (; i < rows; ++i) {
    multiply_block<1, Lanes, Add>({a.data + i * a.row, a.row, a.column}, b, b_row, c + i * c_row,
                                  c_row, depth);
  }
}

/// c (+)= a b over at most kDepth terms; columns is a multiple of kWidth.
template <bool Add, class T>
inline void multiply_slice(Strided<T> a, const T* b, std::int64_t b_row, T* c, std::int64_t c_row,
                           std::int64_t rows, std::int64_t columns, std::int64_t depth) {
  std::int64_t n = 0;
#if defined(__AVX512F__)
  for (; n + 4 * kWidth<T> <= columns; n += 4 * kWidth<T>) {  // 6 x 4 sums: it has 32 registers
    multiply_columns<4, Add>(a, b + n, b_row, c + n, c_row, rows, depth);
  }
#endif
  for (; n + 2 * kWidth<T> <= columns; n += 2 * kWidth<T>) {
    multiply_columns<2, Add>(a, b + n, b_row, c + n, c_row, rows, depth);
  }
  for (; n < columns; n += kWidth<T>) {
    multiply_columns<1, Add>(a, b + n, b_row, c + n, c_row, rows, depth);
  }
}

/// Terms that are summed before they join the rest: errors grow with the number of slices.
inline constexpr std::int64_t kDepth = 32;

/// c (+)= a b over [rows, depth] x [depth, columns]; columns is a multiple of kWidth.
template <bool Add, class T>
inline void multiply(Strided<T> a, const T* b, std::int64_t b_row, T* c, std::int64_t c_row,
                     std::int64_t rows, std::int64_t columns, std::int64_t depth) {
  for (std::int64_t k = 0; k < depth; k += kDepth) {
    const std::int64_t terms = depth - k < kDepth ? depth - k : kDepth;
    const Strided<T> slice{a.data + k * a.column, a.row, a.column};
    if (Add || k > 0) {
      multiply_slice<true>(slice, b + k * b_row, b_row, c, c_row, rows, columns, terms);
    } else {
      multiply_slice<false>(slice, b, b_row, c, c_row, rows, columns, terms);
    }
  }
}

/// e^x within 1.5 ulp; 0 below the smallest normal number; NaN stays NaN. x <= 88.
/// Cephes' expf: 2^n times a polynomial on [-ln2/2, ln2/2].
inline Lane<float> exponential(Lane<float> x) {
  typedef std::int32_t Bits __attribute__((vector_size(kLaneBytes)));
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const Lane<float> shifted = x * 1.44269504088896341f + kRound;
  const Lane<float> n = shifted - kRound;
  const Lane<float> r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  Lane<float> p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const Bits power = (((Bits)shifted - (Bits)(Lane<float>{} + kRound)) + 127) << 23;
  const Lane<float> result = p * (Lane<float>)power;
  return x < -87.33654f ? Lane<float>{} : result;
}

inline Lane<double> exponential(Lane<double> x) {
  for (int i = 0; i < kWidth<double>; ++i) x[i] = __builtin_exp(x[i]);
  return x;
}

inline float log_of(float x) { return __builtin_logf(x); }
inline double log_of(double x) { return __builtin_log(x); }
