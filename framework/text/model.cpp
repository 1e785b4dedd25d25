#include "framework/text/model.h"

#include <algorithm>

#include "framework/core/digest.h"

namespace attnlab::text {
namespace {

std::size_t twice_the_room(std::size_t entries) { return std::bit_ceil(2 * entries + 2); }

}  // namespace

Model::Model(Vocabulary vocabulary, std::string vocab_sum, std::string encoder_sum)
    : vocab_sha256(std::move(vocab_sum)),
      encoder_sha256(std::move(encoder_sum)),
      digest(sha256_hex("vocab.bpe " + vocab_sha256 + "\nencoder.json " + encoder_sha256 + "\n")),
      vocabulary_(std::move(vocabulary)) {
  fill_tokens();
  fill_pairs();
  fill_ids();
}

void Model::fill_tokens() {
  short_.resize(twice_the_room(vocabulary_.bytes.size()));
  short_mask_ = short_.size() - 1;
  short_filter_ = Filter(vocabulary_.bytes.size());
  for (Rank rank = 0; rank < vocabulary_.bytes.size(); ++rank) {
    const std::string& bytes = vocabulary_.bytes[rank];
    longest_ = std::max(longest_, bytes.size());
    if (rank < 256) byte_ranks_[static_cast<unsigned char>(bytes[0])] = rank;
    if (bytes.size() > PieceKey::kMaxBytes) {
      long_.emplace(bytes, rank);
      continue;
    }
    const PieceKey key = PieceKey::of(bytes);
    short_filter_.add(key.hash());
    std::size_t i = key.hash() & short_mask_;
    while (short_[i].rank != kNoRank) i = (i + 1) & short_mask_;
    short_[i] = {key, rank};
  }
}

Rank Model::rank_of_long(std::string_view bytes) const {
  if (bytes.size() > longest_) return kNoRank;
  const auto found = long_.find(bytes);
  return found == long_.end() ? kNoRank : found->second;
}

/// Every way to cut a token in two tokens.
void Model::fill_pairs() {
  byte_pairs_.assign(256 * 256, kNoRank);
  std::vector<Pair> found;
  for (Rank rank = 256; rank < vocabulary_.bytes.size(); ++rank) {
    const std::string_view bytes = vocabulary_.bytes[rank];
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      const Rank a = rank_of(bytes.substr(0, cut));
      const Rank b = a == kNoRank ? kNoRank : rank_of(bytes.substr(cut));
      if (b == kNoRank) continue;
      if ((a | b) < 256) {
        byte_pairs_[a * 256 + b] = rank;
      } else {
        found.push_back({a, b, rank});
      }
    }
  }
  pairs_.resize(twice_the_room(found.size()));
  pair_mask_ = pairs_.size() - 1;
  pair_shift_ = 64 - std::countr_zero(pairs_.size());
  pair_filter_ = Filter(found.size());
  for (const auto& pair : found) {
    const std::uint64_t hash = hash_of(std::uint64_t{pair.a} << 32 | pair.b);
    pair_filter_.add(hash);
    std::size_t i = hash >> pair_shift_;
    while (pairs_[i].rank != kNoRank) i = (i + 1) & pair_mask_;
    pairs_[i] = pair;
  }
}

void Model::fill_ids() {
  std::uint32_t largest = 0;
  for (const auto id : vocabulary_.ids) largest = std::max(largest, id);
  for (const auto& [text, id] : vocabulary_.specials) largest = std::max(largest, id);
  by_id_.assign(largest + std::size_t{1}, nullptr);
  for (Rank rank = 0; rank < vocabulary_.bytes.size(); ++rank) {
    by_id_[vocabulary_.ids[rank]] = &vocabulary_.bytes[rank];
  }
  for (const auto& [text, id] : vocabulary_.specials) by_id_[id] = &text;
}

}  // namespace attnlab::text
