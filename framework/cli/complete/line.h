/// line.h: a half-typed line as bash sees it, and words as they may stand in it. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attnlab::cli {

/// A line up to the cursor.
struct Line {
  std::vector<std::string> words;  // whole ones, without their quotes
  std::string current;             // what of the last one is typed; "" behind a blank
  char quote = 0;                  // ' or " where the cursor is between quotes
  std::size_t kept = 0;            // bytes of `current` that bash leaves alone: what completes is put behind them
};

/// `breaks`: bash's COMP_WORDBREAKS; at one of these bash thinks that a word begins.
[[nodiscard]] Line line_from(std::string_view text, std::string_view breaks);

/// The part of `word` that bash is to put behind what it keeps, so that it reads the word back; nullopt where `word` does
/// not begin with what is typed, or cannot stand between these quotes.
[[nodiscard]] std::optional<std::string> completing_part(const Line& line, const std::string& word);

}  // namespace attnlab::cli
