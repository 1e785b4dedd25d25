/// byte_letters.h: GPT-2's files write each byte as one printable character: '!' to '~' and the
///   printable ones of Latin-1 as themselves, the other 68 bytes as U+0100 and up, so ' ' is 'Ġ'.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace attnlab::text {

/// All 256 bytes in the order of their tokens: those written as themselves, then the others.
[[nodiscard]] const std::array<unsigned char, 256>& bytes_in_rank_order();

/// How the files write these bytes, in UTF-8.
[[nodiscard]] std::string to_letters(std::string_view bytes);

/// The bytes that the files mean, or nullopt when a character stands for none or it is no UTF-8.
[[nodiscard]] std::optional<std::string> from_letters(std::string_view letters);

}  // namespace attnlab::text
