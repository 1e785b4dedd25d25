// draw.cpp: the cases of a run, and how a failing one is made smaller.
#include <algorithm>
#include <cmath>

#include "framework/conformance/case.h"
#include "framework/plugin/parameters.h"

namespace attnlab::conformance {
namespace {

using Random = std::mt19937_64;

// Beyond this a parameter's range is no guide: T is small here.
constexpr double kLargestDrawn = 64;

std::int64_t below(Random& random, std::int64_t limit) {
  return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(limit));
}

bool obeys(std::int64_t value, config::Rule rule) {
  switch (rule) {
    case config::Rule::none:
      return true;
    case config::Rule::one_or_even:
      return value == 1 || value % 2 == 0;
    case config::Rule::even:
      return value % 2 == 0;
    case config::Rule::power_of_two:
      return value > 0 && (value & (value - 1)) == 0;
  }
  return true;
}

std::int64_t draw_integer(const config::Parameter& parameter, Random& random) {
  const double low = std::max(parameter.range.low, -kLargestDrawn);
  const double high = std::clamp(parameter.range.high, low, std::max(low, kLargestDrawn));
  const auto first = static_cast<std::int64_t>(std::ceil(low));
  const auto count = static_cast<std::int64_t>(std::floor(high)) - first + 1;
  for (int tries = 0; tries < 1000; ++tries) {
    const std::int64_t value = first + below(random, count);
    const bool open = (parameter.range.low_open && value == parameter.range.low) ||
                      (parameter.range.high_open && value == parameter.range.high);
    if (!open && obeys(value, parameter.range.rule)) return value;
  }
  return std::get<std::int64_t>(parameter.default_value.value());
}

double draw_real(const config::Parameter& parameter, Random& random) {
  const double low = std::max(parameter.range.low, -kLargestDrawn);
  const double high = std::clamp(parameter.range.high, low, std::max(low, kLargestDrawn));
  // Never an end that may be open; sixteenths are short to type.
  return low + (high - low) * static_cast<double>(1 + below(random, 15)) / 16;
}

config::Node draw_value(const config::Parameter& parameter, Random& random) {
  switch (parameter.kind) {
    case config::Kind::boolean:
      return config::Node(below(random, 2) == 1);
    case config::Kind::integer:
      return config::Node(draw_integer(parameter, random));
    case config::Kind::real:
      return config::Node(draw_real(parameter, random));
    case config::Kind::choice:
      return config::Node(parameter.choices[static_cast<std::size_t>(
          below(random, static_cast<std::int64_t>(parameter.choices.size())))]);
    case config::Kind::text:
      break;
  }
  return parameter.default_value;
}

std::int64_t allowed(const plugin::PluginNote& note, std::int64_t head_dim) {
  const std::int64_t low = note.min_head_dim, high = note.max_head_dim;
  return std::max(low, high == 0 ? head_dim : std::min(head_dim, high));
}

Case base_case(const plugin::PluginNote& note, std::uint64_t seed, at::DeviceType device) {
  Case base;
  base.seed = seed;
  base.device = device;
  const auto has = [&](std::uint32_t trait) { return (note.traits & trait) != 0; };
  base.dtype = has(plugin::kFloat32)    ? at::kFloat
               : has(plugin::kFloat64)  ? at::kDouble
               : has(plugin::kBfloat16) ? at::kBFloat16
                                        : at::kHalf;
  base.causality = has(plugin::kStrict) ? config::Causality::strict : config::Causality::inclusive;
  return base;
}

Case drawn(Case base, const plugin::PluginNote& note, Random& random) {
  base.B = 1 + below(random, 3);
  base.H = 1 + below(random, 3);
  base.T = 1 + below(random, 90);
  base.D = allowed(note, 8 * (1 + below(random, 5)));
  if ((note.traits & plugin::kNeedsSharedKeys) == 0) base.shared_keys = below(random, 2) == 0;
  if ((note.traits & plugin::kStrict) != 0 && (note.traits & plugin::kInclusive) != 0) {
    base.causality =
        below(random, 2) == 0 ? config::Causality::strict : config::Causality::inclusive;
  }
  base.seed = random() % 1000 + 1;
  for (const auto& parameter : plugin::parameters(note)) {
    base.parameters.emplace_back(parameter.name, draw_value(parameter, random));
  }
  return base;
}

}  // namespace

std::vector<Case> cases(const plugin::PluginNote& note, std::uint64_t seed, std::int64_t random,
                        at::DeviceType device) {
  constexpr std::int64_t kShapes[][4] = {
      {1, 1, 1, 16}, {2, 2, 7, 8}, {1, 2, 31, 16}, {2, 1, 64, 32}};
  std::vector<Case> all;
  for (const auto& shape : kShapes) {
    Case fixed = base_case(note, seed, device);
    fixed.B = shape[0], fixed.H = shape[1], fixed.T = shape[2];
    fixed.D = allowed(note, shape[3]);
    all.push_back(fixed);
    if ((note.traits & plugin::kInclusive) != 0 && fixed.strict()) {
      fixed.causality = config::Causality::inclusive;
      all.push_back(fixed);
    }
  }
  Random stream(seed);
  for (std::int64_t i = 0; i < random; ++i) {
    all.push_back(drawn(base_case(note, seed, device), note, stream));
  }
  return all;
}

std::vector<Case> smaller(const Case& from, const plugin::PluginNote& note) {
  std::vector<Case> all;
  const auto add = [&](auto change) {
    Case next = from;
    change(next);
    if (next.text() != from.text()) all.push_back(next);
  };
  if (!from.parameters.empty()) add([](Case& c) { c.parameters.clear(); });
  for (std::size_t i = 0; i < from.parameters.size() && from.parameters.size() > 1; ++i) {
    add([i](Case& c) {
      c.parameters.erase(c.parameters.begin() + static_cast<std::ptrdiff_t>(i));
    });
  }
  add([](Case& c) { c.B = 1; });
  add([](Case& c) { c.H = 1; });
  add([](Case& c) { c.T = std::max<std::int64_t>(1, c.T / 2); });
  add([](Case& c) { c.T = std::max<std::int64_t>(1, c.T - 1); });
  add([&](Case& c) { c.D = allowed(note, std::max<std::int64_t>(8, c.D / 2)); });
  return all;
}

}  // namespace attnlab::conformance
