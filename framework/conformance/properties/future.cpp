// future.cpp: what comes after token t leaves output row t alone, bit for bit.
#include <cmath>
#include <set>
#include <string>

#include "framework/conformance/judge.h"
#include "framework/conformance/property.h"
#include "framework/core/random.h"
#include "framework/core/text.h"

namespace attnlab::conformance {
namespace {

struct Effort {
  std::int64_t all, some, few,
      least;  // rows: all of `all`; of more `some`, `few` above 300, `least` above kManyRows
};
constexpr Effort kOfValues{33, 12, 4, 4};  // weights and gradients tell of every row besides
constexpr Effort kOfPatterns{300, 40, 40, 16};

/// All rows but the last where there are few; else the last but one, and one at random of every stretch
/// of equal length: what looks ahead by that much is seen wherever it stands.
std::set<std::int64_t> rows_to_try(const Trial& trial, const Effort& effort = kOfValues) {
  const std::int64_t T = trial.check().length;
  if (T < 2) throw Skipped("a single row has no future");
  std::set<std::int64_t> rows{T - 2};
  const auto count = T <= effort.all  ? T - 1
                     : T <= 300       ? effort.some
                     : T <= kManyRows ? effort.few
                                      : effort.least;
  const RandomStream stream(trial.check().seed, "conformance.rows");
  for (std::int64_t i = 0; i < count; ++i) {
    const auto begin = i * (T - 1) / count, end = (i + 1) * (T - 1) / count;
    rows.insert(begin + static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(end - begin),
                                                               static_cast<std::uint64_t>(i))));
  }
  return rows;
}

/// The axis of T: of [B, H, T, D], and of [B, T, C] for the hidden input.
std::int64_t rows_axis(const at::Tensor& x) { return x.dim() - 2; }

struct Later {
  std::string what;
  AttentionInput input;
};

struct Moved {
  std::string what;
  at::Tensor before, after;  // output rows up to t
};

// What comes after t is replaced: the value alone, or `everything` that goes in.
Moved move(const Trial& trial, const at::Tensor& before, const Later& later, std::int64_t t,
           bool everything) {
  auto input = trial.input();
  for (const auto& part : kParts) {
    auto& past = input.*part.input;
    if (!past.defined() || (!everything && part.input != &AttentionInput::value)) continue;
    const auto axis = rows_axis(past);
    const auto& future = later.input.*part.input;
    past = at::cat({past.slice(axis, 0, t + 1), future.slice(axis, t + 1)}, axis);
  }
  return {
      later.what + " than t = " + std::to_string(t) + " change output rows up to t",
      before.slice(2, 0, t + 1), trial.run(input, trial.call()).slice(2, 0, t + 1)};
}

void expect_unmoved(const Moved& moved) {
  expect_equal_bits(moved.what, moved.after, moved.before);
}

// The loss of rows up to t must not depend on anything later, to first order exactly.
void expect_no_gradient(const Trial& trial, std::int64_t t) {
  if (trial.evaluates()) return;
  auto grad = trial.grad_out().clone();
  grad.slice(2, t + 1).zero_();
  const auto attended = trial.attend(trial.input(), trial.call(), grad);
  for (const auto& part : kParts) {
    const auto& gradient = attended.*part.gradient;
    if (!gradient.defined()) continue;
    const auto later = gradient.slice(rows_axis(gradient), t + 1);
    if (largest(later) == 0) continue;
    throw Violation("the gradient of output rows up to t = " + std::to_string(t) +
                    " with respect to the " + part.name + " of later rows is " +
                    exact_number(largest(later)) + "; expected exactly 0");
  }
}

void check_values(const Trial& trial) {
  const auto rows = rows_to_try(trial);
  const auto T = trial.check().length;
  const auto before = trial.ran();
  const Later other{"later values", trial.input(1)};
  Later huge{"huge later values", trial.input()};
  huge.input.value.fill_(trial.dtype() == at::kHalf ? 1e3 : 1e6);
  bool turn = false;
  for (const auto t : rows) {
    turn = !turn;  // of many rows each sees one of the two
    if (T <= 300 || turn) expect_unmoved(move(trial, before, huge, t, /*everything=*/false));
    if (T <= 300 || !turn) expect_unmoved(move(trial, before, other, t, /*everything=*/false));
    // Of many rows not all: finite_differences and gradients see leaks of gradients in every row.
    if (T <= 300 || t == T - 2) expect_no_gradient(trial, t);
  }
}

void check_pattern(const Trial& trial) {
  const auto rows = rows_to_try(trial, kOfPatterns);
  const auto before = trial.ran();
  const auto other = trial.input(1);
  const std::string what = "later queries, keys, values and hidden inputs";
  // Large ones move a choice among few that usual ones leave as it was.
  const Later later{what, other}, large{what, changed(other, [](const at::Tensor& x) { return 16 * x; })};
  bool turn = false;
  for (const auto t : rows) {
    turn = !turn;
    try {
      expect_unmoved(move(trial, before, turn ? later : large, t, /*everything=*/true));
    } catch (const Violation& violation) {
      throw Violation(
          std::string(violation.what()) +
          ". Where later values alone change nothing, it is the choice of keys that looks "
          "ahead: mend it, or declare kPatternSeesFuture");
    }
  }
}

void check_poison(const Trial& trial) {
  const auto rows = rows_to_try(trial);
  const bool everything = !trial.has(plugin::kPatternSeesFuture);
  const auto before = trial.ran();
  bool turn = false;
  for (const double poison : {std::nan(""), HUGE_VAL}) {
    const Later later{
        "NaN or infinity in rows later",
        changed(trial.input(), [&](const at::Tensor& x) { return at::full_like(x, poison); })};
    turn = !turn;
    for (const auto t : rows) {
      turn = !turn;
      if (trial.check().length > 300 && turn) continue;  // of many rows each sees one of the two
      const auto moved = move(trial, before, later, t, everything);
      expect_close(moved.what, moved.after, moved.before);  // a safe path may round otherwise
    }
  }
}

}  // namespace

const Property kFutureValues{.name = "future_values",
                             .promise =
                                 "later values leave output row t bit-equal, and its gradients "
                                 "at later rows are exactly 0",
                             .check = check_values};

const Property kFuturePattern{
    .name = "future_pattern",
    .promise = "later queries, keys and hidden inputs leave output row t bit-equal",
    .check = check_pattern,
    .not_applicable = [](const plugin::PluginNote& note) -> std::string {
      if ((note.traits & plugin::kPatternSeesFuture) == 0) return {};
      return "the plugin declares kPatternSeesFuture, which stands beside its results";
    }};

const Property kPoison{.name = "poison",
                       .promise = "NaN and infinity in later rows do not reach output row t",
                       .check = check_poison,
                       .only_noted = true};

}  // namespace attnlab::conformance
