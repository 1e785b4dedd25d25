/// separators.h: what stands between two documents of plain text, or two lines of JSON.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "framework/corpus/blocks.h"

namespace attnlab::corpus {

struct Separator {
  std::size_t begin, end;  // in the text that was searched
};

/// "\n\r\n": a blank line where lines end as on Windows. The '\r' before it stays with the
/// document.
inline constexpr std::size_t kLongestSeparator = 3;

[[nodiscard]] inline std::optional<Separator> separator_at(std::size_t found, std::size_t length) {
  if (found == std::string_view::npos) return std::nullopt;
  return Separator{found, found + length};
}

/// nullopt when there is none, or documents end with their file.
[[nodiscard]] inline std::optional<Separator> first_separator(std::string_view text,
                                                              SplitAt split_at) {
  if (split_at == SplitAt::file) return std::nullopt;
  if (split_at == SplitAt::line) return separator_at(text.find('\n'), 1);
  // One search for what both begin with: two would each go to the end of the text, again and again.
  for (auto at = text.find('\n'); at < text.size(); at = text.find('\n', at + 1)) {
    if (text.substr(at + 1, 1) == "\n") return Separator{at, at + 2};
    if (text.substr(at + 1, 2) == "\r\n") return Separator{at, at + 3};
  }
  return std::nullopt;
}

[[nodiscard]] inline std::optional<Separator> last_separator(std::string_view text,
                                                             SplitAt split_at) {
  if (split_at == SplitAt::file) return std::nullopt;
  if (split_at == SplitAt::line) return separator_at(text.rfind('\n'), 1);
  const auto unix_style = separator_at(text.rfind("\n\n"), 2);
  const auto windows_style = separator_at(text.rfind("\n\r\n"), 3);
  if (!unix_style || !windows_style) return unix_style ? unix_style : windows_style;
  return unix_style->end > windows_style->end ? unix_style : windows_style;
}

}  // namespace attnlab::corpus
