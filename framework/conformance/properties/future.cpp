// future.cpp: what comes after token t leaves output row t alone, bit for bit.
#include <set>

#include "framework/conformance/judge.h"
#include "framework/conformance/properties/all.h"

namespace attnlab::conformance {
namespace {

std::set<std::int64_t> rows_to_try(std::int64_t length) {
  std::set<std::int64_t> rows;
  for (const auto t : {std::int64_t{0}, length / 3, length / 2, length - 2}) {
    if (t >= 0 && t + 1 < length) rows.insert(t);
  }
  return rows;
}

// Rows up to t of `past`, the rest of `future`.
at::Tensor joined(const at::Tensor& past, const at::Tensor& future, std::int64_t t) {
  return at::cat({past.slice(2, 0, t + 1), future.slice(2, t + 1)}, 2);
}

struct Later {
  const char* what;
  AttentionInput input;
};

std::vector<Later> later_values(const Trial& trial) {
  const auto other = trial.input(1);
  const auto huge = at::full_like(other.value, trial.dtype() == at::kHalf ? 1e3 : 1e6);
  return {{"later values", {other.query, other.key, other.value, {}}},
          {"huge later values", {other.query, other.key, huge, {}}}};
}

struct Moved {
  std::string what;
  at::Tensor before, after;  // output rows up to t
};

// What comes after t is replaced. `pattern`: queries and keys change as well as values.
Moved move(const Trial& trial, const at::Tensor& before, const Later& later, std::int64_t t,
           bool pattern) {
  auto input = trial.input();
  input.value = joined(input.value, later.input.value, t);
  if (pattern) {
    input.query = joined(input.query, later.input.query, t);
    input.key = joined(input.key, later.input.key, t);
  }
  return {
      std::string(later.what) + " than t = " + std::to_string(t) + " change output rows up to t",
      before.slice(2, 0, t + 1), trial.run(input, trial.call()).slice(2, 0, t + 1)};
}

void expect_unmoved(const Moved& moved) {
  expect_equal_bits(moved.what, moved.after, moved.before);
}

// The loss of rows up to t must not depend on anything later, to first order exactly.
void expect_no_gradient(const Trial& trial, std::int64_t t) {
  auto grad = trial.grad_out().clone();
  grad.slice(2, t + 1).zero_();
  const auto attended = trial.attend(trial.input(), trial.call(), grad);
  const std::pair<const char*, at::Tensor> parts[]{
      {"query", attended.dq}, {"key", attended.dk}, {"value", attended.dv}};
  for (const auto& [name, gradient] : parts) {
    if (!gradient.defined()) continue;
    const auto later = gradient.slice(2, t + 1);
    if (largest(later) == 0) continue;
    throw Violation("the gradient of output rows up to t = " + std::to_string(t) +
                    " with respect to the " + name + " of later rows is " +
                    std::to_string(largest(later)) + "; expected exactly 0");
  }
}

void check_values(const Trial& trial) {
  const auto before = trial.run(trial.input(), trial.call());
  for (const auto t : rows_to_try(trial.check().length)) {
    for (const auto& later : later_values(trial)) {
      expect_unmoved(move(trial, before, later, t, /*pattern=*/false));
    }
    expect_no_gradient(trial, t);
  }
}

void check_pattern(const Trial& trial) {
  const auto before = trial.run(trial.input(), trial.call());
  const Later later{"later queries, keys and values", trial.input(1)};
  for (const auto t : rows_to_try(trial.check().length)) {
    try {
      expect_unmoved(move(trial, before, later, t, /*pattern=*/true));
    } catch (const Violation& violation) {
      throw Violation(
          std::string(violation.what()) +
          ". Where later values alone change nothing, it is the choice of keys that looks "
          "ahead: mend it, or declare kPatternSeesFuture");
    }
  }
}

void check_poison(const Trial& trial) {
  const bool pattern = !trial.has(plugin::kPatternSeesFuture);
  const auto before = trial.run(trial.input(), trial.call());
  for (const double poison : {std::nan(""), HUGE_VAL}) {
    const auto all = at::full_like(before, poison);
    const Later later{"NaN or infinity in rows later", {all, all, all, {}}};
    for (const auto t : rows_to_try(trial.check().length)) {
      const auto moved = move(trial, before, later, t, pattern);
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
    .promise = "later queries and keys leave output row t bit-equal",
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
