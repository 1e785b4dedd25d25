/// separators.h: what stands between two documents of plain text, or two lines of JSON.
#pragma once

#include <optional>
#include <string_view>

#include "framework/corpus/blocks.h"

namespace attnlab::corpus {

struct Separator {
  std::size_t begin, end;  // in the text that was searched
};

/// A blank line may hold blanks, but no more than makes this; a '\r' before it stays with the
/// document.
inline constexpr std::size_t kLongestSeparator = 64;
inline constexpr std::string_view kBlanks = " \t\r";

[[nodiscard]] inline std::optional<Separator> separator_at(std::size_t found) {
  if (found == std::string_view::npos) return std::nullopt;
  return Separator{found, found + 1};
}

/// nullopt when there is none, or documents end with their file.
[[nodiscard]] inline std::optional<Separator> first_separator(std::string_view text,
                                                              SplitAt split_at) {
  if (split_at == SplitAt::file) return std::nullopt;
  if (split_at == SplitAt::line) return separator_at(text.find('\n'));
  for (auto at = text.find('\n'); at < text.size(); at = text.find('\n', at + 1)) {
    const auto line = text.substr(at + 1, kLongestSeparator - 1);
    const auto end = line.find_first_not_of(kBlanks);
    if (end < line.size() && line[end] == '\n') return Separator{at, at + end + 2};
  }
  return std::nullopt;
}

[[nodiscard]] inline std::optional<Separator> last_separator(std::string_view text,
                                                             SplitAt split_at) {
  if (split_at == SplitAt::file) return std::nullopt;
  auto at = text.rfind('\n');
  if (split_at == SplitAt::line) return separator_at(at);
  while (at != std::string_view::npos && at > 0) {
    const auto before = text.rfind('\n', at - 1);
    if (before == std::string_view::npos) break;
    const auto line = text.substr(before + 1, at - before - 1);
    const bool blank = line.find_first_not_of(kBlanks) == std::string_view::npos;
    if (blank && line.size() + 2 <= kLongestSeparator) return Separator{before, at + 1};
    at = before;
  }
  return std::nullopt;
}

/// Without the blank lines that it begins with: how many of them fall to the document and how many
/// to the separator depends on where blocks end.
[[nodiscard]] inline std::string_view without_blank_lines(std::string_view text) {
  while (true) {
    const auto end = text.find_first_not_of(kBlanks);
    if (end == std::string_view::npos || text[end] != '\n') return text;
    text.remove_prefix(end + 1);
  }
}

}  // namespace attnlab::corpus
