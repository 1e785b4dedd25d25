// softmax.cpp: the weights that were read are the softmax of the scores over the keys that they
// see.
#include "framework/conformance/judge.h"
#include "framework/conformance/properties/all.h"

namespace attnlab::conformance {
namespace {

// out = weights when the values are the unit matrix.
AttentionInput reading(const AttentionInput& input, std::int64_t length) {
  const auto unit = at::eye(length, input.value.options())
                        .expand({input.value.size(0), input.value.size(1), length, length});
  return {input.query, input.key, unit, {}};
}

void check_sums(const at::Tensor& weights, at::ScalarType dtype) {
  const auto off = (weights.sum(-1) - 1).abs() * weights.ne(0).any(-1);
  const double allowed = (4 + static_cast<double>(weights.size(2))) * ulp(1, dtype);
  if (largest(off) <= allowed) return;
  throw Violation("the weights of row " + where_largest(off) + " = [b, h, t] sum to " +
                  std::to_string(weights.sum(-1).reshape({-1})[off.argmax()].item<double>()) +
                  "; expected 1, or no weight at all");
}

void check(const Trial& drawn) {
  const auto trial = drawn.with(std::string(drawn.note().exact_when.view()));
  const auto input = trial.input();
  const auto weights = trial.weights(input, trial.call());
  check_sums(weights, trial.dtype());
  const auto mask = weights.ne(0);
  const auto one = at::zeros_like(weights);
  const auto unit = reading(input, trial.check().length);
  const auto exact_weights = reference(unit, one, mask);
  expect_by_rule("the weight [b, h, t, s]", weights,
                 by_libtorch(unit, one, mask, exact_weights).out, exact_weights.out, trial.dtype());

  const auto actual = trial.run(input, trial.call());
  const auto grad = trial.grad_out();
  const auto exact = reference(input, grad, mask);
  expect_by_rule("the output for random values", actual, by_libtorch(input, grad, mask, exact).out,
                 exact.out, trial.dtype());
  const auto blind = mask.any(-1, /*keepdim=*/true).logical_not();
  if (largest(actual.cpu() * blind) != 0) {
    throw Violation("a row that sees no key is not exactly 0, at " +
                    where_largest(actual.cpu().abs() * blind));
  }
}

}  // namespace

std::string only_exact(const plugin::PluginNote& note) {
  if ((note.traits & plugin::kExactSoftmax) != 0) return {};
  return "the plugin does not declare kExactSoftmax";
}

const Property kSoftmax{.name = "softmax",
                        .promise =
                            "each row of weights is the softmax of q k / sqrt(D) over the keys "
                            "it sees, or exactly 0",
                        .check = check,
                        .not_applicable = only_exact};

}  // namespace attnlab::conformance
