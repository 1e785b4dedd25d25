/// splitter.h: cuts text into GPT-2's pieces, which byte pairs never cross:
///
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
///   by hand, in one pass without backtracking: the first character and the class of the one after
///   a space decide which alternative it is. Inline, for it is half of the tokenizer's time.
#pragma once

#include <array>
#include <bit>
#include <string_view>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "framework/core/utf8.h"
#include "framework/text/unicode_classes.h"

namespace attnlab::text {

class Splitter {
 public:
  /// `text` must be valid UTF-8 and outlive the splitter.
  explicit Splitter(std::string_view text)
      : at_(text.data()), end_(text.data() + text.size()), classes_(UnicodeClasses::get()) {}

  [[nodiscard]] bool done() const { return at_ == end_; }

  /// The next piece, never empty. Not to be called when done.
  std::string_view next() {
    const char* const begin = at_;
    at_ = end_of_piece(begin);
    return {begin, static_cast<std::size_t>(at_ - begin)};
  }

 private:
  [[nodiscard]] const char* end_of_piece(const char* begin) const {
    const char* at = begin;
    CharClass first = take(at);
    if (first == CharClass::letter) return end_of_run<CharClass::letter>(at);
    if (*begin == ' ' && at != end_) {
      const char* after = at;
      const CharClass second = take(after);
      if (second == CharClass::letter) return end_of_run<CharClass::letter>(after);
      if (second != CharClass::space) {
        first = second;
        at = after;
      }
    }
    if (first == CharClass::number) return end_of_run<CharClass::number>(at);
    if (first == CharClass::space) return end_of_spaces(begin, at);
    if (*begin == '\'') {
      if (const int length = contraction(at); length > 0) return at + length;
    }
    return end_of_run<CharClass::other>(at);
  }

  /// The class of the character at `at`, which is advanced past it.
  CharClass take(const char*& at) const {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte < 0x80) {
      ++at;
      return kAscii[byte];
    }
    return classes_.of(next_code_point(at));
  }

  template <CharClass kind>
  [[nodiscard]] const char* end_of_run(const char* at) const {
    while (true) {
      if constexpr (kind == CharClass::letter) at = skip_ascii_letters(at);
      while (at != end_ && kAscii[static_cast<unsigned char>(*at)] == kind) ++at;
      if (at == end_ || static_cast<unsigned char>(*at) < 0x80) return at;
      do {
        const char* after = at;
        if (classes_.of(next_code_point(after)) != kind) return at;
        at = after;
      } while (at != end_ && static_cast<unsigned char>(*at) >= 0x80);
    }
  }

  /// White space up to the end, or all but its last character when something follows: that one
  /// belongs to the next piece, or is one by itself.
  [[nodiscard]] const char* end_of_spaces(const char* begin, const char* at) const {
    const char* last = begin;
    while (at != end_) {
      const char* after = at;
      if (take(after) != CharClass::space) return last == begin ? at : last;
      last = at;
      at = after;
    }
    return at;
  }

  /// How many letters after the apostrophe belong to 's, 't, 're, 've, 'm, 'll or 'd.
  [[nodiscard]] int contraction(const char* at) const {
    if (at == end_) return 0;
    const char first = *at;
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return 1;
    if (end_ - at < 2) return 0;
    const char second = at[1];
    if ((first == 'r' || first == 'v') && second == 'e') return 2;
    return first == 'l' && second == 'l' ? 2 : 0;
  }

  /// Sixteen at a time; stops early near the end of the text, where the caller goes on.
  [[nodiscard]] const char* skip_ascii_letters(const char* at) const {
#ifdef __SSE2__
    // (c | 0x20) - 'a', moved so that the letters are the 26 lowest signed bytes.
    const __m128i low_case = _mm_set1_epi8(0x20);
    const __m128i shift = _mm_set1_epi8(static_cast<char>('a' + 128));
    const __m128i bound = _mm_set1_epi8(-128 + 26);
    while (end_ - at >= 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
      const __m128i moved = _mm_sub_epi8(_mm_or_si128(bytes, low_case), shift);
      const auto letters = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmplt_epi8(moved, bound)));
      if (letters != 0xFFFF) return at + std::countr_one(letters);
      at += 16;
    }
#endif
    return at;
  }

  /// Bytes from 0x80 are no character by themselves and belong to no run here.
  static constexpr auto kNoClass = static_cast<CharClass>(0xFF);
  static constexpr std::array<CharClass, 256> kAscii = [] {
    std::array<CharClass, 256> table{};
    for (int c = 0x80; c <= 0xFF; ++c) table[c] = kNoClass;
    for (int c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = CharClass::letter;
    for (int c = '0'; c <= '9'; ++c) table[c] = CharClass::number;
    for (int c = 0x09; c <= 0x0D; ++c) table[c] = CharClass::space;
    table[' '] = CharClass::space;
    return table;
  }();

  const char* at_;
  const char* end_;
  const UnicodeClasses& classes_;
};

}  // namespace attnlab::text
