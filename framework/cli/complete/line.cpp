#include "framework/cli/complete/line.h"

namespace attnlab::cli {
namespace {

constexpr std::string_view kBlanks = " \t\n";
constexpr std::string_view kSpecial = " \t\n\\'\"`$&|;<>()[]{}*?!#~^";

}  // namespace

Line line_from(std::string_view text, std::string_view breaks) {
  Line line;
  bool in_word = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (line.quote == '\'' ? c == '\'' : line.quote == '"' && c == '"') {
      line.quote = 0;
    } else if (line.quote == '\'') {
      line.current += c;
    } else if (c == '\\' && i + 1 < text.size()) {
      const bool escapes = line.quote == 0 || std::string_view("\\\"$`").find(text[i + 1]) != std::string_view::npos;
      if (!escapes) line.current += c;
      line.current += text[++i];
      in_word = true;
    } else if (line.quote == 0 && (c == '\'' || c == '"')) {
      line.quote = c;
      line.kept = line.current.size();  // bash puts what completes behind the quote
      in_word = true;
    } else if (line.quote == 0 && kBlanks.find(c) != std::string_view::npos) {
      if (in_word) line.words.push_back(line.current);
      line.current.clear();
      line.kept = 0;
      in_word = false;
    } else {
      line.current += c;
      in_word = true;
      if (line.quote == 0 && breaks.find(c) != std::string_view::npos) line.kept = line.current.size();
    }
  }
  return line;
}

std::optional<std::string> completing_part(const Line& line, const std::string& word) {
  if (!word.starts_with(line.current) || word.find('\n') != std::string::npos) return std::nullopt;
  const auto part = word.substr(line.kept);
  if (line.quote == '\'') return part.find('\'') == std::string::npos ? std::optional(part) : std::nullopt;
  const auto special = line.quote == '"' ? std::string_view("\\\"$`") : kSpecial;
  std::string text;
  for (const char c : part) {
    if (special.find(c) != std::string_view::npos) text += '\\';
    text += c;
  }
  return text;
}

}  // namespace attnlab::cli
