#include "framework/data/epoch_order.h"

#include "framework/core/random.h"

namespace attnlab::data {

EpochOrder::EpochOrder(std::uint64_t seed, std::uint64_t epoch, std::uint64_t count)
    : count_(count), key_(RandomStream(seed, "epoch", {epoch}).key()) {
  const auto coordinates = RandomStream(seed, "epoch", {epoch}).coordinates();
  key_ = {key_[0] ^ coordinates[0], key_[1] ^ coordinates[1]};
  while (half_bits_ < 32 && (count_ - 1) >> (2 * half_bits_) != 0) ++half_bits_;
}

std::uint64_t EpochOrder::at(std::uint64_t place) const {
  std::uint64_t value = once(place);
  while (value >= count_) value = once(value);
  return value;
}

std::uint64_t EpochOrder::once(std::uint64_t value) const {
  constexpr std::uint32_t kRounds = 4;
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t left = value >> half_bits_, right = value & mask;
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    const auto drawn = philox4x32({static_cast<std::uint32_t>(right), round, 0, 0}, key_)[0];
    const std::uint64_t next = left ^ (drawn & mask);
    left = right;
    right = next;
  }
  return left << half_bits_ | right;
}

}  // namespace attnlab::data
