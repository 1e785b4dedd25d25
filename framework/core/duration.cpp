#include "framework/core/duration.h"

#include <charconv>
#include <cmath>

#include "framework/core/number_in.h"

namespace attnlab {
namespace {

constexpr double kLongest = 3.2e8;  // seconds: ten years

double seconds_of(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    default:
      return 0;
  }
}

}  // namespace

std::optional<double> duration_from(std::string_view text) {
  double total = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  if (at == end) return std::nullopt;
  while (at != end) {
    double number = 0;
    const auto [rest, problem] = std::from_chars(at, end, number, std::chars_format::fixed);
    if (problem != std::errc() || rest == end || !(number >= 0)) return std::nullopt;
    const double unit = seconds_of(*rest);
    if (unit == 0) return std::nullopt;
    total += number * unit;
    at = rest + 1;
  }
  if (!std::isfinite(total) || total > kLongest) return std::nullopt;
  return total;
}

std::optional<Interval> interval_from(std::string_view text) {
  if (const auto steps = number_in<std::int64_t>(text)) {
    if (*steps < 0) return std::nullopt;
    return Interval{.steps = *steps};
  }
  const auto seconds = duration_from(text);
  if (!seconds || *seconds <= 0) return std::nullopt;
  return Interval{.seconds = *seconds};
}

}  // namespace attnlab
