/// number_in.h: a text that is a number and nothing else.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace attnlab {

/// Decimal, without blanks, sign + or fraction; nothing where the text is anything else or does not fit `Integer`.
template <class Integer>
[[nodiscard]] std::optional<Integer> number_in(std::string_view text) {
  Integer number{};
  const auto* const end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc{} || rest != end) return std::nullopt;
  return number;
}

}  // namespace attnlab
