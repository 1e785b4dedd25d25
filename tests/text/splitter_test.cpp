#include "framework/text/splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace attnlab::text {
namespace {

using testing::ElementsAre;
using Pieces = std::vector<std::string>;

Pieces split(std::string_view text) {
  Pieces pieces;
  for (Splitter splitter(text); !splitter.done();) pieces.emplace_back(splitter.next());
  return pieces;
}

TEST(Splitter, gives_nothing_for_nothing) { EXPECT_EQ(split(""), Pieces{}); }

TEST(Splitter, a_word_takes_one_space_before_it) {
  EXPECT_THAT(split("one two  three"), ElementsAre("one", " two", " ", " three"));
}

TEST(Splitter, letters_numbers_and_the_rest_are_apart) {
  EXPECT_THAT(split("a1!b22 33 !! c"), ElementsAre("a", "1", "!", "b", "22", " 33", " !!", " c"));
}

TEST(Splitter, seven_contractions_are_pieces_in_lower_case_alone) {
  EXPECT_THAT(split("I's't're've'm'll'd"),
              ElementsAre("I", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"));
  EXPECT_THAT(split("I'S 'x 'r'v'l"),
              ElementsAre("I", "'", "S", " '", "x", " '", "r", "'", "v", "'", "l"));
}

TEST(Splitter, an_apostrophe_after_a_space_or_another_one_is_no_contraction) {
  EXPECT_THAT(split("a 's"), ElementsAre("a", " '", "s"));
  EXPECT_THAT(split("''s"), ElementsAre("''", "s"));
  EXPECT_THAT(split("'said"), ElementsAre("'s", "aid"));
  EXPECT_THAT(split("'"), ElementsAre("'"));
}

TEST(Splitter, the_last_space_of_several_is_left_to_what_follows) {
  EXPECT_THAT(split("a\n\n\nb"), ElementsAre("a", "\n\n", "\n", "b"));
  EXPECT_THAT(split("a \n b"), ElementsAre("a", " \n", " b"));
  EXPECT_THAT(split("a   "), ElementsAre("a", "   "));
  EXPECT_THAT(split(" "), ElementsAre(" "));
}

TEST(Splitter, spaces_beyond_ascii_are_spaces_but_only_a_plain_one_joins_a_word) {
  EXPECT_THAT(split("a\u00a0b"), ElementsAre("a", "\u00a0", "b"));
  EXPECT_THAT(split("a\u3000\u2028 b"), ElementsAre("a", "\u3000\u2028", " b"));
  EXPECT_THAT(split("a \u0085b"), ElementsAre("a", " ", "\u0085", "b"));
  EXPECT_THAT(split("a\u200bb"), ElementsAre("a", "\u200b", "b"));
}

TEST(Splitter, letters_and_numbers_of_all_scripts_make_runs) {
  EXPECT_THAT(split("été Москва東京 ٣½Ⅷ"), ElementsAre("été", " Москва東京", " ٣½Ⅷ"));
  EXPECT_THAT(split("'état !é"), ElementsAre("'", "état", " !", "é"));
}

TEST(Splitter, combining_marks_are_neither_letters_nor_numbers) {
  EXPECT_THAT(split("e\u0301a"), ElementsAre("e", "\u0301", "a"));
  EXPECT_THAT(split(" \u0301\u0301"), ElementsAre(" \u0301\u0301"));
}

/// Sixteen bytes are looked at together, and fewer near the end of the text.
TEST(Splitter, words_of_every_length_end_where_they_end) {
  for (std::size_t length = 1; length < 70; ++length) {
    for (const char* after : {"", ".", "1", " x", "é", "\u0301", "@", "[", "`", "{"}) {
      const std::string word(length, length % 2 ? 'z' : 'A');
      const bool joins = std::string(after) == "é";
      EXPECT_EQ(split(word + after).front(), joins ? word + after : word);
      EXPECT_EQ(split(" " + word + after).front(), " " + word + (joins ? after : ""));
    }
  }
}

}  // namespace
}  // namespace attnlab::text
