// gradients.cpp: autograd's gradients against float64, over the keys that the rows really see.
#include <array>
#include <cmath>
#include <vector>

#include "framework/conformance/judge.h"
#include "framework/conformance/property.h"
#include "framework/core/text.h"

namespace attnlab::conformance {

namespace {

void check_gradients(const Trial& drawn) {
  const auto trial = drawn.exact();
  trial.expect_room(6);
  expect_by_rule("", trial, trial.weights().ne(0), trial.attended(), /*gradients=*/true);
}

// How differences are taken in float64 and in float32: steps in units of N(0, 1) directions, and
// which share of the gradient's norm may be missing. In float32 a step is long, so its second order
// is taken out by one of twice the length.
struct Precision {
  bool wide;
  std::array<double, 3> steps;
  double share;
};
constexpr Precision kWide{true, {1e-6, 1e-7, 1e-4}, 1e-6};
constexpr Precision kNarrow{false, {0.05, 0.0125, 0.2}, 3e-4};

using Parts = std::vector<Part>;

/// N(0, 1) in every number of `parts`, in rows from `first` to before `last`.
AttentionInput direction(const Trial& trial, const AttentionInput& input, const Parts& parts,
                         std::uint64_t which, std::int64_t first, std::int64_t last) {
  AttentionInput result;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& x = input.*parts[i].input;
    const auto drawn = normal(x.sizes(), trial.check().seed * 64 + 32 + which * 8 + i);
    const std::int64_t axis = x.dim() - 2;
    auto kept = at::zeros_like(drawn);
    kept.slice(axis, first, last).copy_(drawn.slice(axis, first, last));
    result.*parts[i].input = kept.to(x.options());
  }
  return result;
}

/// A point and autograd's gradients there.
struct Point {
  const Trial& trial;
  AttentionInput input;
  at::Tensor grad_out;
  Attended attended;
};

// With the auxiliary loss. Outputs are subtracted before they are summed:
// what did not move cancels exactly.
double central(const Point& at, const AttentionInput& along, double step) {
  const auto at_step = [&](double by) {
    auto moved = at.input;
    for (const auto& part : kParts) {
      const auto& d = along.*part.input;
      if (d.defined()) moved.*part.input = moved.*part.input + by * d;
    }
    return at.trial.forward(moved, at.trial.call());
  };
  const auto ahead = at_step(step), behind = at_step(-step);
  const auto moved = ahead.output.to(at::kDouble) - behind.output.to(at::kDouble);
  double sum = (moved * at.grad_out.to(at::kDouble)).sum().item<double>();
  if (ahead.auxiliary_loss) {
    sum += ahead.auxiliary_loss->item<double>() - behind.auxiliary_loss->item<double>();
  }
  return sum / (2 * step);
}

/// Does autograd's slope along a direction agree with one of three differences? Two differences
/// that agree with each other and not with autograd are a Violation. Where no two agree, the keys
/// that are seen change within the steps: the function has no slope there, and the answer is no.
bool agrees(const Point& at, const Parts& parts, std::uint64_t which, std::int64_t first,
            std::int64_t last) {
  const auto& precision = at.trial.dtype() == at::kDouble ? kWide : kNarrow;
  const auto along = direction(at.trial, at.input, parts, which, first, last);
  double expected = 0, squares = 0;
  std::string names;
  for (const auto& part : parts) {
    names += (names.empty() ? "" : ", ") + std::string(part.name);
    const auto& gradient = at.attended.*part.gradient;
    if (!gradient.defined()) continue;  // autograd says 0
    const std::int64_t axis = gradient.dim() - 2;
    const auto wide = gradient.to(at::kDouble);
    expected += (wide * along.*part.input).sum().item<double>();
    squares += wide.slice(axis, first, last).square().sum().item<double>();
  }
  std::vector<double> slopes;
  for (const double step : precision.steps) {
    double slope = central(at, along, step);
    if (!precision.wide) slope = (4 * slope - central(at, along, 2 * step)) / 3;
    const double rounding = 8 * ulp(1, at.trial.dtype()) *
                            at.grad_out.to(at::kDouble).norm().item<double>() *
                            std::max(1.0, largest(at.attended.out)) / step;
    const double allowed = precision.share * (std::sqrt(squares) + std::abs(slope)) + rounding;
    if (std::abs(slope - expected) <= allowed) return true;
    for (const double other : slopes) {
      if (std::abs(slope - other) > allowed) continue;
      throw Violation("along a random direction of the " + names + " the loss rises by " +
                      exact_number(slope) + " per unit, and autograd says " +
                      exact_number(expected) + "; allowed difference " + exact_number(allowed));
    }
    slopes.push_back(slope);
  }
  return false;
}

// All parts at once where float64 has digits to spare; each alone names the wrong one.
bool look_along(const Point& at, const Parts& parts, std::uint64_t which) {
  const std::int64_t T = at.trial.check().length;
  if (at.trial.dtype() == at::kDouble) {
    try {
      if (agrees(at, parts, which, 0, T)) return true;
    } catch (const Violation&) {
      for (const auto& part : parts) (void)agrees(at, {part}, which, 0, T);
      throw;
    }
  }
  bool all = true;
  const std::int64_t row =
      static_cast<std::int64_t>(at.trial.check().seed * 7919 + which * 104729) % T;
  for (const auto& part : parts) {
    all &= agrees(at, {part}, which, 0, T) || agrees(at, {part}, which, row, std::min(row + 2, T));
  }
  return all;
}

// Two directions; of long cases one, which already misses a wrong row once in 1,000.
void check_differences(const Point& at) {
  Parts parts;
  for (const auto& part : kParts) {
    if ((at.input.*part.input).defined()) parts.push_back(part);
  }
  const bool wide = at.trial.dtype() == at::kDouble;
  const int enough = wide && at.trial.check().length > kManyRows ? 1 : 2;
  int looked = 0;
  for (const std::uint64_t which : {1, 2}) {
    if (looked < enough) looked += look_along(at, parts, which);
  }
  if (looked == 0) throw Skipped("the keys that are seen change along every direction tried");
}

double usual_row(const at::Tensor& x) {
  return x.defined() ? std::sqrt(x.to(at::kDouble).square().sum(-1).mean().item<double>()) : 0;
}

// How far rows of `actual` are from those of `exact`, in shares of their norm or of `usual`.
double apart(const at::Tensor& actual, const at::Tensor& exact, double usual) {
  const auto wide = exact.to(at::kDouble);
  const auto off = (actual.to(at::kDouble) - wide).norm(2, -1);
  return largest(off) == 0 ? 0 : largest(off / wide.norm(2, -1).clamp_min(usual));
}

/// What a narrower dtype computes, against the widest one on the same numbers.
void check_dtypes(const Trial& trial, const Point& wide) {
  if (wide.trial.dtype() == trial.dtype()) return;
  const auto actual = trial.attend(trial.input(), trial.call(), trial.grad_out(), /*with_auxiliary=*/true);
  const auto& exact = wide.attended;
  // Errors of large scores are errors of their exponentials, by as much.
  const double amplified = trial.check().query_scale == 1 ? 1 : score_bound(trial.input());
  const double unit = std::max(ulp(1, trial.dtype()), 6e-6) * amplified;
  // A key more or less in a row: another function, and no rounding.
  if (apart(actual.out, exact.out, usual_row(exact.out)) > 4 * unit) {
    throw Skipped("in " + trial.check().dtype + " rows see other keys than in " +
                  wide.trial.check().dtype);
  }
  double usual = 0;  // of all gradients: one that is next to 0 is a difference of such numbers
  for (const auto& part : kParts) usual = std::max(usual, usual_row(exact.*part.gradient));
  for (const auto& part : kParts) {
    const auto &narrow = actual.*part.gradient, &right = exact.*part.gradient;
    if (!narrow.defined() || !right.defined()) continue;
    const double off = apart(narrow, right, std::max(usual / 8, usual_row(right)));
    if (off <= 16 * unit) continue;
    throw Violation("a row of the gradient of the " + std::string(part.name) + " in " +
                    trial.check().dtype + " is off by " + exact_number(off) +
                    " of itself from that in " + wide.trial.check().dtype);
  }
}

// The case's own numbers in the widest dtype, so that one pass serves both comparisons.
void check_both(const Trial& drawn) {
  const bool has_wide = drawn.device().is_cpu() && drawn.has(plugin::kFloat64);
  const auto trial = drawn.with_dtype(has_wide ? "float64" : "float32");
  if (const auto why = trial.refusal(); !why.empty()) throw Skipped(why);
  Point at{trial,
           changed(drawn.input(), [&](const at::Tensor& x) { return x.to(trial.dtype()); }),
           drawn.grad_out().to(trial.dtype()),
           {}};
  at.attended = trial.attend(at.input, trial.call(), at.grad_out, /*with_auxiliary=*/true);
  check_differences(at);
  check_dtypes(drawn, at);
}

}  // namespace

const Property kGradients{
    .name = "gradients",
    .promise = "gradients are those of the float64 softmax over the keys seen",
    .check = check_gradients,
    .not_applicable = [](const plugin::PluginNote& note) -> std::string {
      if (note.traits & plugin::kOwnScores) return "the plugin's scores are its own";
      return note.traits & plugin::kExactSoftmax ? "" : "the plugin does not declare kExactSoftmax";
    }};

const Property kFiniteDifferences{
    .name = "finite_differences",
    .promise = "gradients agree with finite differences, and every dtype's with the widest one's",
    .check = check_both,
    .not_applicable = [](const plugin::PluginNote& note) -> std::string {
      if ((note.traits & (plugin::kFloat64 | plugin::kFloat32)) != 0) return {};
      return "the plugin has neither float64 nor float32; differences would be rounding";
    }};

}  // namespace attnlab::conformance
