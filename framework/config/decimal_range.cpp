// decimal_range.cpp: range() in decimal arithmetic, exact where binary steps would drift.
#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <cmath>

#include "framework/config/override_value.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

__extension__ using Wide = __int128;

constexpr int kMaxShift = 18;  // digits that a number may be moved by; 19 + 18 fit in Wide
constexpr int kMaxValues = 100000;

// digits * 10^exponent
struct Decimal {
  Wide digits = 0;
  int exponent = 0;
};

// From the shortest text that reads back as the same number: what the user typed.
Decimal decimal_of(const std::string& text) {
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

Decimal argument_of(const Call& call, const Argument& argument) {
  const auto& element = argument.element;
  const bool plain = element.kind == Element::Kind::value;
  const auto* integer = plain ? std::get_if<std::int64_t>(&element.values[0].value()) : nullptr;
  const auto* real = plain ? std::get_if<double>(&element.values[0].value()) : nullptr;
  if (!integer && !(real && std::isfinite(*real))) {
    call.fail("takes numbers: range(stop), range(start,stop) or range(start,stop,step).",
              argument.column);
  }
  return decimal_of(integer ? std::to_string(*integer) : exact_number(*real));
}

struct Bounds {
  Decimal start;
  Decimal stop;
  Decimal step{1, 0};
  bool has_stop = false;
};

Bounds bounds_of(const Call& call) {
  Bounds bounds;
  std::array<const Argument*, 3> slots{};
  const bool stop_only = call.arguments.size() == 1;
  std::size_t position = 0;
  for (const auto& argument : call.arguments) {
    std::size_t slot = stop_only ? 1 : position;
    if (argument.name.empty()) ++position;
    if (!argument.name.empty()) {
      constexpr std::array<std::string_view, 3> kNames{"start", "stop", "step"};
      slot = std::find(kNames.begin(), kNames.end(), argument.name) - kNames.begin();
    }
    if (slot >= slots.size() || slots.at(slot)) {
      call.fail("takes start, stop and step, each once.", argument.column);
    }
    slots.at(slot) = &argument;
  }
  if (!slots[1]) call.fail("needs a stop: range(5) or range(1,10,2).");
  bounds.stop = argument_of(call, *slots[1]);
  if (slots[0]) bounds.start = argument_of(call, *slots[0]);
  if (slots[2]) bounds.step = argument_of(call, *slots[2]);
  return bounds;
}

bool has_real(const Call& call) {
  return std::any_of(call.arguments.begin(), call.arguments.end(), [](const Argument& argument) {
    return std::holds_alternative<double>(argument.element.values[0].value());
  });
}

// All three over one power of ten, which is returned.
int align(const Call& call, Bounds& bounds) {
  int exponent = INT_MAX;
  const std::array<Decimal*, 3> all{&bounds.start, &bounds.stop, &bounds.step};
  for (const Decimal* one : all) {
    if (one->digits != 0) exponent = std::min(exponent, one->exponent);
  }
  for (Decimal* one : all) {
    if (one->digits == 0) continue;
    if (one->exponent - exponent > kMaxShift) {
      call.fail("cannot step exactly between numbers of so different size.");
    }
    for (; one->exponent > exponent; --one->exponent) one->digits *= 10;
  }
  return exponent;
}

Node::Value number(Wide digits, int exponent, bool real) {
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

}  // namespace

std::vector<Node> decimal_range(const Call& call) {
  Bounds bounds = bounds_of(call);
  if (bounds.step.digits == 0) call.fail("has step 0 and would never end; expected another step.");
  const int exponent = align(call, bounds);
  const Wide span = bounds.stop.digits - bounds.start.digits;
  const Wide step = bounds.step.digits;
  const Wide count = span / step + (span % step != 0 && (span < 0) == (step < 0) ? 1 : 0);
  if (count > kMaxValues) {
    call.fail("makes more than " + std::to_string(kMaxValues) + " values; expected fewer.");
  }
  const bool real = has_real(call);
  std::vector<Node> values;
  for (Wide i = 0; i < count; ++i) {
    values.emplace_back(number(bounds.start.digits + i * step, exponent, real));
  }
  if (values.empty()) {
    call.fail("is an empty sweep: no value lies from start to before stop; expected at least one.");
  }
  return values;
}

}  // namespace attnlab::config
