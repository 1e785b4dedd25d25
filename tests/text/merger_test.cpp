#include "framework/text/merger.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/text/small_vocabulary.h"

namespace attnlab::text {
namespace {

Model model_of(const SmallVocabulary& files) {
  return Model(
      read_vocabulary({"vocab.bpe", files.vocab_bpe()}, {"encoder.json", files.encoder_json()}), "",
      "");
}

/// The rule itself, on the tokens' bytes: no ranks of pairs, no lists.
std::vector<Rank> by_the_rule(const Model& model, std::string_view piece) {
  std::vector<std::string> parts;
  for (const char byte : piece) parts.emplace_back(1, byte);
  while (true) {
    std::size_t best = parts.size();
    Rank lowest = kNoRank;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      const Rank rank = model.rank_of(parts[i] + parts[i + 1]);
      if (rank < lowest) lowest = rank, best = i;
    }
    if (lowest == kNoRank) break;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  std::vector<Rank> ranks;
  for (const auto& part : parts) ranks.push_back(model.rank_of(part));
  return ranks;
}

TEST(Merger, scanning_and_heap_both_follow_the_rule) {
  std::mt19937 random(7);
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    const std::string alphabet = seed % 3 == 0 ? "ab" : seed % 3 == 1 ? "abcd" : "abcdefgh";
    const Model model = model_of(random_vocabulary(seed, alphabet, 5 + seed));
    Merger merger(model);
    for (int i = 0; i < 100; ++i) {
      std::string piece(1 + random() % 90, ' ');
      for (char& c : piece) c = alphabet[random() % alphabet.size()];
      const auto expected = by_the_rule(model, piece);
      ASSERT_EQ(merger.merge_by_scanning(piece), expected) << piece;
      ASSERT_EQ(merger.merge_by_heap(piece), expected) << piece;
    }
  }
}

TEST(Merger, joins_whatever_makes_a_token_not_only_the_pair_of_its_line) {
  // "abc" is made of a + bc; with "bc" ranked after "ab" it still comes from ab + c, as in
  // tiktoken.
  const Model model = model_of({{{"a", "b"}, {"b", "c"}, {"a", "bc"}}});
  EXPECT_EQ(Merger(model).merge("abc"), std::vector<Rank>{258});
}

TEST(Merger, the_leftmost_of_equal_pairs_is_joined_first) {
  const Model model = model_of({{{"a", "a"}}});
  const Rank a = model.byte_rank('a');
  EXPECT_EQ(Merger(model).merge("aaa"), (std::vector<Rank>{256, a}));
  EXPECT_EQ(Merger(model).merge_by_heap("aaaaa"), (std::vector<Rank>{256, 256, a}));
}

/// Steps, not seconds: twice the length takes twice the steps, give or take 2.5 %.
TEST(Merger, a_long_piece_takes_steps_in_proportion_to_its_length) {
  const Model model = model_of(random_vocabulary(3, "ab", 40));
  std::mt19937 random(1);
  std::string mixed(1 << 20, ' ');
  for (char& c : mixed) c = "ab"[random() % 2];
  std::string alternating;
  while (alternating.size() < mixed.size()) alternating += "ab";
  for (const auto& text : {std::string(1 << 20, 'a'), alternating, mixed}) {
    const std::string_view whole = text;
    Merger half(model), full(model);
    static_cast<void>(half.merge(whole.substr(0, whole.size() / 2)));
    static_cast<void>(full.merge(whole));
    EXPECT_LT(full.steps(), half.steps() * 41 / 20);
    EXPECT_LT(full.steps(), 6 * whole.size());
  }
}

TEST(Merger, the_longest_piece_that_is_scanned_stays_cheap) {
  const Model model = model_of(random_vocabulary(3, "ab", 40));
  Merger merger(model);
  static_cast<void>(merger.merge(std::string(Merger::kLongestScanned, 'a')));
  EXPECT_LE(merger.steps(), Merger::kLongestScanned * Merger::kLongestScanned);
}

}  // namespace
}  // namespace attnlab::text
