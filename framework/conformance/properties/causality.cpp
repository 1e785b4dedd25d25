// causality.cpp: no output row takes anything from a later value row.
#include "framework/conformance/judge.h"
#include "framework/conformance/property.h"
#include "framework/core/random.h"
#include "framework/core/text.h"

namespace attnlab::conformance {
namespace {

constexpr std::int64_t kReadAll = 4096;  // rows; beyond, 32 readings of D keys each

// `weights`: what every row takes of the rows `keys`.
void check_columns(const Trial& trial, const at::Tensor& weights, const at::Tensor& keys) {
  if (weights.isnan().any().item<bool>()) throw Violation("the output is NaN for unit vectors");
  const auto rows = at::arange(weights.size(2)).unsqueeze(1);
  auto forbidden = trial.strict() ? keys.ge(rows) : keys.gt(rows);
  if (trial.strict() && trial.has(plugin::kSelfAsLastResort)) {
    // A row may see itself where it sees nothing else, which part of the keys cannot tell.
    auto alone = keys.eq(rows).logical_and(weights.ne(0));
    if (keys.size(0) == weights.size(2))
      alone = alone.logical_and(weights.ne(0).sum(-1, true).eq(1));
    forbidden = forbidden.logical_and(alone.logical_not());
  }
  const auto leak = weights.abs() * forbidden;
  if (largest(leak) == 0) return;
  const auto s = keys[leak.amax({0, 1, 2}).argmax()].item<std::int64_t>();
  throw Violation("output row t takes " + exact_number(largest(leak)) + " of value row s at " +
                  where_largest(leak.amax(-1)) + " = [b, h, t], s = " + std::to_string(s) + "; " +
                  (trial.strict() ? "strict causality allows s < t" : "causality allows s <= t"));
}

void check_causality(const Trial& trial) {
  const std::int64_t T = trial.check().length;
  if (T <= kReadAll) return check_columns(trial, trial.weights(), at::arange(T));
  const RandomStream stream(trial.check().seed, "conformance.keys");
  std::vector<std::int64_t> keys(static_cast<std::size_t>(trial.check().head_dim));
  std::uint64_t drawn = 0;
  for (int reading = 0; reading < 32; ++reading) {
    for (auto& key : keys) {
      key = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(T), drawn++));
    }
    if (reading == 0) keys[0] = T - 1;
    check_columns(trial, trial.weights_of(keys).cpu(), at::tensor(keys));
  }
}

}  // namespace

const Property kCausality{
    .name = "causality",
    .promise = "the attention weights that were read obey the causality asked for",
    .check = check_causality};

}  // namespace attnlab::conformance
