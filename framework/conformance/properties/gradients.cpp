// gradients.cpp: autograd's gradients against float64, over the keys that the rows really see.
#include "framework/conformance/judge.h"
#include "framework/conformance/properties/all.h"

namespace attnlab::conformance {

std::string only_exact(const plugin::PluginNote& note);

namespace {

void check(const Trial& drawn) {
  const auto trial = drawn.with(std::string(drawn.note().exact_when.view()));
  const auto input = trial.input();
  const auto grad = trial.grad_out();
  const auto mask = trial.weights(input, trial.call()).ne(0);
  const auto actual = trial.attend(input, trial.call());
  const auto exact = reference(input, grad, mask);
  const auto libtorch = by_libtorch(input, grad, mask, exact);
  expect_by_rule("the gradient of the query", actual.dq, libtorch.dq, exact.dq, trial.dtype());
  expect_by_rule("the gradient of the key", actual.dk, libtorch.dk, exact.dk, trial.dtype());
  expect_by_rule("the gradient of the value", actual.dv, libtorch.dv, exact.dv, trial.dtype());
}

// One of query, key and value, moved along a direction.
using Part = at::Tensor AttentionInput::*;

struct Probe {
  const char* name;
  Part part;
  at::Tensor direction;  // N(0, 1)
};

AttentionInput moved(const AttentionInput& input, const Probe& probe, double by) {
  auto result = input;
  result.*probe.part = input.*probe.part + by * probe.direction;
  return result;
}

// Does a row see other keys there? Then the function has a step in between, not a slope.
bool same_pattern(const Trial& trial, const at::Tensor& pattern, const AttentionInput& input) {
  return trial.weights(input, trial.call()).ne(0).equal(pattern);
}

// The auxiliary loss counts as in Trial::attend.
double loss(const Trial& trial, const AttentionInput& input, const at::Tensor& grad) {
  const auto call = trial.call();
  const auto result = trial.build()->forward(input, call.context());
  double sum = (result.output.to(at::kDouble) * grad.to(at::kDouble)).sum().item<double>();
  if (result.auxiliary_loss) sum += result.auxiliary_loss->item<double>();
  return sum;
}

void check_slope(const Trial& trial, const AttentionInput& input, const Probe& probe,
                 const at::Tensor& gradient) {
  const bool wide = trial.dtype() == at::kDouble;
  const double step = wide ? 1e-5 : 2e-3, share = wide ? 1e-5 : 2e-2;
  const auto grad = trial.grad_out();
  const auto pattern = trial.weights(input, trial.call()).ne(0);
  const auto ahead = moved(input, probe, step), behind = moved(input, probe, -step);
  if (!same_pattern(trial, pattern, ahead) || !same_pattern(trial, pattern, behind)) return;

  const double slope = (loss(trial, ahead, grad) - loss(trial, behind, grad)) / (2 * step);
  const auto exact = gradient.to(at::kDouble);
  const double expected = (exact * probe.direction.to(at::kDouble)).sum().item<double>();
  const double rounding =
      8 * ulp(1, trial.dtype()) * grad.to(at::kDouble).abs().sum().item<double>() / step;
  const double allowed = share * (exact.norm().item<double>() + std::abs(slope)) + rounding;
  if (std::abs(slope - expected) <= allowed) return;
  throw Violation("along a random direction of the " + std::string(probe.name) +
                  " the loss rises by " + std::to_string(slope) + " per unit, and autograd says " +
                  std::to_string(expected) + "; allowed difference " + std::to_string(allowed));
}

void check_differences(const Trial& drawn) {
  const bool has_wide = drawn.device().is_cpu() && drawn.has(plugin::kFloat64);
  if (!has_wide && !drawn.has(plugin::kFloat32)) return;
  const auto trial = drawn.with_dtype(has_wide ? "float64" : "float32");
  if (trial.check().length > 40) return;  // three readings of all weights for each direction
  const auto input = trial.input(), random = trial.input(2);
  const auto attended = trial.attend(input, trial.call());
  const std::pair<Probe, at::Tensor> probes[]{
      {{"query", &AttentionInput::query, random.query}, attended.dq},
      {{"key", &AttentionInput::key, random.value}, attended.dk},
      {{"value", &AttentionInput::value, random.value}, attended.dv}};
  for (const auto& [probe, gradient] : probes) check_slope(trial, input, probe, gradient);
}

}  // namespace

const Property kGradients{
    .name = "gradients",
    .promise = "gradients are those of the float64 softmax over the keys seen",
    .check = check,
    .not_applicable = only_exact};

const Property kFiniteDifferences{
    .name = "finite_differences",
    .promise = "gradients agree with finite differences where both sides see the same keys",
    .check = check_differences,
    .not_applicable = [](const plugin::PluginNote& note) -> std::string {
      if ((note.traits & (plugin::kFloat64 | plugin::kFloat32)) != 0) return {};
      return "the plugin has neither float64 nor float32; differences would be rounding";
    }};

}  // namespace attnlab::conformance
