#include "framework/corpus/json_cursor.h"

#include <bit>
#include <cstring>

#include "framework/core/utf8.h"

namespace attnlab::corpus {
namespace {

constexpr int kDeepest = 256;  // Python's own limit is a few times that
constexpr char32_t kReplacement = 0xFFFD;

static_assert(std::endian::native == std::endian::little, "skip_plain counts from the low end");

bool is_plain(char byte) {
  return byte != '"' && byte != '\\' && static_cast<unsigned char>(byte) >= ' ';
}

/// Where the run of plain characters that begins at `at` ends: a quote, a backslash, a control
/// character or `end`. Sixteen bytes at a time, in the compiler's own vectors.
const char* skip_plain(const char* at, const char* end) {
  using Bytes = unsigned char __attribute__((vector_size(16)));
  using Halves = std::uint64_t __attribute__((vector_size(16)));
  for (; end - at >= 16; at += 16) {
    Bytes bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    const auto hits = Halves((bytes == '"') | (bytes == '\\') | (bytes < ' '));
    if (hits[0] != 0) return at + std::countr_zero(hits[0]) / 8;
    if (hits[1] != 0) return at + 8 + std::countr_zero(hits[1]) / 8;
  }
  while (at != end && is_plain(*at)) ++at;
  return at;
}

bool is_high_surrogate(char32_t unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool is_low_surrogate(char32_t unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void JsonCursor::refuse(const std::string& expected) const {
  const std::string found = at_ == end_ ? "the line ends" : "found something else";
  throw Refused{"not JSON: expected " + expected + " at column " +
                std::to_string(at_ - begin_ + 1) + ", " + found};
}

void JsonCursor::expect(char wanted) {
  if (peek() != wanted || at_ == end_) refuse(std::string("'") + wanted + "'");
  ++at_;
}

void JsonCursor::enter(char bracket) {
  expect(bracket);
  if (++depth_ > kDeepest) throw Refused{"nested deeper than " + std::to_string(kDeepest)};
}

bool JsonCursor::leave(char bracket, bool first) {
  if (peek() == bracket) {
    ++at_;
    --depth_;
    return true;
  }
  if (first) return false;
  if (peek() != ',') refuse(std::string("',' or '") + bracket + "'");
  ++at_;
  if (peek() == bracket) refuse("a value after ','");
  return false;
}

std::string_view JsonCursor::string(std::string* buffer) {
  expect('"');
  const char* const first = at_;
  at_ = skip_plain(at_, end_);
  if (at_ != end_ && *at_ == '"') return {first, static_cast<std::size_t>(at_++ - first)};
  const std::size_t start = buffer != nullptr ? buffer->size() : 0;
  const char* run = first;
  while (true) {
    if (buffer != nullptr) buffer->append(run, at_);
    if (at_ == end_) refuse("'\"'");
    if (*at_ == '"') break;
    if (*at_ != '\\') refuse("no bare control character");
    ++at_;
    escape(buffer);
    run = at_;
    at_ = skip_plain(at_, end_);
  }
  ++at_;
  if (buffer == nullptr) return {};
  return std::string_view(*buffer).substr(start);
}

void JsonCursor::escape(std::string* buffer) {
  static constexpr std::string_view kLetters = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
  if (at_ == end_) refuse("an escape");
  if (*at_ != 'u') {
    const auto which = kLetters.find(*at_);
    if (which == std::string_view::npos) refuse("an escape");
    ++at_;
    if (buffer != nullptr) *buffer += kMeant[which];
    return;
  }
  ++at_;
  char32_t unit = four_digits();
  if (is_high_surrogate(unit) && end_ - at_ >= 2 && at_[0] == '\\' && at_[1] == 'u') {
    const char* const second = at_;
    at_ += 2;
    if (const char32_t low = four_digits(); is_low_surrogate(low)) {
      unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    } else {
      at_ = second;  // stands for itself
    }
  }
  if (is_high_surrogate(unit) || is_low_surrogate(unit)) unit = kReplacement;
  if (buffer != nullptr) text::append_utf8(*buffer, unit);
}

char32_t JsonCursor::four_digits() {
  char32_t unit = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const int digit = at_ == end_ ? -1 : hex_digit(*at_);
    if (digit < 0) refuse("four hexadecimal digits");
    unit = unit << 4 | static_cast<char32_t>(digit);
  }
  return unit;
}

void JsonCursor::skip_value() {
  switch (peek()) {
    case '"':
      string(nullptr);
      return;
    case '[':
      each_element([this] { skip_value(); });
      return;
    case '{': {
      std::string key;
      each_member(key, [this](std::string_view) { skip_value(); });
      return;
    }
    case 't':
      return word("true");
    case 'f':
      return word("false");
    case 'n':
      return word("null");
    case 'N':
      return word("NaN");
    case 'I':
      return word("Infinity");
    default:
      return number();
  }
}

void JsonCursor::word(std::string_view wanted) {
  if (!std::string_view(at_, end_).starts_with(wanted)) refuse("a value");
  at_ += wanted.size();
}

void JsonCursor::digits() {
  if (at_ == end_ || *at_ < '0' || *at_ > '9') refuse("a value");
  while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
}

void JsonCursor::number() {
  if (at_ != end_ && *at_ == '-') ++at_;
  if (at_ != end_ && *at_ == 'I') return word("Infinity");
  if (at_ != end_ && *at_ == '0') {
    ++at_;
  } else {
    digits();
  }
  if (at_ != end_ && *at_ == '.') {
    ++at_;
    digits();
  }
  if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    digits();
  }
}

}  // namespace attnlab::corpus
