// divergence.cpp: what is no number stays visible. A run whose numbers have left all bounds must not look
// like one that learns nothing.
#include <ATen/ATen.h>

#include <cmath>

#include "framework/conformance/judge.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {
namespace {

constexpr std::int64_t kLooked = 300;  // rows
constexpr std::int64_t kOneVector = 16;  // of float32 numbers; below, LibTorch's own kernel on the CPU shows 0

/// bool [B, H, T]; undefined where the plugin refused such numbers by an exception, which is seen as well.
at::Tensor finite_rows(const Trial& trial, const AttentionInput& input) {
  try {
    return at::isfinite(trial.run(input, trial.call())).all(-1).cpu();
  } catch (const std::exception&) {
    return {};
  }
}

/// NaN in one value row reaches the rows that take something of it.
void check_value(const Trial& trial, const at::Tensor& weights) {
  const auto readers = weights.ne(0).sum({0, 1, 2});  // of every key
  const auto s = readers.argmax().item<std::int64_t>();
  auto input = trial.input();
  input.value.select(2, s).fill_(std::nan(""));
  const auto finite = finite_rows(trial, input);
  if (!finite.defined()) return;
  const auto hidden = finite.logical_and(weights.select(3, s).ne(0));
  if (!hidden.any().item<bool>()) return;
  throw Violation("value row " + std::to_string(s) + " is NaN, and output row " + where_largest(hidden) +
                  " = [b, h, t], which takes " +
                  std::to_string(weights.select(3, s).masked_select(hidden)[0].item<double>()) +
                  " of it, is finite: what is no number has to stay visible");
}

/// NaN in all queries, keys and hidden inputs reaches some row, where the output depends on them.
void check_scores(const Trial& trial) {
  if (trial.check().length <= kOneVector) return;
  const auto& attended = trial.attended();
  double slope = 0;
  for (const auto& gradient : {attended.dq, attended.dk, attended.dh}) {
    if (gradient.defined()) slope = std::max(slope, largest(gradient));
  }
  if (slope == 0) return;
  auto input = trial.input();
  const auto value = input.value;
  input = changed(input, [](const at::Tensor& x) { return at::full_like(x, std::nan("")); });
  input.value = value;
  const auto finite = finite_rows(trial, input);
  if (!finite.defined() || !finite.all().item<bool>()) return;
  throw Violation(
      "query and key are NaN throughout, and every number of the output is finite: a model that has diverged "
      "would go on unseen");
}

void check_divergence(const Trial& trial) {
  if (trial.check().length > kLooked) throw Skipped("looked at up to T = " + std::to_string(kLooked));
  const auto weights = trial.weights();
  if (weights.ne(0).any().item<bool>()) check_value(trial, weights);
  check_scores(trial);
}

}  // namespace

const Property kDivergence{.name = "divergence",
                           .promise = "NaN in a value row that is seen, or in all queries and keys, shows in the output",
                           .check = check_divergence};

}  // namespace attnlab::conformance
