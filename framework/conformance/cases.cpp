#include "framework/conformance/cases.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "framework/conformance/property.h"
#include "framework/conformance/threads.h"
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
    FixedShape{1, 1, 1, 8},        FixedShape{2, 1, 1, 5},    FixedShape{1, 2, 2, 16},
    FixedShape{2, 2, 7, 16},       FixedShape{1, 3, 31, 8},   FixedShape{3, 1, 33, 64},
    FixedShape{1, 1, 64, 1},       FixedShape{5, 12, 20, 16}, FixedShape{2, 2, 97, 32},
    FixedShape{1, 2, 130, 24},     FixedShape{3, 3, 259, 32}, FixedShape{2, 2, 645, 64},
    FixedShape{2, 2, kLongest, 64}};
constexpr std::array<std::int64_t, 10> kHeadDims{1, 3, 8, 16, 20, 32, 40, 64, 96, 128};
constexpr std::int64_t kRandomLength = 1100;  // the longest that is drawn

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
bool possible(const Subject& subject, const CheckCase& check) {
  try {
    return Trial(subject, check).refusal().empty();
  } catch (const Error&) {
    return false;
  }
}

// 1 and up to `most`, short ones as often as long ones.
std::int64_t draw_length(std::int64_t most, Draw& draw) {
  return std::min(most, static_cast<std::int64_t>(
                            std::exp(draw.uniform() * std::log(static_cast<double>(most + 1)))));
}

CheckCase random_case(const Subject& subject, const CaseRequest& request, std::uint64_t number) {
  const auto& note = subject.plugin.note();
  Draw draw(request.seed, number);
  CheckCase check;
  for (int attempt = 0; attempt < 40; ++attempt) {
    check.length = draw_length(std::min(kRandomLength, request.longest), draw);
    check.batch = 1 + draw.below(check.length > 300 ? 2 : 3);
    check.heads = 1 + draw.below(check.length > 300 ? 2 : 3);
    check.head_dim = allowed_head_dim(note, draw.of(kHeadDims));
    check.dtype = draw.of(dtypes_of(note, subject.device));
    check.causality = draw.of(causalities(note));
    check.shared_keys = draw.coin() || (note.traits & plugin::kNeedsSharedKeys) != 0;
    check.seed = request.seed * 1000 + number;
    check.parameters = draw_parameters(note, subject.given, check.length, draw);
    if (possible(subject, check)) break;
  }
  return check;
}

// Does a row leave out a key that causality allows? Looks at D keys, the earliest and others.
bool leaves_out(const Subject& subject, const CheckCase& check) {
  const Threads threads(threads_for(check.length));
  const Trial trial(subject, check);
  std::vector<std::int64_t> keys(static_cast<std::size_t>(std::min(check.head_dim, check.length)));
  Draw draw(check.seed, 0);
  for (auto& key : keys) key = draw.below(check.length);
  keys[0] = 0;
  at::Tensor seen;  // [B, H, T, keys]
  try {
    seen = trial.weights_of(keys).cpu().ne(0);
  } catch (const std::exception&) {
    return false;  // the properties name it
  }
  const auto rows = at::arange(check.length).unsqueeze(1), columns = at::tensor(keys);
  const auto allowed = trial.strict() ? columns.lt(rows) : columns.le(rows);
  return allowed.logical_and(seen.logical_not()).any().item<bool>();
}

using Tell = std::function<void(const CheckCase&)>;

/// Gives `check` parameters under which a causal pair is left out; false where eight draws did not.
bool draw_sparse(const Subject& subject, CheckCase& check, std::uint64_t number, const Tell& tell) {
  Draw draw(check.seed, number);
  auto other = check;
  for (int attempt = 0; attempt < 8; ++attempt) {
    other.parameters = draw_parameters(subject.plugin.note(), subject.given, other.length, draw);
    if (!possible(subject, other)) continue;
    tell(other);
    if (leaves_out(subject, other)) return check = other, true;
    if (subject.plugin.note().parameter_count == subject.given.size()) return false;  // no draw
  }
  return false;
}

/// The same with longer and longer cases.
bool lengthen(const Subject& subject, std::int64_t longest, CheckCase& check, const Tell& tell) {
  auto other = check;
  while ((other.length = 2 * other.length + 1) <= longest) {
    if (draw_sparse(subject, other, 2, tell)) return check = other, true;
  }
  return false;
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

std::vector<CheckCase> make_cases(const Subject& subject, const CaseRequest& request) {
  const auto& note = subject.plugin.note();
  const auto dtypes = dtypes_of(note, subject.device);
  const auto ways = causalities(note);
  std::vector<CheckCase> cases;
  std::size_t n = 0;
  const auto add = [&](const FixedShape& shape) {
    // The longest are dear: in the dtype that models are trained in.
    CheckCase check{shape.batch,
                    shape.heads,
                    shape.length,
                    allowed_head_dim(note, shape.head_dim),
                    shape.length < kLongest ? dtypes[n % dtypes.size()] : dtypes[0],
                    ways[n / 2 % ways.size()],
                    n % 3 != 1 || (note.traits & plugin::kNeedsSharedKeys) != 0,
                    request.seed * 1000 + 900 + n,
                    subject.given};
    if (!possible(subject, check)) check.shared_keys = true;
    cases.push_back(check);
    ++n;
  };
  // Reading weights takes T / D calls, which are dear where each has T x T numbers.
  const std::int64_t wide = (note.traits & plugin::kQuadraticMemory) != 0 ? 128 : 64;
  for (auto shape : kFixed) {
    if (shape.length == kLongest) shape.head_dim = wide;
    if (shape.length <= request.longest) add(shape);
  }
  if (request.length > 0) add({1, 1, request.length, wide});
  for (std::int64_t i = 0; i < request.random; ++i) {
    cases.push_back(random_case(subject, request, static_cast<std::uint64_t>(i)));
  }
  std::stable_sort(cases.begin(), cases.end(),
                   [](const auto& a, const auto& b) { return cost(a) < cost(b); });
  return cases;
}

std::int64_t make_sparse(const Subject& subject, const CaseRequest& request,
                         std::vector<CheckCase>& cases, const Tell& tell) {
  std::vector<CheckCase*> dense;  // that could be otherwise
  std::int64_t sparse = 0;
  for (auto& check : cases) {
    if (!possible(subject, check)) continue;
    tell(check);
    if (leaves_out(subject, check)) {
      ++sparse;
    } else if (check.length > 3) {
      dense.push_back(&check);
    }
  }
  const auto enough = [&] { return 2 * sparse >= std::ssize(cases); };
  // First with other parameters, the short ones first: a plugin that is always dense is soon known.
  for (std::size_t i = 0, failed = 0; i < dense.size() && failed < 3 && !enough();) {
    if (draw_sparse(subject, *dense[i], 1, tell)) {
      ++sparse;
      dense.erase(dense.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i, ++failed;
    }
  }
  // Then what is too short to leave anything out, the longest first.
  for (auto i = dense.rbegin(); i != dense.rend() && !enough(); ++i) {
    if (!lengthen(subject, request.longest, **i, tell)) break;
    ++sparse;
  }
  return sparse;
}

}  // namespace attnlab::conformance
