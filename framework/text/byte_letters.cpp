#include "framework/text/byte_letters.h"

#include "framework/core/utf8.h"

namespace attnlab::text {
namespace {

constexpr int kLastLetter = 0x143;  // of the 68 bytes that are not written as themselves

struct Letters {
  std::array<unsigned char, 256> order{};
  std::array<char32_t, 256> letter{};
  std::array<int, kLastLetter + 1> byte{};

  Letters() {
    byte.fill(-1);
    const auto as_itself = [](int b) {
      return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    };
    std::size_t rank = 0;
    char32_t next = 0x100;
    for (const bool printable : {true, false}) {
      for (int b = 0; b < 256; ++b) {
        if (as_itself(b) != printable) continue;
        order[rank++] = static_cast<unsigned char>(b);
        letter[b] = printable ? static_cast<char32_t>(b) : next++;
        byte[letter[b]] = b;
      }
    }
  }
};

const Letters& letters_table() {
  static const Letters table;
  return table;
}

}  // namespace

const std::array<unsigned char, 256>& bytes_in_rank_order() { return letters_table().order; }

std::string to_letters(std::string_view bytes) {
  std::string letters;
  for (const unsigned char byte : bytes) append_utf8(letters, letters_table().letter[byte]);
  return letters;
}

std::optional<std::string> from_letters(std::string_view letters) {
  if (!is_utf8(letters)) return std::nullopt;
  std::string bytes;
  bytes.reserve(letters.size());
  for (const char* at = letters.data(); at != letters.data() + letters.size();) {
    const char32_t letter = next_code_point(at);
    const int byte = letter <= kLastLetter ? letters_table().byte[letter] : -1;
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace attnlab::text
