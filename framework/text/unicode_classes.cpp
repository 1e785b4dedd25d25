#include "framework/text/unicode_classes.h"

namespace attnlab::text {

UnicodeClasses::UnicodeClasses() {
  fill(letter_ranges(), CharClass::letter);
  fill(number_ranges(), CharClass::number);
  fill(space_ranges(), CharClass::space);
}

void UnicodeClasses::fill(std::span<const CodePointRange> ranges, CharClass value) {
  for (const auto& [first, last] : ranges) {
    for (char32_t c = first; c <= last; ++c) {
      bits_[c / 4] =
          static_cast<std::uint8_t>(bits_[c / 4] | static_cast<unsigned>(value) << (c % 4 * 2));
    }
  }
}

const UnicodeClasses& UnicodeClasses::get() {
  static const UnicodeClasses classes;
  return classes;
}

}  // namespace attnlab::text
