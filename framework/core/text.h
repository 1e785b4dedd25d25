/// text.h: words and numbers as people read them. Pure functions; none throws.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace attnlab {

[[nodiscard]] std::string join(std::span<const std::string> parts, std::string_view separator);
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);

/// "train.steps": a key below another, or alone where that is "".
[[nodiscard]] std::string key_below(const std::string& parent, const std::string& key);

/// What attention variants, their parameters, buffers and statistics are called by: one or more of a-z, 0-9 and '_'.
[[nodiscard]] constexpr bool is_identifier(std::string_view name) {
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

/// ASCII letters alone; others stay.
[[nodiscard]] std::string lower_case(std::string_view text);

/// Without `blanks` at its ends.
[[nodiscard]] std::string trimmed(std::string_view text, std::string_view blanks = " \t\n\v\f\r");

/// The candidates within a third of the name's length in edits (at least 2), nearest first, 3 at most.
[[nodiscard]] std::vector<std::string> nearest(std::string_view name,
                                               std::span<const std::string> candidates);

/// " Did you mean 'a' or 'b'?", or all candidates when there are fewer than ten, or "".
[[nodiscard]] std::string did_you_mean(std::string_view name,
                                       std::span<const std::string> candidates);

[[nodiscard]] std::string human_bytes(double bytes);       // "1.3 GiB"
[[nodiscard]] std::string human_duration(double seconds);  // "850 ms", "12.3 s", "4 min 10 s", "2 h 05 min"
[[nodiscard]] std::string human_count(double count);       // "950", "12.3k", "4.56M"

[[nodiscard]] std::string grouped(std::int64_t number);    // "12,345,678"

/// Shortest text that reads back as the same double: "0.0003", "100000", "nan", "inf"; with an
/// exponent, as "1e-05", below 0.0001 and from 1e16 on.
[[nodiscard]] std::string exact_number(double value);

}  // namespace attnlab
