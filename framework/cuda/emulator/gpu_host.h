/// gpu_host.h: the host twin of the wrappers in gpu.h. Only gpu.h includes it.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "framework/cuda/emulator/block.h"

namespace attnlab::cuda::gpu {

inline int thread() { return emulator::running().thread(); }
inline std::int64_t block() { return emulator::running().index(); }

inline void sync_threads() { emulator::running().meet(); }
inline bool any_thread(bool vote) { return emulator::running().any_thread(vote); }
inline void sync_warp() {
  emulator::Part part;
  emulator::running().together(emulator::Collective::sync, part);
}

/// A 4-byte value through a warp-wide operation.
template <class T>
T exchange(emulator::Collective operation, T value, int lane = 0) {
  static_assert(sizeof(T) == 4);
  emulator::Part part;
  std::memcpy(part.word, &value, 4);
  part.lane = lane;
  emulator::running().together(operation, part);
  std::memcpy(&value, part.word, 4);
  return value;
}
template <class T>
T shuffle(T value, int lane) {
  return exchange(emulator::Collective::shuffle, value, lane);
}
template <class T>
T shuffle_xor(T value, int mask) {
  return exchange(emulator::Collective::shuffle_xor, value, mask);
}
inline std::uint32_t ballot(bool vote) {
  return exchange(emulator::Collective::ballot, std::uint32_t{vote});
}
inline std::uint32_t match(std::uint32_t value) {
  return exchange(emulator::Collective::match, value);
}
inline std::int32_t warp_min(std::int32_t value) {
  return exchange(emulator::Collective::min, value);
}
inline std::int32_t warp_max(std::int32_t value) {
  return exchange(emulator::Collective::max, value);
}
inline int count_bits(std::uint32_t bits) { return std::popcount(bits); }
inline int first_bit(std::uint32_t bits) { return bits == 0 ? -1 : std::countr_zero(bits); }

inline int opaque(int x) { return x; }

inline float exp2_fast(float x) {
  const float y = std::exp2(x);
  return y < 1.17549435e-38F ? 0.0F : y;  // .ftz; a NaN stays
}
inline float exp_exact(float x) { return std::exp(x); }
inline float log_exact(float x) { return std::log(x); }
inline float multiply_add(float a, float b, float c) { return std::fma(a, b, c); }
inline float larger(float a, float b) { return std::fmax(a, b); }

inline float as_float(std::uint32_t bits) { return std::bit_cast<float>(bits); }
inline float to_float(float x) { return x; }
inline float to_float(Bf16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}
inline float to_float(F16 x) { return static_cast<float>(std::bit_cast<_Float16>(x.bits)); }

template <class T>
std::uint16_t round_to(float x) {
  if constexpr (std::is_same_v<T, F16>) {
    return std::bit_cast<std::uint16_t>(static_cast<_Float16>(x));
  } else {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    if (x != x) return 0x7fff;
    return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }
}
template <class T>
std::uint32_t pack(float low, float high) {
  return round_to<T>(low) | static_cast<std::uint32_t>(round_to<T>(high)) << 16;
}

template <class T>
T load(const T* from) {
  emulator::check_global(from, sizeof(T), alignof(T));
  return *from;
}
template <class T>
void store(T* to, T value) {
  emulator::check_global(to, sizeof(T), alignof(T));
  *to = value;
}
inline float atomic_add(float* to, float value) {
  emulator::check_global(to, sizeof value, alignof(float));
  return std::exchange(*to, *to + value);
}

template <class T>
T shared_load(std::uint32_t offset) {
  std::array<std::byte, sizeof(T)> bytes;
  std::memcpy(bytes.data(), emulator::running().shared(emulator::Access::read, offset, sizeof(T)),
              sizeof(T));
  return std::bit_cast<T>(bytes);
}
template <class T>
void shared_store(std::uint32_t offset, T value) {
  std::memcpy(emulator::running().shared(emulator::Access::write, offset, sizeof(T)), &value,
              sizeof(T));
}

inline void copy_async(std::uint32_t offset, const void* from, bool valid) {
  emulator::running().copy_async(offset, from, valid);
}
inline void copy_commit() { emulator::running().copy_commit(); }
template <int Groups>
void copy_wait() {
  emulator::running().copy_wait(Groups);
}

inline void load_from(emulator::Collective operation, std::uint32_t (&to)[4],
                      std::uint32_t offset) {
  emulator::Part part;
  part.offset = offset;
  emulator::running().together(operation, part);
  std::memcpy(to, part.word, sizeof to);
}
inline void load_matrices(std::uint32_t (&to)[4], std::uint32_t offset) {
  load_from(emulator::Collective::load_matrices, to, offset);
}
inline void load_matrices_transposed(std::uint32_t (&to)[4], std::uint32_t offset) {
  load_from(emulator::Collective::load_matrices_transposed, to, offset);
}
template <class T>
void multiply(float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  emulator::Part part;
  std::memcpy(part.word, a, sizeof a);
  std::memcpy(part.sum, sum, sizeof sum);
  part.b[0] = b0;
  part.b[1] = b1;
  emulator::running().together(std::is_same_v<T, Bf16> ? emulator::Collective::multiply_bf16
                                                       : emulator::Collective::multiply_f16,
                               part);
  std::memcpy(sum, part.sum, sizeof sum);
}

}  // namespace attnlab::cuda::gpu
