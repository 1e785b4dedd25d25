#include "framework/core/output.h"

#include <gtest/gtest.h>

namespace attnlab {
namespace {

struct Case {
  const char* given;
  const char* shown;
};

TEST(Output, what_a_terminal_would_obey_is_shown_by_number) {
  const Case cases[]{
      {"plain\ttext\n", "plain\ttext\n"},
      {"ä ± … 漢 😀 e\u0301", "ä ± … 漢 😀 e\u0301"},
      {"\x1b[31mred\x1b[0m", "\\u001b[31mred\\u001b[0m"},
      {"\x1b]0;title\a", "\\u001b]0;title\\u0007"},
      {"over\rwritten", "over\\u000dwritten"},
      {"back\bspace", "back\\u0008space"},
      {"del\x7f", "del\\u007f"},
      {"\u009b31m", "\\u009b31m"},  // CSI of 8 bits, as UTF-8
      {"\x9b"
       "31m",
       "\\x9b31m"},  // and as a byte
      {"\u0080\u009f\u00a0", "\\u0080\\u009f\u00a0"},
      {"\u202egnp.exe", "\\u202egnp.exe"},  // right to left from here
      {"\u2066\u2069\u200f\u061c", "\\u2066\\u2069\\u200f\\u061c"},
      {"\u2028\u2029", "\\u2028\\u2029"},
      {"\xff\xfe", "\\xff\\xfe"},
      {"\xc0\x9b", "\\xc0\\x9b"},  // overlong: ESC by a back door
      {"\xe0\x80\x9b", "\\xe0\\x80\\x9b"},
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},  // half of a surrogate pair
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
      {"cut \xe2\x80", "cut \\xe2\\x80"},
  };
  for (const auto& [given, shown] : cases) {
    EXPECT_EQ(harmless(given), shown);
    EXPECT_EQ(harmless(harmless(given)), shown) << "twice is the same as once";
  }
  EXPECT_EQ(harmless(std::string_view("a\0b", 3)), "a\\u0000b");
}

TEST(Output, no_byte_and_no_pair_of_bytes_gets_through) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const char bytes[]{static_cast<char>(a), static_cast<char>(b)};
      for (const unsigned char c : harmless({bytes, 2})) {
        EXPECT_TRUE(c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f)) << a << " " << b;
      }
    }
  }
}

TEST(Output, goes_to_its_stream) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  print("a\x1b");
  print_bytes("b\x1b");
  notice("c\x1b");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "a\\u001bb\x1b");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "c\\u001b");
}

}  // namespace
}  // namespace attnlab
