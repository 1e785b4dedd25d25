#include "framework/text/unicode_classes.h"

#include <gtest/gtest.h>

namespace attnlab::text {
namespace {

CharClass class_of(char32_t code_point) { return UnicodeClasses::get().of(code_point); }

int count(CharClass wanted) {
  int found = 0;
  for (char32_t c = 0; c < 0x110000; ++c) found += class_of(c) == wanted;
  return found;
}

/// The sums of DerivedGeneralCategory.txt and PropList.txt of Unicode 16.0.
TEST(UnicodeClasses, hold_as_many_as_unicode_16_has) {
  EXPECT_EQ(count(CharClass::letter), 141'028);
  EXPECT_EQ(count(CharClass::number), 1'911);
  EXPECT_EQ(count(CharClass::space), 25);
}

TEST(UnicodeClasses, know_what_came_with_unicode_15_and_16) {
  EXPECT_EQ(class_of(0x1C89), CharClass::letter);   // Cyrillic capital Tje, 16.0
  EXPECT_EQ(class_of(0x10D4A), CharClass::letter);  // Garay, 16.0
  EXPECT_EQ(class_of(0x10D40), CharClass::number);  // Garay digit zero, 16.0
  EXPECT_EQ(class_of(0x2EBF0), CharClass::letter);  // CJK extension I, 15.1
  EXPECT_EQ(class_of(0x1E4F0), CharClass::number);  // Nag Mundari digit zero, 15.0
}

TEST(UnicodeClasses, leave_to_later_versions_what_is_unassigned_in_16) {
  EXPECT_EQ(class_of(0x323B0), CharClass::other);  // CJK extension J, 17.0
  EXPECT_EQ(class_of(0x088F), CharClass::other);   // Arabic noon with ring above, 17.0
}

TEST(UnicodeClasses, follow_white_space_and_not_python_or_the_separators_of_ascii) {
  for (const char32_t c : {0x09, 0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x3000}) {
    EXPECT_EQ(class_of(c), CharClass::space) << static_cast<unsigned>(c);
  }
  for (const char32_t c : {0x1C, 0x1F, 0x180E, 0x200B, 0x2060, 0xFEFF}) {
    EXPECT_EQ(class_of(c), CharClass::other) << static_cast<unsigned>(c);
  }
}

TEST(UnicodeClasses, ranges_ascend_and_leave_a_gap_between_them) {
  for (const auto ranges : {letter_ranges(), number_ranges(), space_ranges()}) {
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      EXPECT_LE(ranges[i].first, ranges[i].last);
      if (i == 0) continue;
      EXPECT_GT(ranges[i].first, ranges[i - 1].last + 1);
    }
  }
}

}  // namespace
}  // namespace attnlab::text
