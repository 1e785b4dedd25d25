#include "framework/core/utf8.h"

#include <gtest/gtest.h>

namespace attnlab::text {
namespace {

const std::string kReplacement = "\uFFFD";

TEST(Utf8, every_code_point_is_written_read_and_accepted) {
  std::string text;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string one;
    append_utf8(one, c);
    ASSERT_TRUE(is_utf8(one)) << static_cast<unsigned>(c);
    const char* at = one.data();
    ASSERT_EQ(next_code_point(at), c);
    ASSERT_EQ(at, one.data() + one.size());
    text += one;
  }
  EXPECT_TRUE(is_utf8(text));
  EXPECT_EQ(replace_ill_formed(text), text);
}

TEST(Utf8, one_bad_byte_is_seen_anywhere) {
  for (std::size_t length = 1; length < 100; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      std::string text(length, 'a');
      EXPECT_TRUE(is_utf8(text));
      text[at] = '\xFF';
      EXPECT_FALSE(is_utf8(text));
    }
  }
}

/// The examples of the Unicode standard, section 3.9, tables 3-8 to 3-11.
TEST(Utf8, each_maximal_ill_formed_part_becomes_one_replacement) {
  const auto parts = [](int n) {
    std::string text;
    while (n-- > 0) text += kReplacement;
    return text;
  };
  EXPECT_EQ(replace_ill_formed("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), parts(8) + "A");
  EXPECT_EQ(replace_ill_formed("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), parts(8) + "A");
  EXPECT_EQ(replace_ill_formed("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"),
            parts(5) + "A" + parts(2) + "B");
  EXPECT_EQ(replace_ill_formed("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), parts(4) + "A");
}

TEST(Utf8, a_character_cut_off_at_the_end_is_one_part) {
  EXPECT_EQ(replace_ill_formed("a\xF0\x9F\x98"), "a" + kReplacement);
  EXPECT_EQ(replace_ill_formed("a\xE2\x82"), "a" + kReplacement);
  EXPECT_EQ(replace_ill_formed("a\xC3"), "a" + kReplacement);
}

}  // namespace
}  // namespace attnlab::text
