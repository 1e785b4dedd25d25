#include "framework/text/merger.h"

#include <algorithm>
#include <functional>

namespace attnlab::text {
namespace {

constexpr std::uint32_t kNone = ~std::uint32_t{0};

/// A pair that makes `rank` and begins at `left`: the smallest is the lowest rank, leftmost.
std::uint64_t candidate(Rank rank, std::uint32_t left) { return std::uint64_t{rank} << 32 | left; }

}  // namespace

const std::vector<Rank>& Merger::merge(std::string_view piece) {
  return piece.size() <= kLongestScanned ? merge_by_scanning(piece) : merge_by_heap(piece);
}

const std::vector<Rank>& Merger::merge_by_scanning(std::string_view piece) {
  std::size_t count = piece.size();
  ranks_.resize(count);
  joined_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    ranks_[i] = model_.byte_rank(static_cast<unsigned char>(piece[i]));
  }
  Rank* const ranks = ranks_.data();
  Rank* const joined = joined_.data();  // [i]: what i and i + 1 make
  for (std::size_t i = 0; i + 1 < count; ++i) joined[i] = model_.joined(ranks[i], ranks[i + 1]);
  while (count > 1) {
    std::uint64_t lowest = ~std::uint64_t{0};
    for (std::size_t i = 0; i + 1 < count; ++i) {
      lowest = std::min(lowest, candidate(joined[i], static_cast<std::uint32_t>(i)));
    }
    steps_ += count;
    const auto best = static_cast<std::size_t>(lowest & 0xFFFF'FFFF);
    if (lowest >> 32 == kNoRank) break;
    ranks[best] = joined[best];
    --count;
    for (std::size_t i = best + 1; i < count; ++i) {
      ranks[i] = ranks[i + 1];
      joined[i] = joined[i + 1];
    }
    if (best + 1 < count) joined[best] = model_.joined(ranks[best], ranks[best + 1]);
    if (best > 0) joined[best - 1] = model_.joined(ranks[best - 1], ranks[best]);
  }
  ranks_.resize(count);
  return ranks_;
}

/// Puts the pair that begins at `left` into the heap, where it makes a token.
void Merger::offer(std::uint32_t left) {
  const std::uint32_t right = next_[left];
  if (right == kNone) return;
  joined_[left] = model_.joined(ranks_[left], ranks_[right]);
  ++steps_;
  if (joined_[left] == kNoRank) return;
  heap_.push_back(candidate(joined_[left], left));
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

const std::vector<Rank>& Merger::merge_by_heap(std::string_view piece) {
  const auto count = static_cast<std::uint32_t>(piece.size());
  ranks_.resize(count);
  joined_.assign(count, kNoRank);
  next_.resize(count);
  previous_.resize(count);
  heap_.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    ranks_[i] = model_.byte_rank(static_cast<unsigned char>(piece[i]));
    next_[i] = i + 1 < count ? i + 1 : kNone;
    previous_[i] = i > 0 ? i - 1 : kNone;
  }
  for (std::uint32_t i = 0; i + 1 < count; ++i) {
    joined_[i] = model_.joined(ranks_[i], ranks_[i + 1]);
    if (joined_[i] != kNoRank) heap_.push_back(candidate(joined_[i], i));
  }
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  steps_ += count;
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const auto rank = static_cast<Rank>(heap_.back() >> 32);
    const auto left = static_cast<std::uint32_t>(heap_.back());
    heap_.pop_back();
    ++steps_;
    if (joined_[left] != rank) continue;  // one of the two is gone since
    const std::uint32_t gone = next_[left];
    ranks_[left] = rank;
    joined_[gone] = joined_[left] = kNoRank;
    next_[left] = next_[gone];
    if (next_[gone] != kNone) previous_[next_[gone]] = left;
    offer(left);
    if (previous_[left] != kNone) offer(previous_[left]);
  }
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i != kNone; i = next_[i]) ranks_[kept++] = ranks_[i];
  ranks_.resize(kept);
  return ranks_;
}

}  // namespace attnlab::text
