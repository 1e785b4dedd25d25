#include "framework/conformance/cases.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>
#include <utility>

#include "framework/conformance/draw.h"
#include "framework/conformance/property.h"
#include "framework/conformance/threads.h"
#include "framework/core/error.h"

namespace attnlab::conformance {
namespace {

using plugin::CheckCase;
using plugin::PluginNote;

struct FixedShape {
  std::int64_t batch, heads, length, head_dim;
};
constexpr std::array kFixed{
    FixedShape{1, 1, 1, 8},        FixedShape{2, 1, 1, 5},    FixedShape{1, 2, 2, 16},
    FixedShape{2, 2, 7, 16},       FixedShape{1, 3, 31, 8},   FixedShape{1, 12, 33, 80},
    FixedShape{1, 1, 64, 1},       FixedShape{9, 16, 20, 16}, FixedShape{1, 2, 20, 256},
    FixedShape{2, 2, 97, 48},      FixedShape{2, 5, 128, 96}, FixedShape{1, 2, 130, 112},
    FixedShape{1, 2, 256, 128},    FixedShape{3, 4, 259, 32}, FixedShape{2, 2, 645, 64},
    FixedShape{2, 2, kLongest, 64}};
constexpr std::array<std::int64_t, 6> kUsualHeadDims{48, 64, 80, 96, 112, 128};
constexpr std::array<std::int64_t, 8> kOddHeadDims{1, 3, 5, 7, 20, 33, 63, 100};
constexpr std::int64_t kMultiples = 32;  // of 8
constexpr std::int64_t kRandomLength = 1100;  // the longest that is drawn

std::vector<config::Causality> causalities(const PluginNote& note) {
  std::vector<config::Causality> list;
  if (note.traits & plugin::kStrict) list.push_back(config::Causality::strict);
  if (note.traits & plugin::kInclusive) list.push_back(config::Causality::inclusive);
  return list;
}

// Rules between parameters are not in the note: such a combination is no case.
bool possible(const Subject& subject, const CheckCase& check) {
  try {
    return Trial(subject, check).refusal().empty();
  } catch (const Error&) {
    return false;
  }
}

std::int64_t head_dim_on(const Subject& subject, std::int64_t wanted) {
  return allowed_head_dim(subject.plugin.note(), subject.device, wanted);
}

// 1 and up to `most`, short ones as often as long ones.
std::int64_t draw_length(std::int64_t most, Draw& draw) {
  return std::min(most, static_cast<std::int64_t>(
                            std::exp(draw.uniform() * std::log(static_cast<double>(most + 1)))));
}

/// As models have it as often as else, which is a multiple of 8 up to 256 or an odd one.
std::int64_t draw_head_dim(Draw& draw) {
  constexpr auto kOther = kMultiples + std::int64_t{kOddHeadDims.size()};
  const auto n = draw.below(2 * kOther);
  if (n < kMultiples) return 8 * (n + 1);
  if (n < kOther) return kOddHeadDims[static_cast<std::size_t>(n - kMultiples)];
  return kUsualHeadDims[static_cast<std::size_t>(n) % kUsualHeadDims.size()];
}

/// What a plugin is told beside its input.
void surround(CheckCase& check, std::uint64_t number) {
  constexpr std::array<std::pair<std::int64_t, std::int64_t>, 5> kLayers{{{0, 1}, {1, 3}, {2, 3}, {0, 2}, {1, 2}}};
  constexpr std::array<std::int64_t, 4> kSteps{3, 0, 1000, 200'000};
  constexpr std::array kNorms{config::KeyNorm::per_head, config::KeyNorm::whole, config::KeyNorm::none};
  Draw draw(check.seed, 1000 + number);
  std::tie(check.layer, check.layers) = draw.of(kLayers);
  check.max_length = draw.of(std::array<std::int64_t, 3>{0, check.length + 1, 2 * check.length});
  check.step = draw.of(kSteps);
  check.key_norm = draw.of(kNorms);
}

// As far as trained models go, and once so far that exponentials overflow where no maximum is subtracted.
void enlarge(CheckCase& check, const PluginNote& note, std::size_t n) {
  const bool is_exact = (note.traits & plugin::kExactSoftmax) != 0 && (note.traits & plugin::kOwnScores) == 0;
  if (!is_exact || n % 5 != 4) return;
  check.key_norm = config::KeyNorm::per_head;
  check.query_scale = n == 4 ? 100 : 30;
}

CheckCase random_case(const Subject& subject, const CaseRequest& request, std::uint64_t number) {
  const auto& note = subject.plugin.note();
  Draw draw(request.seed, number);
  CheckCase check;
  for (int attempt = 0; attempt < 40; ++attempt) {
    check.length = draw_length(std::min(kRandomLength, request.longest), draw);
    check.batch = 1 + draw.below(check.length > 300 ? 2 : 3);
    check.heads = 1 + draw.below(check.length > 300 ? 2 : check.length > 64 ? 3 : 16);
    check.head_dim = head_dim_on(subject, draw_head_dim(draw));
    check.dtype = draw.of(dtypes_of(note, subject.device));
    check.causality = draw.of(causalities(note));
    check.shared_keys = draw.coin() || (note.traits & plugin::kNeedsSharedKeys) != 0;
    check.seed = request.seed * 1000 + number;
    check.parameters = draw_parameters(note, subject.given, check.length, draw);
    surround(check, number);
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

std::int64_t allowed_head_dim(const PluginNote& note, at::Device device, std::int64_t wanted) {
  return std::clamp<std::int64_t>(wanted, note.min_head_dim, plugin::most_head_dim(note, device.is_cuda()));
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
  const auto add = [&](const FixedShape& shape, bool own = false) {
    // The longest are dear: in the dtype that models are trained in.
    CheckCase check{shape.batch,
                    shape.heads,
                    shape.length,
                    own ? shape.head_dim : head_dim_on(subject, shape.head_dim),
                    shape.length < kLongest ? dtypes[n % dtypes.size()] : dtypes[0],
                    ways[n / 2 % ways.size()],
                    n % 3 != 1 || (note.traits & plugin::kNeedsSharedKeys) != 0,
                    request.seed * 1000 + 900 + n,
                    subject.given};
    if (!possible(subject, check)) check.shared_keys = true;
    auto told = check;
    surround(told, n);
    if (own) told.max_length = 0;  // as in the run
    if (possible(subject, told)) check = told;
    enlarge(check, note, n);
    cases.push_back(check);
    ++n;
  };
  // Reading weights takes T / D calls, which are dear where each has T x T numbers.
  const std::int64_t wide = (note.traits & plugin::kQuadraticMemory) != 0 ? 128 : 64;
  for (auto shape : kFixed) {
    if (shape.length == kLongest) shape.head_dim = wide;
    if (shape.length <= request.longest) add(shape);
  }
  const auto own = [&](std::int64_t batch, std::int64_t heads, std::int64_t length, std::int64_t head_dim) {
    const auto given = request.head_dim > 0 ? request.head_dim : head_dim_on(subject, head_dim);
    add({batch, request.heads > 0 ? request.heads : heads, length, given}, /*own=*/true);
  };
  if (request.length > 0) own(1, 1, request.length, wide);
  if (request.heads > 0 || request.head_dim > 0) own(2, 2, std::min<std::int64_t>(97, request.longest), 64);
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
    // A weight that is too small for its dtype reads as one that is left out.
    if (check.query_scale != 1 || !possible(subject, check)) continue;
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
