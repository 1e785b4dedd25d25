#include "framework/core/random.h"

#include <cmath>
#include <numbers>

namespace attnlab {
namespace {

// SplitMix64's finaliser (Steele et al. 2014): full avalanche, so neighbouring coordinates part.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

std::array<std::uint32_t, 2> halves(std::uint64_t x) {
  return {static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(x >> 32)};
}

double box_muller(std::uint32_t first, std::uint32_t second) {
  const double radius = std::sqrt(-2.0 * std::log((first + 1.0) * 0x1p-32));
  return radius * std::cos(2.0 * std::numbers::pi * (second * 0x1p-32));
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> c,
                                        std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p0)};
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  return c;
}

RandomStream::RandomStream(std::uint64_t seed, std::string_view name,
                           std::initializer_list<std::uint64_t> coordinates) {
  std::uint64_t key = mix(seed);
  for (const char letter : name) key = mix(key ^ static_cast<unsigned char>(letter));
  std::uint64_t high = mix(coordinates.size());
  for (const std::uint64_t coordinate : coordinates) high = mix(high ^ mix(coordinate));
  key_ = halves(key);
  high_ = halves(high);
}

std::uint32_t RandomStream::bits(std::uint64_t index) const {
  const auto low = halves(index >> 2);
  return philox4x32({low[0], low[1], high_[0], high_[1]}, key_)[index & 3];
}

double RandomStream::uniform(std::uint64_t index) const { return bits(index) * 0x1p-32; }

double RandomStream::normal(std::uint64_t index) const {
  return box_muller(bits(2 * index), bits(2 * index + 1));
}

void RandomStream::fill_normal(std::span<double> normals) const {
  // Normals 2i and 2i+1 are made of words 4i to 4i+3, which is Philox block i.
  for (std::size_t i = 0; i < normals.size(); i += 2) {
    const auto low = halves(i / 2);
    const auto words = philox4x32({low[0], low[1], high_[0], high_[1]}, key_);
    normals[i] = box_muller(words[0], words[1]);
    if (i + 1 < normals.size()) normals[i + 1] = box_muller(words[2], words[3]);
  }
}

std::uint64_t RandomStream::below(std::uint64_t bound, std::uint64_t index) const {
  const auto low = halves(index);
  const auto block = philox4x32({low[0], low[1], high_[0], ~high_[1]}, key_);
  const std::uint64_t word = (std::uint64_t{block[1]} << 32) | block[0];
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(word) * bound) >> 64);
}

}  // namespace attnlab
