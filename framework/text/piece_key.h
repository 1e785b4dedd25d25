/// piece_key.h: up to fifteen bytes as two words, compared and hashed without a loop.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace attnlab::text {

/// The bytes, then zeros, then the length in the last byte: different pieces, different keys.
struct PieceKey {
  static constexpr std::size_t kMaxBytes = 15;
  std::uint64_t low = 0, high = 0;

  bool operator==(const PieceKey&) const = default;

  /// Of a piece of at most kMaxBytes.
  static PieceKey of(std::string_view piece) {
    std::array<char, 16> bytes{};
    std::memcpy(bytes.data(), piece.data(), piece.size());
    bytes[15] = static_cast<char>(piece.size());
    PieceKey key;
    std::memcpy(&key, bytes.data(), sizeof key);
    return key;
  }

  /// The same where sixteen bytes may be read from `bytes` on.
  static PieceKey of_readable(const char* bytes, std::size_t length) {
    PieceKey key;
    std::memcpy(&key, bytes, sizeof key);
    key.low &= kMasks[length].low;
    key.high = (key.high & kMasks[length].high) | kLengths[length];
    return key;
  }

  [[nodiscard]] std::uint64_t hash() const {
    const auto product =
        static_cast<unsigned __int128>(low ^ 0x9E3779B97F4A7C15u) * (high ^ 0xD6E8FEB86659FD93u);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

 private:
  struct Masks {
    std::uint64_t low, high;
  };
  static const std::array<Masks, kMaxBytes + 1> kMasks;
  static const std::array<std::uint64_t, kMaxBytes + 1> kLengths;
};

/// Written as bytes, so that they hold in either byte order.
inline const std::array<PieceKey::Masks, PieceKey::kMaxBytes + 1> PieceKey::kMasks = [] {
  std::array<Masks, kMaxBytes + 1> masks{};
  for (std::size_t length = 0; length <= kMaxBytes; ++length) {
    std::array<unsigned char, 16> bytes{};
    for (std::size_t i = 0; i < length; ++i) bytes[i] = 0xFF;
    std::memcpy(&masks[length], bytes.data(), 16);
  }
  return masks;
}();

inline const std::array<std::uint64_t, PieceKey::kMaxBytes + 1> PieceKey::kLengths = [] {
  std::array<std::uint64_t, kMaxBytes + 1> lengths{};
  for (std::size_t length = 0; length <= kMaxBytes; ++length) {
    const std::array<unsigned char, 8> bytes{0, 0, 0, 0,
                                             0, 0, 0, static_cast<unsigned char>(length)};
    std::memcpy(&lengths[length], bytes.data(), 8);
  }
  return lengths;
}();

}  // namespace attnlab::text
