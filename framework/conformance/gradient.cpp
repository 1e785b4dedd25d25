// gradient.cpp: gradients against finite differences in float64, along random directions.
#include <cmath>

#include "framework/conformance/compare.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {
namespace {

struct Difference {
  double slope = 0;
  bool comparable = false;  // both sides see the same keys
};

/// d/de of sum(weight * out) where `x` (a member of Call) moves along `direction`.
Difference difference(const Subject& subject, const Case& c, const Call& call,
                      at::Tensor Call::*member, const at::Tensor& direction,
                      const at::Tensor& weight, double step) {
  const auto moved = [&](double by) {
    Call other = call;
    other.*member = call.*member + direction * by;
    return other;
  };
  const auto ahead = moved(step), behind = moved(-step);
  const auto sum = [&](const Call& at) {
    return (subject.output(c, at).to(at::kDouble) * weight).sum().item<double>();
  };
  Difference result;
  result.slope = (sum(ahead) - sum(behind)) / (2 * step);
  result.comparable = member == &Call::value ||
                      same_bits(subject.weights(c, ahead).ne(0), subject.weights(c, behind).ne(0));
  return result;
}

}  // namespace

Verdict check_gradient(const Subject& subject, const Case& drawn) {
  Case c = drawn;
  const bool precise = subject.has(plugin::kFloat64);
  if (precise) c.dtype = at::kDouble;
  if (!precise && c.dtype != at::kFloat) return not_applicable("it runs in 16 bits only");
  // A step of float32 must stand out of its rounding; a slope is then good to a few per cent.
  const double step = precise ? 1e-5 : 2e-2, tolerance = precise ? 1e-6 : 5e-2;
  const auto call = make_call(c);
  auto generator = at::make_generator<at::CPUGeneratorImpl>(c.seed + 1);
  const auto normal = [&] {
    return at::randn(call.query.sizes(), generator, at::kDouble).to(call.query.options());
  };
  const auto weight = normal();
  const auto grads = subject.gradients(c, call, weight);
  const std::tuple<const char*, at::Tensor Call::*, at::Tensor> sides[] = {
      {"query", &Call::query, grads.query},
      {"key", &Call::key, grads.key},
      {"value", &Call::value, grads.value}};
  for (const auto& [name, member, grad] : sides) {
    for (int tries = 0; tries < 3; ++tries) {
      const auto direction = normal();
      const auto measured = difference(subject, c, call, member, direction, weight, step);
      if (!measured.comparable) continue;
      const double slope = (grad.to(at::kDouble) * direction).sum().item<double>();
      // Slopes are sums over all rows, so they are judged against the sizes of what is summed.
      const double size = std::max(1.0, (grad.to(at::kDouble) * direction).norm().item<double>());
      if (std::abs(slope - measured.slope) > tolerance * size * 10) {
        return fail("the gradient by the " + std::string(name) + " gives a slope of " +
                    std::to_string(slope) + " where differences give " +
                    std::to_string(measured.slope));
      }
      break;
    }
  }
  return pass();
}

}  // namespace attnlab::conformance
