#include "framework/conformance/cases.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "framework/conformance/trial.h"
#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/plugin/parameters.h"

namespace attnlab::conformance {
namespace {

using config::Kind;
using config::Rule;
using plugin::CheckCase;
using plugin::PluginNote;

struct FixedShape {
  std::int64_t batch, heads, length, head_dim;
};
constexpr std::array kFixed{
    FixedShape{1, 1, 1, 8},  FixedShape{2, 1, 1, 5},   FixedShape{1, 2, 2, 16},
    FixedShape{2, 2, 7, 16}, FixedShape{1, 3, 31, 8},  FixedShape{3, 1, 33, 64},
    FixedShape{1, 1, 64, 1}, FixedShape{2, 2, 97, 32}, FixedShape{1, 2, 130, 24}};
constexpr std::array<std::int64_t, 12> kLengths{1, 2, 3, 5, 13, 16, 32, 47, 64, 65, 101, 128};
constexpr std::array<std::int64_t, 10> kHeadDims{1, 3, 8, 16, 20, 32, 40, 64, 96, 128};

// Numbers of one random case, one after the other.
class Draw {
 public:
  Draw(std::uint64_t seed, std::uint64_t number) : stream_(seed, "conformance.case", {number}) {}
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(stream_.below(static_cast<std::uint64_t>(bound), next_++));
  }
  double uniform() { return stream_.uniform(next_++); }
  bool coin() { return below(2) == 1; }
  template <class List>
  const auto& of(const List& list) {
    return list[static_cast<std::size_t>(below(static_cast<std::int64_t>(list.size())))];
  }

 private:
  RandomStream stream_;
  std::uint64_t next_ = 0;
};

std::vector<config::Causality> causalities(const PluginNote& note) {
  std::vector<config::Causality> list;
  if (note.traits & plugin::kStrict) list.push_back(config::Causality::strict);
  if (note.traits & plugin::kInclusive) list.push_back(config::Causality::inclusive);
  return list;
}

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

config::Map draw_parameters(const PluginNote& note, const config::Map& given, std::int64_t length,
                            Draw& draw) {
  config::Node map(given);
  for (const auto& parameter : plugin::parameters(note)) {
    auto value = draw_value(parameter, length, draw);
    if (draw.coin() && map.find(parameter.name) == nullptr) map.set(parameter.name, value);
  }
  return map.as_map();
}

// Rules between parameters are not in the note: such a combination is no case.
bool possible(const LoadedPlugin& plugin, const CheckCase& check, at::Device device) {
  try {
    return Trial(plugin, check, device).refusal().empty();
  } catch (const Error&) {
    return false;
  }
}

CheckCase random_case(const LoadedPlugin& plugin, const CaseRequest& request,
                      std::uint64_t number) {
  const auto& note = plugin.note();
  Draw draw(request.seed, number);
  CheckCase check;
  for (int attempt = 0; attempt < 40; ++attempt) {
    check.batch = 1 + draw.below(3);
    check.heads = 1 + draw.below(3);
    check.length = draw.of(kLengths);
    check.head_dim = allowed_head_dim(note, draw.of(kHeadDims));
    check.dtype = draw.of(dtypes_of(note, request.device));
    check.causality = draw.of(causalities(note));
    check.shared_keys = draw.coin() || (note.traits & plugin::kNeedsSharedKeys) != 0;
    check.seed = request.seed * 1000 + number;
    check.parameters = draw_parameters(note, request.given, check.length, draw);
    if (possible(plugin, check, request.device)) break;
  }
  return check;
}

}  // namespace

std::vector<std::string> dtypes_of(const PluginNote& note, at::Device device) {
  std::vector<std::string> list;
  if (note.traits & plugin::kFloat32) list.emplace_back("float32");
  if (device.is_cpu() && (note.traits & plugin::kFloat64)) list.emplace_back("float64");
  if (note.traits & plugin::kBfloat16) list.emplace_back("bfloat16");
  if (note.traits & plugin::kFloat16) list.emplace_back("float16");
  return list;
}

std::int64_t allowed_head_dim(const PluginNote& note, std::int64_t wanted) {
  const std::int64_t high = note.max_head_dim == 0 ? wanted : note.max_head_dim;
  return std::max<std::int64_t>(note.min_head_dim, std::min(wanted, high));
}

config::Causality first_causality(const PluginNote& note) {
  return (note.traits & plugin::kStrict) != 0 ? config::Causality::strict
                                              : config::Causality::inclusive;
}

std::vector<CheckCase> make_cases(const LoadedPlugin& plugin, const CaseRequest& request) {
  const auto& note = plugin.note();
  const auto dtypes = dtypes_of(note, request.device);
  const auto ways = causalities(note);
  std::vector<CheckCase> cases;
  std::size_t n = 0;
  for (const auto& shape : kFixed) {
    cases.push_back({shape.batch, shape.heads, shape.length, allowed_head_dim(note, shape.head_dim),
                     dtypes[n % dtypes.size()], ways[n / 2 % ways.size()],
                     n % 3 != 1 || (note.traits & plugin::kNeedsSharedKeys) != 0,
                     request.seed * 1000 + 900 + n, request.given});
    ++n;
  }
  for (std::int64_t i = 0; i < request.random; ++i) {
    cases.push_back(random_case(plugin, request, static_cast<std::uint64_t>(i)));
  }
  std::stable_sort(cases.begin(), cases.end(),
                   [](const auto& a, const auto& b) { return cost(a) < cost(b); });
  return cases;
}

}  // namespace attnlab::conformance
