/// random.h: named random streams, each a pure function of its coordinates.
///   Philox4x32-10 after Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
///   A draw depends on (seed, name, coordinates, index) and on nothing else: not on call order,
///   thread count or micro-batching, so a backward pass or a resumed run sees the same draws.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace attnlab {

/// Ten rounds of Philox4x32: 128 bits of counter and 64 bits of key to 128 random bits.
[[nodiscard]] std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                      std::array<std::uint32_t, 2> key);

/// One stream: RandomStream(run_seed, "hash", {layer, step, head}).normal(i).
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::string_view name,
               std::initializer_list<std::uint64_t> coordinates = {});

  [[nodiscard]] std::uint32_t bits(std::uint64_t index) const;     // uniform over 32 bits
  [[nodiscard]] double uniform(std::uint64_t index) const;         // [0, 1), 32 bits of resolution
  [[nodiscard]] double normal(std::uint64_t index) const;          // N(0, 1), Box-Muller
  /// normals[i] = normal(i), two from one Philox block.
  void fill_normal(std::span<double> normals) const;
  /// Uniform over 0..bound-1; bound >= 1. Bias below 2^-32 * bound.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound, std::uint64_t index) const;

  /// For kernels that draw many at once: bits(i) is word i % 4 of
  /// philox4x32({low(i / 4), high(i / 4), coordinates[0], coordinates[1]}, key).
  [[nodiscard]] std::array<std::uint32_t, 2> key() const { return key_; }
  [[nodiscard]] std::array<std::uint32_t, 2> coordinates() const { return high_; }

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 2> high_;  // the counter's upper half: the coordinates, hashed
};

}  // namespace attnlab
