/// utf8.h: the little of UTF-8 that the tokenizer, files and names need.
#pragma once

#include <string>
#include <string_view>

namespace attnlab::text {

/// Shortest forms only, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view bytes);

/// U+FFFD in place of each maximal ill-formed part, as Python's errors="replace" and the Unicode
/// standard's section 3.9 ("U+FFFD Substitution of Maximal Subparts") have it.
[[nodiscard]] std::string replace_ill_formed(std::string_view bytes);

/// The bytes of a code point below 0x110000.
void append_utf8(std::string& out, char32_t code_point);

/// The character that begins at `at`, which must be one of valid UTF-8. Advances `at` past it.
[[nodiscard]] inline char32_t next_code_point(const char*& at) {
  const auto byte = [at](int i) { return static_cast<unsigned char>(at[i]); };
  const char32_t lead = byte(0);
  if (lead < 0x80) {
    at += 1;
    return lead;
  }
  char32_t code_point = 0;
  if (lead < 0xE0) {
    code_point = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
    at += 2;
  } else if (lead < 0xF0) {
    code_point = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    at += 3;
  } else {
    code_point =
        (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    at += 4;
  }
  return code_point;
}

}  // namespace attnlab::text
