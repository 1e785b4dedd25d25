/// epoch_order.h: a shuffled order of 0..count-1 without a list of it: each place is computed
/// alone.
///   A Feistel network of four rounds over the smallest even number of bits that holds count; what
///   falls outside goes through again (Black and Rogaway 2002, "Ciphers with Arbitrary Finite
///   Domains", cycle walking).
#pragma once

#include <array>
#include <cstdint>

namespace attnlab::data {

class EpochOrder {
 public:
  /// Another order for every seed and epoch. count >= 1.
  EpochOrder(std::uint64_t seed, std::uint64_t epoch, std::uint64_t count);
  /// The number at `place`, 0..count-1. Every number stands at one place.
  [[nodiscard]] std::uint64_t at(std::uint64_t place) const;

 private:
  [[nodiscard]] std::uint64_t once(std::uint64_t value) const;
  std::uint64_t count_;
  int half_bits_ = 1;
  std::array<std::uint32_t, 2> key_;
};

}  // namespace attnlab::data
