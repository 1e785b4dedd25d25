/// unicode_classes.h: the four classes of characters that GPT-2's splitting pattern tells apart, in
///   Unicode 16.0, which tiktoken 0.14.0's regular expressions follow.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace attnlab::text {

enum class CharClass : std::uint8_t { other = 0, letter = 1, number = 2, space = 3 };

struct CodePointRange {
  char32_t first, last;  // both included
};

// unicode_ranges.cpp: generated; ascending, without overlaps.
[[nodiscard]] std::span<const CodePointRange> letter_ranges();
[[nodiscard]] std::span<const CodePointRange> number_ranges();
[[nodiscard]] std::span<const CodePointRange> space_ranges();

/// Two bits for each code point: 272 KiB, of which a text touches the lines of its own scripts.
class UnicodeClasses {
 public:
  /// Built when first asked for.
  [[nodiscard]] static const UnicodeClasses& get();

  /// `code_point` must be below 0x110000.
  [[nodiscard]] CharClass of(char32_t code_point) const {
    return static_cast<CharClass>(bits_[code_point / 4] >> (code_point % 4 * 2) & 3);
  }

 private:
  UnicodeClasses();
  void fill(std::span<const CodePointRange> ranges, CharClass value);

  std::array<std::uint8_t, 0x110000 / 4> bits_{};
};

}  // namespace attnlab::text
