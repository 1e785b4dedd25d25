#include "framework/config/override_cursor.h"

#include "framework/core/error.h"

namespace attnlab::config {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }

std::string letter_name(char c) {
  if (!is_control(c)) return std::string("'") + c + "'";
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return std::string("byte 0x") + kHex[byte / 16] + kHex[byte % 16];
}

// Bytes that continue a UTF-8 letter take no column of their own.
bool starts_letter(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

bool OverrideCursor::take(char letter) {
  if (at_end() || peek() != letter) return false;
  ++at_;
  return true;
}

void OverrideCursor::skip_blanks() {
  while (peek() == ' ' || peek() == '\t') ++at_;
}

std::size_t OverrideCursor::name_before(char follower) const {
  if (!is_letter(peek())) return 0;
  std::size_t length = 1;
  while (is_letter(peek(length)) || is_digit(peek(length)) || peek(length) == '-') ++length;
  std::size_t after = length;
  while (peek(after) == ' ' || peek(after) == '\t') ++after;
  return peek(after) == follower ? length : 0;
}

std::string_view OverrideCursor::take_letters(std::size_t count) {
  const std::string_view letters = text_.substr(at_, count);
  at_ += letters.size();
  return letters;
}

void OverrideCursor::fail(const std::string& message, std::size_t column) const {
  std::string shown(text_);
  std::string indent;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (is_control(shown[i])) shown[i] = ' ';
    if (i < column && starts_letter(shown[i])) indent += ' ';
  }
  throw Error("cannot read override: " + message + "\n  " + shown + "\n  " + indent + "^");
}

void OverrideCursor::fail_unexpected(const std::string& expected) const {
  if (at_end()) fail("it ends too early; expected " + expected + ".");
  const char c = peek();
  if (c == '=') fail("unexpected '='; in a value write '\\=', or put the value in quotes.");
  fail("unexpected " + letter_name(c) + "; expected " + expected +
       ". A value with such letters goes in quotes, and those again in the shell's: 'key=\"a "
       "#1\"'.");
}

}  // namespace attnlab::config
