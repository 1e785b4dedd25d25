/// merger.h: byte-pair merging of one piece. Among all neighbours, the pair with the lowest rank is
///   joined first, the leftmost among equal ones. Short pieces are scanned again after each join;
///   long ones keep a heap over a linked list, so a piece of n bytes takes O(n log n) steps.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "framework/text/model.h"

namespace attnlab::text {

class Merger {
 public:
  explicit Merger(const Model& model) : model_(model) {}

  /// The ranks of the piece's tokens, valid until the next call. `piece` is not empty and below
  /// 4 GiB.
  const std::vector<Rank>& merge(std::string_view piece);

  [[nodiscard]] std::uint64_t steps() const { return steps_; }

  /// Pieces up to this many bytes are scanned. For tests, which try both ways on the same pieces.
  static constexpr std::size_t kLongestScanned = 64;
  const std::vector<Rank>& merge_by_scanning(std::string_view piece);
  const std::vector<Rank>& merge_by_heap(std::string_view piece);

 private:
  void offer(std::uint32_t left);

  const Model& model_;
  std::uint64_t steps_ = 0;
  std::vector<Rank> ranks_, joined_;
  std::vector<std::uint32_t> next_, previous_;
  std::vector<std::uint64_t> heap_;  // of candidates
};

}  // namespace attnlab::text
