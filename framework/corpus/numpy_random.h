/// numpy_random.h: numpy's `default_rng(seed).permutation(n)`, bit for bit: SeedSequence, PCG64 and
///   Generator's shuffle (Fisher and Yates from the end, masked rejection). Seen equal with numpy
///   2.4.6; numpy keeps such streams by its policy NEP 19 or says so. PCG-XSL-RR-128/64 is
///   O'Neill's (2014, "PCG: A Family of Simple Fast Space-Efficient Statistically Good
///   Algorithms").
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace attnlab::corpus {

/// numpy.random.SeedSequence(seed).generate_state(8, uint32).
[[nodiscard]] std::array<std::uint32_t, 8> seed_words(std::uint64_t seed);

/// numpy.random.PCG64(seed).
class Pcg64 {
 public:
  explicit Pcg64(std::uint64_t seed);
  [[nodiscard]] std::uint64_t next64();
  /// The low half of a 64-bit number first, then its high half.
  [[nodiscard]] std::uint32_t next32();
  /// Uniform over 0..last: numpy's random_interval.
  [[nodiscard]] std::uint32_t below_or_equal(std::uint32_t last);

 private:
  unsigned __int128 state_ = 0, increment_ = 0;
  std::uint32_t high_ = 0;
  bool has_high_ = false;
};

/// default_rng(seed).permutation(count); four bytes a number.
[[nodiscard]] std::vector<std::uint32_t> permutation(std::uint64_t seed, std::uint32_t count);

}  // namespace attnlab::corpus
