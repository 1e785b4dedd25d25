/// tile_math.h: vectors as wide as the instruction set's registers, and e^x of them; for
/// kernels_cpu.cpp only.
///   Included once per instruction set, inside that set's namespace: the same source becomes SSE2,
///   AVX2 or AVX-512 code.
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

/// Two bfloat16, the first in the low half.
using Pair = std::uint32_t;

template <class U>
struct SumOf {
  using Type = U;
};
template <>
struct SumOf<Pair> {
  using Type = float;
};
/// What products of units are summed in.
template <class U>
using Sum = typename SumOf<U>::Type;
/// Elements in a unit.
template <class U>
inline constexpr std::int64_t kPack = 1;
template <>
inline constexpr std::int64_t kPack<Pair> = 2;

/// The larger one; where either is NaN, b.
inline Lane<float> larger(Lane<float> a, Lane<float> b) {
#if defined(__AVX512F__)
  return (Lane<float>)_mm512_max_ps((__m512)a, (__m512)b);
#else
  return a > b ? a : b;
#endif
}
inline Lane<double> larger(Lane<double> a, Lane<double> b) { return a > b ? a : b; }

/// e^x within 1.5 ulp; 0 below the smallest normal number; NaN stays NaN. x <= 88.
/// 2^n times a polynomial on [-ln2/2, ln2/2], with the coefficients of Cephes' expf.
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
#if defined(__AVX512F__)
  (void)sizeof(Bits);
  const __mmask16 normal = _mm512_cmp_ps_mask((__m512)x, _mm512_set1_ps(-87.33654f), _CMP_NLT_UQ);
  return (Lane<float>)_mm512_maskz_scalef_ps(normal, (__m512)p, (__m512)n);
#else
  const Bits power = (((Bits)shifted - (Bits)(Lane<float>{} + kRound)) + 127) << 23;
  const Lane<float> result = p * (Lane<float>)power;
  return x < -87.33654f ? Lane<float>{} : result;
#endif
}

inline Lane<double> exponential(Lane<double> x) {
  for (int i = 0; i < kWidth<double>; ++i) x[i] = __builtin_exp(x[i]);
  return x;
}

inline float log_of(float x) { return __builtin_logf(x); }
inline double log_of(double x) { return __builtin_log(x); }
