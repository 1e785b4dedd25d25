// sequences.cpp: range() in decimal arithmetic, exact where binary steps would drift; logspace()
// and linspace().
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "framework/config/override_parser.h"

namespace attnlab::config {
namespace {

__extension__ using Wide = __int128;

constexpr int kMaxShift = 18;  // digits that a number may be moved by; 19 + 18 fit in Wide
constexpr int kLongestSequence = 100000;

// digits * 10^exponent
struct Decimal {
  Wide digits = 0;
  int exponent = 0;
};

// The number of a plain argument; fails with `message` for anything else.
Node number_of(const Call& call, const Argument& argument, const std::string& message) {
  const auto& [kind, values, glob, zipped, column] = argument.element;
  if (kind == Element::Kind::value) {
    if (std::holds_alternative<std::int64_t>(values[0].value())) return values[0];
    const auto* real = std::get_if<double>(&values[0].value());
    if (real != nullptr && std::isfinite(*real)) return values[0];
  }
  call.fail(message, argument.column);
}

// From the shortest text that reads back as the same number: what the user typed.
Decimal decimal_of(const Node& number) {
  const std::string text = number.text();
  Decimal decimal;
  const std::size_t end = std::min(text.find('e'), text.size());
  bool fraction = false;
  for (const char c : text.substr(0, end)) {
    if (c == '.') fraction = true;
    if (c < '0' || c > '9') continue;
    decimal.digits = decimal.digits * 10 + (c - '0');
    if (fraction) --decimal.exponent;
  }
  if (end < text.size()) decimal.exponent += std::stoi(text.substr(end + 1));
  while (decimal.digits != 0 && decimal.digits % 10 == 0) {
    decimal.digits /= 10;
    ++decimal.exponent;
  }
  if (text[0] == '-') decimal.digits = -decimal.digits;
  return decimal;
}

Node number(Wide digits, int exponent, bool real) {
  if (!real) {
    for (; exponent > 0; --exponent) digits *= 10;
    return std::int64_t(digits);
  }
  const bool negative = digits < 0;
  std::string text = "e" + std::to_string(exponent);
  do {
    const int digit = static_cast<int>(digits % 10);
    text.insert(text.begin(), static_cast<char>('0' + (negative ? -digit : digit)));
    digits /= 10;
  } while (digits != 0);
  if (negative) text.insert(text.begin(), '-');
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// start, stop and step, null where not given. One bound alone is the stop, as in Python.
std::array<const Argument*, 3> bounds_of(const Call& call) {
  constexpr std::array<std::string_view, 3> kNames{"start", "stop", "step"};
  std::array<const Argument*, 3> bounds{};
  std::size_t position = 0;
  for (const auto& argument : call.arguments) {
    const auto named = std::find(kNames.begin(), kNames.end(), argument.name) - kNames.begin();
    const std::size_t slot = argument.name.empty() ? position++ : static_cast<std::size_t>(named);
    if (slot >= bounds.size() || bounds.at(slot)) {
      call.fail("takes start, stop and step, each once.", argument.column);
    }
    bounds.at(slot) = &argument;
  }
  if (!bounds[1]) std::swap(bounds[0], bounds[1]);
  if (!bounds[1]) call.fail("needs a stop: range(5) or range(1,10,2).");
  return bounds;
}

}  // namespace

std::vector<Node> decimal_range(const Call& call) {
  std::array<Decimal, 3> all{Decimal{}, Decimal{}, Decimal{1, 0}};
  bool real = false;
  int exponent = 1000;  // of the common power of ten
  const auto bounds = bounds_of(call);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (bounds.at(i) != nullptr) {
      const Node given =
          number_of(call, *bounds.at(i),
                    "takes numbers: range(stop), range(start,stop) or range(start,stop,step).");
      real = real || std::holds_alternative<double>(given.value());
      all.at(i) = decimal_of(given);
    }
    if (all.at(i).digits != 0) exponent = std::min(exponent, all.at(i).exponent);
  }
  for (auto& [digits, own] : all) {
    if (digits == 0) continue;
    if (own - exponent > kMaxShift) {
      call.fail("cannot step exactly between numbers of so different size.");
    }
    for (; own > exponent; --own) digits *= 10;
  }
  const Wide start = all[0].digits, span = all[1].digits - start, step = all[2].digits;
  if (step == 0) call.fail("has step 0 and would never end; expected another step.");
  const Wide count = span / step + (span % step != 0 && (span < 0) == (step < 0) ? 1 : 0);
  if (count > kLongestSequence) {
    call.fail("makes more than " + std::to_string(kLongestSequence) + " values; expected fewer.");
  }
  std::vector<Node> values;
  for (Wide i = 0; i < count; ++i) values.push_back(number(start + i * step, exponent, real));
  if (values.empty()) {
    call.fail("is an empty sweep: no value lies from start to before stop; expected at least one.");
  }
  return values;
}

std::vector<Node> spaced_values(const Call& call) {
  const std::string form = call.name + "(start,stop,count).";
  std::array<long double, 3> given{};
  if (call.arguments.size() != 3) call.fail("takes three numbers: " + form);
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto& argument = call.arguments[i];
    if (!argument.name.empty()) call.fail("takes three numbers: " + form, argument.column);
    const Node node = number_of(call, argument, "takes three numbers: " + form);
    const auto* integer = std::get_if<std::int64_t>(&node.value());
    given.at(i) = integer != nullptr ? static_cast<long double>(*integer)
                                     : static_cast<long double>(std::get<double>(node.value()));
    if (i == 2 && (integer == nullptr || *integer < 1 || *integer > kLongestSequence)) {
      call.fail("takes a whole count from 1 to " + std::to_string(kLongestSequence) + ": " + form,
                argument.column);
    }
  }
  const auto [start, stop, count] = given;
  const bool log = call.name == "logspace";
  if (log && (start <= 0 || stop <= 0)) {
    call.fail("takes the first and the last value, both above 0, as in logspace(1e-4,1e-2,5).");
  }
  std::vector<Node> values;
  for (int i = 0; i < static_cast<int>(count); ++i) {
    const long double share = i == 0 ? 0 : i / (count - 1);
    const long double value =
        log ? start * std::pow(stop / start, share) : start + share * (stop - start);
    values.emplace_back(static_cast<double>(share == 1 ? stop : value));
  }
  return values;
}

}  // namespace attnlab::config
