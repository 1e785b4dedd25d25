/// model.h: a vocabulary made ready for look-ups: bytes -> token and pair of tokens -> joined
/// token.
///   Tokens are ranks here (vocabulary.h); `id` turns a rank into what encoder.json calls it.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "framework/text/piece_key.h"
#include "framework/text/vocabulary.h"

namespace attnlab::text {

using Rank = std::uint32_t;
constexpr Rank kNoRank = ~Rank{0};

/// One bit for what is in a table, by hash: most look-ups are for what is not there, and a table of
/// bits fits in a core's own cache where the entries do not.
class Filter {
 public:
  explicit Filter(std::size_t entries) : bits_(std::bit_ceil(8 * entries + 64) / 64) {}
  void add(std::uint64_t hash) { bits_[word(hash)] |= bit(hash); }
  [[nodiscard]] bool may_hold(std::uint64_t hash) const {
    return (bits_[word(hash)] & bit(hash)) != 0;
  }

 private:
  [[nodiscard]] std::size_t word(std::uint64_t hash) const {
    return (hash >> 20) & (bits_.size() - 1);
  }
  static std::uint64_t bit(std::uint64_t hash) { return std::uint64_t{1} << (hash >> 14 & 63); }
  std::vector<std::uint64_t> bits_;
};

class Model {
 public:
  explicit Model(Vocabulary vocabulary, std::string vocab_sha256, std::string encoder_sha256);

  /// The token that is exactly these bytes, or kNoRank.
  [[nodiscard]] Rank rank_of(std::string_view bytes) const {
    return bytes.size() <= PieceKey::kMaxBytes ? rank_of(PieceKey::of(bytes)) : rank_of_long(bytes);
  }
  [[nodiscard]] Rank rank_of(const PieceKey& key) const {
    const std::uint64_t hash = key.hash();
    if (!short_filter_.may_hold(hash)) return kNoRank;
    for (std::size_t i = hash & short_mask_;; i = (i + 1) & short_mask_) {
      const auto& entry = short_[i];
      if (entry.rank == kNoRank || entry.key == key) return entry.rank;
    }
  }
  /// The token that a and b make when joined, or kNoRank. Whichever way it was first made: what
  /// counts is that the bytes are a token, as in tiktoken.
  [[nodiscard]] Rank joined(Rank a, Rank b) const {
    if ((a | b) < 256) return byte_pairs_[a * 256 + b];
    const std::uint64_t hash = hash_of(std::uint64_t{a} << 32 | b);
    if (!pair_filter_.may_hold(hash)) return kNoRank;
    for (std::size_t i = hash >> pair_shift_;; i = (i + 1) & pair_mask_) {
      const auto& entry = pairs_[i];
      if (entry.rank == kNoRank || (entry.a == a && entry.b == b)) return entry.rank;
    }
  }

  [[nodiscard]] Rank byte_rank(unsigned char byte) const { return byte_ranks_[byte]; }
  [[nodiscard]] std::uint32_t id(Rank rank) const { return vocabulary_.ids[rank]; }
  /// nullptr when no token has the id.
  [[nodiscard]] const std::string* bytes_of_id(std::uint32_t id) const {
    return id < by_id_.size() ? by_id_[id] : nullptr;
  }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(by_id_.size()); }
  [[nodiscard]] const Vocabulary& vocabulary() const { return vocabulary_; }

  const std::string vocab_sha256, encoder_sha256, digest;

 private:
  struct ShortToken {
    PieceKey key;
    Rank rank = kNoRank;
  };
  struct Pair {
    Rank a = 0, b = 0, rank = kNoRank;
  };

  static std::uint64_t hash_of(std::uint64_t pair) {
    return (pair ^ pair >> 29) * 0x9E3779B97F4A7C15u;
  }
  [[nodiscard]] Rank rank_of_long(std::string_view bytes) const;
  void fill_tokens();
  void fill_pairs();
  void fill_ids();

  Vocabulary vocabulary_;
  std::vector<ShortToken> short_;  // open addressing, at most half full
  std::size_t short_mask_ = 0;
  std::unordered_map<std::string_view, Rank> long_;
  std::size_t longest_ = 0;
  std::array<Rank, 256> byte_ranks_{};
  std::vector<Rank> byte_pairs_;  // [a][b], the pairs that every piece begins with
  std::vector<Pair> pairs_;       // open addressing, at most half full
  std::size_t pair_mask_ = 0;
  int pair_shift_ = 0;
  Filter short_filter_{0}, pair_filter_{0};
  std::vector<const std::string*> by_id_;
};

}  // namespace attnlab::text
