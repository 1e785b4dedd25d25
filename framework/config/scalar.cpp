#include "framework/config/scalar.h"

#include <charconv>
#include <cstdlib>
#include <limits>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

enum class Spelling { other, integer, real };

// Digits with single underscores between them, from `at` on; returns where they end.
std::size_t skip_digits(std::string_view word, std::size_t at) {
  while (at < word.size() &&
         (is_digit(word[at]) || (word[at] == '_' && at > 0 && is_digit(word[at - 1]) &&
                                 at + 1 < word.size() && is_digit(word[at + 1])))) {
    ++at;
  }
  return at;
}

Spelling spelling_of(std::string_view word) {
  const std::size_t begin = !word.empty() && (word[0] == '+' || word[0] == '-') ? 1 : 0;
  const std::size_t whole_end = skip_digits(word, begin);
  const std::size_t whole = whole_end - begin;
  if (whole_end == word.size()) {
    return whole > 0 && (whole == 1 || word[begin] != '0') ? Spelling::integer : Spelling::other;
  }
  std::size_t at = whole_end;
  std::size_t fraction = 0;
  if (word[at] == '.') {
    const std::size_t end = skip_digits(word, at + 1);
    fraction = end - at - 1;
    at = end;
  }
  if (whole + fraction == 0) return Spelling::other;
  if (at < word.size() && (word[at] == 'e' || word[at] == 'E')) {
    const std::size_t sign = at + 1 < word.size() && (word[at + 1] == '+' || word[at + 1] == '-');
    const std::size_t end = skip_digits(word, at + 1 + sign);
    if (end == at + 1 + sign) return Spelling::other;
    at = end;
  }
  return at == word.size() ? Spelling::real : Spelling::other;
}

std::string plain_digits(std::string_view word) {
  std::string digits(word.substr(word[0] == '+'));
  std::erase(digits, '_');
  return digits;
}

std::int64_t integer_of(std::string_view word) {
  const std::string digits = plain_digits(word);
  std::int64_t value = 0;
  const auto error = std::from_chars(digits.data(), digits.data() + digits.size(), value).ec;
  if (error != std::errc()) {
    throw Error("integer " + std::string(word) + " does not fit in 64 bits; expected one from " +
                std::to_string(std::numeric_limits<std::int64_t>::min()) + " to " +
                std::to_string(std::numeric_limits<std::int64_t>::max()) + ".");
  }
  return value;
}

// Beyond a double's range the nearest one is taken: inf or 0, as in Python.
double real_of(std::string_view word) {
  const std::string digits = plain_digits(word);
  double value = 0;
  const auto error = std::from_chars(digits.data(), digits.data() + digits.size(), value).ec;
  if (error == std::errc::result_out_of_range) return std::strtod(digits.c_str(), nullptr);
  return value;
}

}  // namespace

Node::Value typed_scalar(std::string_view word) {
  switch (spelling_of(word)) {
    case Spelling::integer:
      return integer_of(word);
    case Spelling::real:
      return real_of(word);
    case Spelling::other:
      break;
  }
  if (word.empty() || word.size() > 5) return std::string(word);
  const std::string name = lower_case(word);
  if (name == "null") return std::monostate{};
  if (name == "true") return true;
  if (name == "false") return false;
  if (name == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (name == "inf" || name == "+inf") return std::numeric_limits<double>::infinity();
  if (name == "-inf") return -std::numeric_limits<double>::infinity();
  return std::string(word);
}

bool is_string(std::string_view word) {
  if (spelling_of(word) != Spelling::other) return false;
  return std::holds_alternative<std::string>(typed_scalar(word));
}

std::string real_text(double value) {
  const std::string text = exact_number(value);
  return text.find_first_not_of("-0123456789") == text.npos ? text + ".0" : text;
}

}  // namespace attnlab::config
