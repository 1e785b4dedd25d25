/// tile_elements.h: elements of tensors as they are computed with; for kernels_cpu.cpp only.
///   bfloat16 and float16 become float32 when a row is packed, and are rounded once when it is
///   stored.
// No include guard, no includes: see kernels_cpu.cpp.

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
