/// tile_elements.h: elements of tensors, and the units that they are multiplied as; for
///   kernels_cpu.cpp only.
///   bfloat16 and float16 become float32 when a row is packed, or bfloat16 stays, in pairs, where
///   the processor multiplies them; either is rounded once when it is stored.
// No include guard, no includes: see kernels_cpu.cpp.

template <class E>
struct UnitOf {
  using Type = Compute<E>;
};
#if defined(ATTNLAB_BF16_PAIRS)
template <>
struct UnitOf<Bf16> {
  using Type = Pair;
};
#endif
template <class E>
using Unit = typename UnitOf<E>::Type;

template <class U>
inline constexpr bool kPairs = kPack<U> == 2;

inline float widened(float x) { return x; }
inline double widened(double x) { return x; }
inline float widened(Bf16 x) {
  const std::uint32_t bits = std::uint32_t{x.bits} << 16;
  return __builtin_bit_cast(float, bits);
}
inline float widened(F16 x) { return static_cast<float>(__builtin_bit_cast(_Float16, x.bits)); }

inline void narrow(float x, float& to) { to = x; }
inline void narrow(double x, double& to) { to = x; }
inline void narrow(float x, Bf16& to) {  // to nearest, ties to even
  const auto bits = __builtin_bit_cast(std::uint32_t, x);
  const auto rounded = static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  to.bits = x != x ? std::uint16_t{0x7fc0} : rounded;
}
inline void narrow(float x, F16& to) {
  to.bits = __builtin_bit_cast(std::uint16_t, static_cast<_Float16>(x));
}

/// The element at (row s, column d) of rows as products along the rows take them: see tile_pack.h.
inline float element(const float* rows, std::int64_t wide, std::int64_t s, std::int64_t d) {
  return rows[s * wide + d];
}
inline double element(const double* rows, std::int64_t wide, std::int64_t s, std::int64_t d) {
  return rows[s * wide + d];
}
inline float element(const Pair* rows, std::int64_t wide, std::int64_t s, std::int64_t d) {
  const Pair pair = rows[s / 2 * wide + d];
  return __builtin_bit_cast(float, s % 2 == 0 ? pair << 16 : pair & 0xffff0000U);
}

typedef std::uint32_t Words __attribute__((vector_size(kLaneBytes)));

/// kWidth pairs of bfloat16, rounded to nearest, ties to even; NaN stays NaN.
inline Lane<Pair> paired(Lane<float> first, Lane<float> second) {
#if defined(__AVX512BF16__)
  // clang-format off
  const __m512i order = _mm512_set_epi16(
      31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
      23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  // clang-format on
  const auto both = (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
  return (Lane<Pair>)_mm512_permutexvar_epi16(order, both);
#else
  const auto rounded = [](Lane<float> x) {
    const auto bits = (Words)x;
    return (Words)(x != x) | (bits + 0x7fff + ((bits >> 16) & 1));
  };
  return (rounded(second) & 0xffff0000U) | (rounded(first) >> 16);
#endif
}

/// The same of the neighbours in `first`, then of those in `second`.
inline void neighbours(Lane<float> first, Lane<float> second, Pair* to) {
#if defined(__AVX512BF16__)
  store(to, (Lane<Pair>)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first));
#else
  Bf16 rounded[2 * kWidth<float>];
  for (int i = 0; i < kWidth<float>; ++i) {
    narrow(first[i], rounded[i]);
    narrow(second[i], rounded[kWidth<float> + i]);
  }
  __builtin_memcpy(to, rounded, sizeof(rounded));
#endif
}
