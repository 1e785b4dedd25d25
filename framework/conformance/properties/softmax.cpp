// softmax.cpp: the weights that were read are the softmax of the scores over the keys that they
// see.
#include "framework/conformance/judge.h"
#include "framework/conformance/property.h"
#include "framework/core/text.h"

namespace attnlab::conformance {
namespace {

constexpr std::int64_t kEveryWeight = 300;  // beyond, the output over random values stands for them
constexpr std::int64_t kTied = 130;         // what pairs of equal keys do does not wait for more rows

void check_sums(const at::Tensor& weights, at::ScalarType dtype) {
  const auto sums = weights.sum(-1, /*keepdim=*/false, at::kDouble);
  const auto off = (sums - 1).abs() * weights.ne(0).any(-1);
  const double allowed = (4 + static_cast<double>(weights.size(2))) * ulp(1, dtype);
  if (largest(off) > allowed) {
    throw Violation("the weights of row " + where_largest(off) + " = [b, h, t] sum to " +
                    exact_number(sums.reshape({-1})[off.argmax()].item<double>()) +
                    "; expected 1, or no weight at all");
  }
  if (weights.lt(0).any().item<bool>()) {
    throw Violation("the weight [b, h, t, s] = " + where_largest(weights.neg()) + " is negative");
  }
}

// out = weights when the values are the unit matrix.
void check_weights(const Trial& trial, const at::Tensor& weights) {
  auto unit = trial.input();
  unit.value = at::eye(weights.size(3), unit.value.options()).expand(weights.sizes());
  const auto exact = reference(unit, {}, weights.ne(0));
  expect_by_rule("the weight [b, h, t, s]", weights,
                 by_libtorch(unit, {}, weights.ne(0), exact).out, exact.out, trial.dtype(),
                 {.terms = 0, .scores = score_bound(unit)});
}

// Whatever the scores are: an average of the values by the weights, forward and backward.
void check_average(const Trial& trial, const at::Tensor& weights, const Attended& attended) {
  const auto wide = [](const at::Tensor& x) { return x.to(at::kCPU, at::kDouble); };
  const auto like = [&](const at::Tensor& x) { return x.to(trial.dtype()); };
  expect_close("the output against its weights times the values", attended.out,
               like(weights.matmul(wide(trial.input().value))));
  if (!attended.dv.defined()) return;
  expect_close("the gradient of the value against that of its weights times the values",
               attended.dv, like(weights.transpose(2, 3).matmul(wide(trial.grad_out()))));
}

void look(const Trial& trial) {
  const auto weights = trial.weights();
  check_sums(weights, trial.dtype());
  Attended attended;
  attended.out = trial.ran();
  attended.scores = score_bound(trial.input());
  if (!trial.evaluates()) attended = trial.attended();
  if (trial.has(plugin::kOwnScores)) {
    check_average(trial, weights.to(at::kDouble), attended);
  } else {
    if (weights.size(3) <= kEveryWeight) check_weights(trial, weights);
    expect_by_rule(" for random values", trial, weights.ne(0), attended, /*gradients=*/false);
  }
  const auto blind = weights.ne(0).any(-1, /*keepdim=*/true).logical_not();
  if (const auto seen = attended.out.cpu().abs() * blind; largest(seen) != 0) {
    throw Violation("a row that sees no key is not exactly 0, at " + where_largest(seen));
  }
}

// Equal keys and zero queries: scores that are computed by hand may compare numbers.
void look_at_ties(const Trial& trial) {
  if (trial.check().length > kTied || trial.has(plugin::kOwnScores)) return;
  try {
    look(trial.tied());
  } catch (const Violation& violation) {
    throw Violation(std::string("with pairs of equal keys and some zero queries: ") + violation.what());
  }
}

void check_softmax(const Trial& drawn) {
  const auto trial = drawn.exact();
  trial.expect_room(6);
  look(trial);
  look_at_ties(trial);
}

}  // namespace

const Property kSoftmax{
    .name = "softmax",
    .promise =
        "each row of weights is the softmax of q k / sqrt(D), or of the plugin's own "
        "scores, over the keys it sees, or exactly 0",
    .check = check_softmax,
    .not_applicable = [](const plugin::PluginNote& note) -> std::string {
      if ((note.traits & (plugin::kExactSoftmax | plugin::kOwnScores)) != 0) return {};
      return "the plugin declares neither kExactSoftmax nor kOwnScores";
    }};

}  // namespace attnlab::conformance
