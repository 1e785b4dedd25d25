/// json_line.h: the document in one line of JSON, read as Python's json.loads reads it (RFC 8259,
///   also NaN and Infinity; the last of equal keys counts), without a tree of what is not wanted.
///   Written by hand because simdjson stops at lone surrogates, which the real archive has; each of
///   them becomes U+FFFD here, as in tiktoken.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace attnlab::corpus {

/// Reads lines of these forms: {"text": "..."}, {"text": ["...", ...]}, whose parts are joined by a
/// blank line, or "..."; other keys may be there and hold anything.
class JsonLine {
 public:
  /// The document, valid until the next call and as long as `line` is; nullopt when the line has
  /// none, and then problem() says why.
  [[nodiscard]] std::optional<std::string_view> text_of(std::string_view line);
  /// Whether text_of() would find one, without making it.
  [[nodiscard]] bool has_text(std::string_view line);
  /// "expected ',' or '}' at column 12": bytes from 1.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  bool read(std::string_view line, bool keep);

  std::string key_, text_;  // what escapes made; kept for their memory
  std::string_view found_;
  std::string problem_;
};

}  // namespace attnlab::corpus
