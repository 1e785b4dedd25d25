/// override_cursor.h: a place in the text of an override, and errors that point at it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace attnlab::config {

/// Internal to the override parser.
class OverrideCursor {
 public:
  explicit OverrideCursor(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  /// The letter here or `ahead` letters further on; '\0', which no rule accepts, beyond the end.
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return ahead < text_.size() - at_ ? text_[at_ + ahead] : '\0';
  }
  char next() { return text_[at_++]; }
  /// Steps over `letter` if it stands here.
  bool take(char letter);
  void skip_blanks();  // spaces and tabs
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::string_view since(std::size_t begin) const {
    return text_.substr(begin, at_ - begin);
  }
  /// The letters after a name `ID` (letter or _, then letters, digits, _ and -) that stands here,
  /// when `follower` comes next, with or without blanks between; else 0.
  [[nodiscard]] std::size_t name_before(char follower) const;
  std::string_view take_letters(std::size_t count);

  /// Throws Error: the message, the text, and a caret below the column.
  [[noreturn]] void fail(const std::string& message, std::size_t column) const;
  [[noreturn]] void fail(const std::string& message) const { fail(message, at_); }
  /// What stands here has no business here.
  [[noreturn]] void fail_unexpected(const std::string& expected) const;

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

/// ASCII only, whatever the locale.
[[nodiscard]] constexpr bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
[[nodiscard]] constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace attnlab::config
