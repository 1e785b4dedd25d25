// shapes.cpp: results have the right form in every declared dtype; inputs come as they like.
#include <cmath>

#include "framework/conformance/compare.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {
namespace {

std::vector<at::ScalarType> declared_dtypes(const Subject& subject) {
  std::vector<at::ScalarType> dtypes;
  if (subject.has(plugin::kFloat32)) dtypes.push_back(at::kFloat);
  if (subject.has(plugin::kFloat64)) dtypes.push_back(at::kDouble);
  if (subject.has(plugin::kBfloat16)) dtypes.push_back(at::kBFloat16);
  if (subject.has(plugin::kFloat16)) dtypes.push_back(at::kHalf);
  return dtypes;
}

std::string problem_of(const Statistic& statistic) {
  if (statistic.name.empty() || statistic.name.find_first_of(" \t\n") != std::string::npos) {
    return "a statistic is named '" + statistic.name + "'; expected a word";
  }
  if (!std::isfinite(statistic.value)) return "the statistic " + statistic.name + " is not finite";
  return {};
}

/// Empty, or what is wrong with one forward and backward pass.
std::string problem_of_pass(const Subject& subject, const Case& c, const Call& call) {
  const auto result = subject.run(c, call);
  const auto& out = result.output;
  const std::string mode = call.training ? " in training" : " in evaluation";
  if (!out.defined() || out.sizes() != call.query.sizes() ||
      out.scalar_type() != call.query.scalar_type() || out.device() != call.query.device()) {
    return "the output has not the query's shape, dtype and device" + mode;
  }
  if (!at::isfinite(out).all().item<bool>()) return "the output is not finite" + mode;
  if (result.auxiliary_loss && result.auxiliary_loss->numel() != 1) {
    return "the auxiliary loss is no scalar" + mode;
  }
  for (const auto& statistic : result.statistics) {
    if (const auto problem = problem_of(statistic); !problem.empty()) return problem;
  }
  return {};
}

std::string problem_of_gradients(const Subject& subject, const Case& c, const Call& call) {
  const auto grads = subject.gradients(c, call, at::ones_like(call.query));
  for (const auto* grad : {&grads.query, &grads.key, &grads.value}) {
    if (grad->sizes() != call.query.sizes() || !at::isfinite(*grad).all().item<bool>()) {
      return "a gradient has another shape than its input, or is not finite";
    }
  }
  return {};
}

}  // namespace

Verdict check_shapes(const Subject& subject, const Case& c) {
  for (const auto dtype : declared_dtypes(subject)) {
    Case typed = c;
    typed.dtype = dtype;
    auto call = make_call(typed);
    auto problem = problem_of_pass(subject, typed, call);
    if (problem.empty()) problem = problem_of_gradients(subject, typed, call);
    call.training = false;
    if (problem.empty()) problem = problem_of_pass(subject, typed, call);
    if (!problem.empty()) return fail(std::string(toString(dtype)) + ": " + problem);
  }
  const auto attention = subject.create(c);
  (void)forward(*attention, make_call(c));
  return attention->kernel().empty() ? fail("kernel() is empty after a forward pass") : pass();
}

Verdict check_inputs(const Subject& subject, const Case& c) {
  const auto call = make_call(c);
  const auto expected = subject.output(c, call);
  Call before = call;
  for (auto* x : {&before.query, &before.key, &before.value, &before.hidden}) *x = x->clone();
  (void)subject.gradients(c, call, at::ones_like(call.query));
  if (!same_bits(call.query, before.query) || !same_bits(call.key, before.key) ||
      !same_bits(call.value, before.value) || !same_bits(call.hidden, before.hidden)) {
    return fail("an input was written to");
  }
  Call strided = call;
  for (auto* x : {&strided.query, &strided.key, &strided.value}) {
    *x = x->transpose(1, 2).contiguous().transpose(1, 2);  // as a projection leaves them
  }
  auto out = subject.output(c, strided);
  if (!near(out, expected, slack(c.dtype))) {
    return fail("inputs that lie as [B, T, H, D] give another output: " +
                where_apart(out, expected));
  }
  for (auto* x : {&strided.query, &strided.key, &strided.value}) {
    *x = at::stack({*x, *x}, -1).flatten(3).slice(3, 0, 2 * c.D, 2);  // every other element
  }
  out = subject.output(c, strided);
  return near(out, expected, slack(c.dtype))
             ? pass()
             : fail("inputs with strides along D give another output: " +
                    where_apart(out, expected));
}

}  // namespace attnlab::conformance
