#include "framework/text/merger.h"

#include <algorithm>

namespace attnlab::text {
namespace {

constexpr std::uint32_t kNone = ~std::uint32_t{0};

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
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) best = joined[i] < joined[best] ? i : best;
    steps_ += count;
    if (joined[best] == kNoRank) break;
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
  heap_.push_back({joined_[left], left});
  std::push_heap(heap_.begin(), heap_.end());
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
    if (joined_[i] != kNoRank) heap_.push_back({joined_[i], i});
  }
  std::make_heap(heap_.begin(), heap_.end());
  steps_ += count;
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end());
    const Candidate top = heap_.back();
    heap_.pop_back();
    ++steps_;
    if (joined_[top.left] != top.rank) continue;  // one of the two is gone since
    const std::uint32_t gone = next_[top.left];
    ranks_[top.left] = top.rank;
    joined_[gone] = joined_[top.left] = kNoRank;
    next_[top.left] = next_[gone];
    if (next_[gone] != kNone) previous_[next_[gone]] = top.left;
    offer(top.left);
    if (previous_[top.left] != kNone) offer(previous_[top.left]);
  }
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i != kNone; i = next_[i]) ranks_[kept++] = ranks_[i];
  ranks_.resize(kept);
  return ranks_;
}

}  // namespace attnlab::text
