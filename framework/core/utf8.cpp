#include "framework/core/utf8.h"

#include <cstdint>
#include <cstring>

namespace attnlab::text {
namespace {

/// What stands at the beginning of some bytes: a character, or an ill-formed part.
struct Sequence {
  std::size_t bytes;
  bool well_formed;
};

/// The table of well-formed byte sequences: only the second byte's range depends on the first.
Sequence sequence_at(const unsigned char* at, const unsigned char* end) {
  const unsigned lead = at[0];
  if (lead < 0x80) return {1, true};
  std::size_t length = 0;
  unsigned low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;   // overlong
    if (lead == 0xED) high = 0x9F;  // surrogates
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;   // overlong
    if (lead == 0xF4) high = 0x8F;  // above U+10FFFF
  } else {
    return {1, false};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (at + i == end || at[i] < low || at[i] > high) return {i, false};
    low = 0x80, high = 0xBF;
  }
  return {length, true};
}

/// The end of the ASCII bytes at `at`, give or take: eight at a time.
const unsigned char* skip_ascii(const unsigned char* at, const unsigned char* end) {
  for (; end - at >= 32; at += 32) {
    std::uint64_t word[4];
    std::memcpy(word, at, sizeof word);
    if (((word[0] | word[1] | word[2] | word[3]) & 0x8080808080808080u) != 0) break;
  }
  while (at != end && *at < 0x80) ++at;
  return at;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = at + bytes.size();
  while ((at = skip_ascii(at, end)) != end) {
    do {
      const auto [length, well_formed] = sequence_at(at, end);
      if (!well_formed) return false;
      at += length;
    } while (at != end && *at >= 0x80);
  }
  return true;
}

std::string replace_ill_formed(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 8);
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = at + bytes.size();
  while (at != end) {
    const auto [length, well_formed] = sequence_at(at, end);
    if (well_formed) {
      text.append(reinterpret_cast<const char*>(at), length);
    } else {
      text += "\xEF\xBF\xBD";
    }
    at += length;
  }
  return text;
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

}  // namespace attnlab::text
