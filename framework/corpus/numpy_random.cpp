#include "framework/corpus/numpy_random.h"

#include <bit>
#include <numeric>
#include <utility>

namespace attnlab::corpus {
namespace {

/// The hash of SeedSequence: a multiplier that changes with every use.
class Hash {
 public:
  Hash(std::uint32_t first, std::uint32_t factor) : constant_(first), factor_(factor) {}
  std::uint32_t operator()(std::uint32_t value) {
    value ^= constant_;
    constant_ *= factor_;
    value *= constant_;
    return value ^ value >> 16;
  }

 private:
  std::uint32_t constant_, factor_;
};

std::uint32_t mix(std::uint32_t x, std::uint32_t y) {
  const std::uint32_t mixed = 0xca01f9ddu * x - 0x4973f715u * y;
  return mixed ^ mixed >> 16;
}

constexpr unsigned __int128 wide(std::uint64_t high, std::uint64_t low) {
  return static_cast<unsigned __int128>(high) << 64 | low;
}

constexpr unsigned __int128 kMultiplier = wide(2549297995355413924u, 4865540595714422341u);

}  // namespace

std::array<std::uint32_t, 8> seed_words(std::uint64_t seed) {
  std::array<std::uint32_t, 4> pool{static_cast<std::uint32_t>(seed),
                                    static_cast<std::uint32_t>(seed >> 32), 0, 0};
  Hash hash(0x43b0d7e5u, 0x931e8875u);
  for (auto& word : pool) word = hash(word);
  for (std::size_t from = 0; from < pool.size(); ++from) {
    for (std::size_t to = 0; to < pool.size(); ++to) {
      if (from != to) pool[to] = mix(pool[to], hash(pool[from]));
    }
  }
  std::array<std::uint32_t, 8> words{};
  Hash output(0x8b51f9ddu, 0x58f38dedu);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = output(pool[i % pool.size()]);
  return words;
}

Pcg64::Pcg64(std::uint64_t seed) {
  const auto words = seed_words(seed);
  const auto word = [&](std::size_t i) {
    return static_cast<std::uint64_t>(words[2 * i + 1]) << 32 | words[2 * i];
  };
  increment_ = wide(word(2), word(3)) << 1 | 1;
  state_ = increment_ + wide(word(0), word(1));
  state_ = state_ * kMultiplier + increment_;
}

std::uint64_t Pcg64::next64() {
  state_ = state_ * kMultiplier + increment_;
  const auto high = static_cast<std::uint64_t>(state_ >> 64);
  return std::rotr(high ^ static_cast<std::uint64_t>(state_), static_cast<int>(high >> 58));
}

std::uint32_t Pcg64::next32() {
  if (std::exchange(has_high_, !has_high_)) return high_;
  const std::uint64_t both = next64();
  high_ = static_cast<std::uint32_t>(both >> 32);
  return static_cast<std::uint32_t>(both);
}

std::uint32_t Pcg64::below_or_equal(std::uint32_t last) {
  if (last == 0) return 0;
  const std::uint32_t mask = UINT32_MAX >> std::countl_zero(last);
  while (true) {
    const std::uint32_t value = next32() & mask;
    if (value <= last) return value;
  }
}

std::vector<std::uint32_t> permutation(std::uint64_t seed, std::uint32_t count) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  Pcg64 random(seed);
  for (std::uint32_t last = count; last-- > 1;) {
    std::swap(order[last], order[random.below_or_equal(last)]);
  }
  return order;
}

}  // namespace attnlab::corpus
