#include "framework/config/override_parser.h"

#include "framework/config/scalar.h"
#include "framework/core/error.h"

namespace attnlab::config {
namespace {

// ASCII only, whatever the locale.
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }
bool is_any_of(std::string_view letters, char c) { return letters.find(c) != letters.npos; }
bool is_word_letter(char c) {
  return is_letter(c) || is_digit(c) || static_cast<unsigned char>(c) >= 128 ||
         is_any_of("/-\\+.$%*@?|", c);
}

std::string letter_name(char c) {
  if (!is_control(c)) return std::string("'") + c + "'";
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return std::string("byte 0x") + kHex[byte / 16] + kHex[byte % 16];
}

}  // namespace

bool OverrideParser::take(char letter) {
  if (at_end() || peek() != letter) return false;
  ++at_;
  return true;
}

std::string OverrideParser::take_letters(std::size_t count) {
  const std::string_view letters = text_.substr(at_, count);
  at_ += letters.size();
  return std::string(letters);
}

void OverrideParser::skip_blanks() {
  while (peek() == ' ' || peek() == '\t') ++at_;
}

// The letters of a name (letter or _, then letters, digits, _ and -) that stands here, when
// `follower` comes next, with or without blanks between; else 0.
std::size_t OverrideParser::name_before(char follower) const {
  if (!is_letter(peek())) return 0;
  std::size_t length = 1;
  while (is_letter(peek(length)) || is_digit(peek(length)) || peek(length) == '-') ++length;
  std::size_t after = length;
  while (peek(after) == ' ' || peek(after) == '\t') ++after;
  return peek(after) == follower ? length : 0;
}

void OverrideParser::fail(const std::string& message, std::size_t column) const {
  // Of a long text what stands around the fault. Bytes that continue a UTF-8 letter take no column.
  const std::size_t begin = column > 150 ? column - 100 : 0;
  std::string shown(text_.substr(begin, 250));
  std::string indent;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (is_control(shown[i])) shown[i] = ' ';
    if (begin + i < column && (static_cast<unsigned char>(shown[i]) & 0xC0) != 0x80) indent += ' ';
  }
  throw Error("cannot read " + std::string(what_) + ": " + message + "\n  " + shown + "\n  " +
              indent + "^");
}

void OverrideParser::fail_unexpected(const std::string& expected) const {
  if (at_end()) fail("it ends too early; expected " + expected + ".");
  const char c = peek();
  if (c == '=') fail("unexpected '='; in a value write '\\=', or put the value in quotes.");
  fail("unexpected " + letter_name(c) + "; expected " + expected +
       ". A value with such letters goes in quotes, and those again in the shell's: 'key=\"a "
       "#1\"'.");
}

Override::Sign OverrideParser::read_sign() {
  if (take('~')) return Override::Sign::remove;
  if (!take('+')) return Override::Sign::set;
  return take('+') ? Override::Sign::force : Override::Sign::add;
}

void OverrideParser::read_key_part() {
  const char first = peek();
  if (is_digit(first)) {  // index of a list
    while (is_digit(peek())) ++at_;
    return;
  }
  if (!is_letter(first) && first != '$') {
    fail("expected a key here, such as 'train.steps' or 'attention'.");
  }
  while (is_letter(peek()) || is_digit(peek()) || peek() == '$' || peek() == '-') ++at_;
}

// "train.steps", "a.0.b", "db" or "hydra/launcher": stops before '@' or '='.
std::string OverrideParser::read_key() {
  const std::size_t begin = at_;
  read_key_part();
  const char separator = peek();
  if (separator == '.' || separator == '/') {
    while (take(separator)) read_key_part();
  } else if (is_digit(text_[begin])) {
    fail("a key begins with a letter, not with a digit.", begin);
  }
  return std::string(text_.substr(begin, at_ - begin));
}

void OverrideParser::read_target(Override& override) {
  override.key = read_key();
  if (take('@')) override.package = read_key();
}

// '...' or "..."; a backslash escapes the quote, and a run of them before a quote is doubled.
std::string OverrideParser::read_quoted() {
  const std::size_t begin = at_;
  const char quote = text_[at_++];
  std::string text;
  while (true) {
    std::size_t backslashes = 0;
    while (take('\\')) ++backslashes;
    if (at_end()) {
      fail(std::string("the quote is not closed; expected ") + quote + " at the end.", begin);
    }
    const char c = text_[at_++];
    if (c != quote) {
      text.append(backslashes, '\\') += c;
      continue;
    }
    text.append(backslashes / 2, '\\');
    if (backslashes % 2 == 0) return text;
    text += quote;
  }
}

// "${...}" with its inner braces, as text: compose resolves it later.
void OverrideParser::read_interpolation() {
  const std::size_t begin = at_;
  at_ += 2;
  for (std::size_t open = 1; open > 0;) {
    if (at_end()) fail("'${' is not closed; expected '}'.", begin);
    const char c = text_[at_++];
    if (c == '{') ++open;
    if (c == '}') --open;
  }
}

// Blanks within are kept, those around are not.
std::string OverrideParser::read_letters(bool is_dict_key, bool& escaped) {
  std::string word;
  std::size_t kept = 0;  // beyond it there are only blanks
  while (!at_end()) {
    const char c = peek();
    if (c == '\\' && peek(1) != '\0' && is_any_of("\\()[]{}:=, \t", peek(1))) {
      word += peek(1);
      at_ += 2;
      escaped = true;
    } else if (c == '$' && peek(1) == '{' && !is_dict_key) {
      const std::size_t begin = at_;
      read_interpolation();
      word += text_.substr(begin, at_ - begin);
    } else if (is_word_letter(c) || (c == ':' && !is_dict_key)) {
      word += c;
      ++at_;
    } else if (c == ' ' || c == '\t') {
      word += c;
      ++at_;
      continue;
    } else {
      break;
    }
    kept = word.size();
  }
  word.resize(kept);
  return word;
}

// Typed by scalar.h; with an escaped letter it is a string, whatever it looks like.
Node OverrideParser::read_word() {
  const std::size_t begin = at_;
  bool escaped = false;
  const std::string word = read_letters(false, escaped);
  if (word.empty()) fail_unexpected("a value");
  if (escaped) return word;
  try {
    Node node = typed_scalar(word);
    node.set_spelling(word);
    return node;
  } catch (const Error& error) {
    fail(error.what(), begin);
  }
}

// Always a string; a plain word without ':' and `${}`, or quoted.
std::string OverrideParser::read_dict_key() {
  if (peek() == '\'' || peek() == '"') return read_quoted();
  bool escaped = false;
  std::string word = read_letters(true, escaped);
  if (word.empty()) fail_unexpected("a key of the dict");
  return word;
}

Node OverrideParser::value() {
  skip_blanks();
  if (at_end()) return std::string();
  Node node = read_plain(0);
  if (!at_end()) fail_unexpected("the end");
  return node;
}

Node parse_value(std::string_view text) { return OverrideParser(text, "value").value(); }

}  // namespace attnlab::config
