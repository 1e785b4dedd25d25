#include "framework/conformance/draw.h"

#include <algorithm>
#include <cmath>

#include "framework/plugin/parameters.h"

namespace attnlab::conformance {
namespace {

using config::Kind;
using config::Rule;

std::int64_t keeping(Rule rule, std::int64_t value) {
  if (rule == Rule::even) return value / 2 * 2;
  if (rule == Rule::one_or_even) return value <= 1 ? value : value / 2 * 2;
  if (rule == Rule::power_of_two)
    return std::int64_t{1} << std::ilogb(std::max<double>(1, static_cast<double>(value)));
  return value;
}

// Log-uniform from the lower limit to what the default or the length makes sensible.
config::Node draw_integer(const config::Parameter& parameter, std::int64_t length, Draw& draw) {
  const double usual =
      std::abs(static_cast<double>(std::get<std::int64_t>(parameter.default_value.value())));
  const double low = std::isfinite(parameter.range.low) ? parameter.range.low : -2 * usual - 1;
  const double widest = low + 2 * std::max({usual - low, static_cast<double>(length), 1.0});
  const double high = std::min(parameter.range.high, widest);
  const double value = low - 1 + std::exp(draw.uniform() * std::log(high - low + 2));
  auto result = keeping(parameter.range.rule, static_cast<std::int64_t>(value));
  return config::Node(
      std::clamp(result, static_cast<std::int64_t>(low), static_cast<std::int64_t>(high)));
}

config::Node draw_real(const config::Parameter& parameter, Draw& draw) {
  const double usual = std::abs(std::get<double>(parameter.default_value.value()));
  const auto& range = parameter.range;
  const double low = std::isfinite(range.low) ? range.low : -2 * usual - 1;
  const double high = std::isfinite(range.high) ? range.high : low + 2 * (usual - low) + 1;
  return config::Node(low + (0.02 + 0.96 * draw.uniform()) * (high - low));
}

config::Node draw_value(const config::Parameter& parameter, std::int64_t length, Draw& draw) {
  switch (parameter.kind) {
    case Kind::boolean:
      return config::Node(draw.coin());
    case Kind::integer:
      return draw_integer(parameter, length, draw);
    case Kind::choice:
      return config::Node(std::string(draw.of(parameter.choices)));
    default:
      return draw_real(parameter, draw);
  }
}

}  // namespace

config::Map draw_parameters(const plugin::PluginNote& note, const config::Map& given,
                            std::int64_t length, Draw& draw) {
  config::Node map(given);
  for (const auto& parameter : plugin::parameters(note)) {
    auto value = draw_value(parameter, length, draw);
    if (draw.coin() && map.find(parameter.name) == nullptr) map.set(parameter.name, value);
  }
  return map.as_map();
}

}  // namespace attnlab::conformance
