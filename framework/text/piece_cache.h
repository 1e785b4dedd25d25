/// piece_cache.h: the tokens of pieces seen before. Bounded: a new piece takes an old one's place.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "framework/text/piece_key.h"

namespace attnlab::text {

class PieceCache {
 public:
  static constexpr std::size_t kMaxTokens = 3;

  /// Half a cache line. Pieces of more tokens are not kept.
  struct Entry {
    PieceKey key;
    std::array<std::uint32_t, kMaxTokens> ids{};
    std::uint32_t count = 0;
  };
  static_assert(sizeof(Entry) == 32);

  PieceCache() : sets_(kSets) {}

  /// nullptr when the piece is not there.
  [[nodiscard]] const Entry* find(const PieceKey& key, std::uint64_t hash) {
    Set& set = sets_[hash % kSets];
    if (set.newer.key == key) return &set.newer;
    return set.older.key == key ? &set.older : nullptr;
  }

  /// `ids` holds one to kMaxTokens.
  void keep(const PieceKey& key, std::uint64_t hash, std::span<const std::uint32_t> ids) {
    Set& set = sets_[hash % kSets];
    set.older = set.newer;
    set.newer = {key, {}, static_cast<std::uint32_t>(ids.size())};
    std::copy(ids.begin(), ids.end(), set.newer.ids.begin());
  }

 private:
  static constexpr std::size_t kSets = std::size_t{1} << 15;
  struct alignas(64) Set {
    Entry newer, older;  // an empty entry's key has length 0, which no piece has
  };
  std::vector<Set> sets_;
};

}  // namespace attnlab::text
