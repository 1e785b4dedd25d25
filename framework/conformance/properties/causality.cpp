// causality.cpp: no output row takes anything from a later value row.
#include "framework/attention/reference.h"
#include "framework/conformance/judge.h"
#include "framework/conformance/properties/all.h"

namespace attnlab::conformance {
namespace {

// Under strict causality a row that sees itself alone, where the plugin says that it may.
at::Tensor last_resort(const at::Tensor& weights) {
  const auto seen = weights.ne(0);
  const auto self = at::eye(weights.size(2), at::kBool);
  return seen.logical_and(self).logical_and(seen.sum(-1, true).eq(1));
}

void check(const Trial& trial) {
  const auto weights = trial.weights(trial.input(), trial.call());
  if (weights.isnan().any().item<bool>()) throw Violation("the output is NaN for unit vectors");
  auto forbidden =
      causal_mask(trial.check().length, trial.strict()).logical_not().expand_as(weights);
  if (trial.strict() && trial.has(plugin::kSelfAsLastResort)) {
    forbidden = forbidden.logical_and(last_resort(weights).logical_not());
  }
  const auto leak = weights.abs() * forbidden;
  if (largest(leak) == 0) return;
  throw Violation("output row t takes " + std::to_string(largest(leak)) + " of value row s at " +
                  where_largest(leak) + " = [b, h, t, s]; " +
                  (trial.strict() ? "strict causality allows s < t" : "causality allows s <= t"));
}

}  // namespace

const Property kCausality{
    .name = "causality",
    .promise = "the attention weights that were read obey the causality asked for",
    .check = check};

}  // namespace attnlab::conformance
