#include "framework/conformance/judge.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <sstream>

#include "framework/core/text.h"

namespace attnlab::conformance {
namespace {

at::Tensor leaf(const at::Tensor& tensor, at::Device device, at::ScalarType dtype) {
  return tensor.detach()
      .to(device, dtype, /*non_blocking=*/false, /*copy=*/true)
      .requires_grad_(true);
}

Attended backward(const at::Tensor& out, const at::Tensor& grad_out, const at::Tensor& q,
                  const at::Tensor& k, const at::Tensor& v) {
  if (!grad_out.defined()) return {out.detach(), {}, {}, {}, {}};
  out.backward(grad_out.to(out.device(), out.scalar_type()));
  return {out.detach(), q.grad(), k.grad(), v.grad(), {}};
}

at::Tensor difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kCPU, at::kDouble) - b.to(at::kCPU, at::kDouble)).abs();
}

// The output and every gradient, with their names.
void each_part(auto&& look) {
  look("output", &Attended::out);
  for (const auto& part : kParts) look("gradient of the " + std::string(part.name), part.gradient);
}

Rounded rounded(const Attended& attended, at::Tensor Attended::*part) {
  return {part == &Attended::dq ? attended.dq_terms : part == &Attended::dk ? attended.dk_terms : 0, attended.scores};
}

constexpr double kOtherOrder = 64;  // ulp of the largest, for the same sums in another order

bool is_wide(at::ScalarType dtype) { return dtype == at::kFloat || dtype == at::kDouble; }

std::string number(const at::Tensor& tensor, std::int64_t index) {
  return exact_number(tensor.reshape({-1})[index].item<double>());
}

// Index of the largest element, NaN first.
std::int64_t worst(const at::Tensor& tensor) {
  return tensor.to(at::kCPU, at::kDouble)
      .nan_to_num(HUGE_VAL)
      .reshape({-1})
      .argmax()
      .item<std::int64_t>();
}

}  // namespace

double more_for(const Rounded& of, double largest, at::ScalarType dtype) {
  if (is_wide(dtype)) return of.terms > 0 || of.scores > 1 ? ulp(of.scores * std::max(of.terms, largest), dtype) : 0;
  const double unit = of.terms > 0 ? ulp(of.terms, dtype) : 0;
  return largest < unit ? unit : 0;
}

double largest(const at::Tensor& tensor) {
  return tensor.numel() == 0 ? 0.0 : tensor.to(at::kDouble).abs().max().item<double>();
}

std::string where_largest(const at::Tensor& tensor) {
  std::int64_t rest = worst(tensor);
  std::string text;
  for (std::int64_t axis = tensor.dim() - 1; axis >= 0; --axis) {
    text = std::to_string(rest % tensor.size(axis)) + (text.empty() ? "" : ", ") + text;
    rest /= tensor.size(axis);
  }
  return "[" + text + "]";
}

void expect_by_rule(const std::string& what, const at::Tensor& actual, const at::Tensor& libtorch,
                    const at::Tensor& reference, at::ScalarType dtype, const Rounded& of) {
  const auto off = difference(actual, reference);
  const double own = dtype == at::kDouble ? kOtherOrder : 4;  // of the reference, which is float64 itself
  const double allowed = 2 * largest(difference(libtorch, reference)) + own * ulp(largest(reference), dtype) +
                         more_for(of, largest(reference), dtype);
  const double error = largest(off);
  if (error <= allowed) return;  // false for NaN
  throw Violation(what + " is off by " + exact_number(error) + " at " + where_largest(off) +
                  "; allowed are " + exact_number(allowed) +
                  " (2 x LibTorch's own error in this dtype + " + exact_number(own) +
                  " ulp, and what rounding does to scores and terms that cancel)");
}

void expect_by_rule(const std::string& with, const Trial& trial, const at::Tensor& mask,
                    const Attended& actual, bool gradients) {
  // The plugin's parameters change neither input nor reference.
  auto& known = trial.plain().known();
  if (!known.mask.defined() || !known.mask.equal(mask)) {
    known.mask = mask;
    known.exact = reference(trial.input(), trial.grad_out(), mask);
    known.libtorch = by_libtorch(trial.input(), trial.grad_out(), mask, known.exact);
  }
  each_part([&](const std::string& what, auto part) {
    const bool is_output = part == &Attended::out;
    if (!(known.exact.*part).defined() || !(gradients || is_output)) return;
    expect_by_rule("the " + what + with, actual.*part, known.libtorch.*part, known.exact.*part,
                   trial.dtype(), rounded(actual, part));
  });
}

void expect_equal_bits(const std::string& what, const at::Tensor& actual,
                       const at::Tensor& expected) {
  if (!actual.defined() && !expected.defined()) return;
  if (actual.defined() != expected.defined()) throw Violation(what + ": one of the two is missing");
  const auto same = actual.eq(expected).logical_or(actual.isnan().logical_and(expected.isnan()));
  if (same.all().item<bool>()) return;
  const auto differs = same.logical_not();
  const auto at = worst(differs);
  throw Violation(what + ": " + std::to_string(differs.sum().item<std::int64_t>()) + " of " +
                  std::to_string(differs.numel()) + " numbers differ, the first at " +
                  where_largest(differs) + ": " + number(actual, at) + " instead of " +
                  number(expected, at));
}

void expect_close(const std::string& what, const at::Tensor& actual, const at::Tensor& expected,
                  const Rounded& of) {
  if (!actual.defined() && !expected.defined()) return;
  if (actual.defined() != expected.defined()) throw Violation(what + ": one of the two is missing");
  const auto off = difference(actual, expected);
  const double allowed = kOtherOrder * ulp(largest(expected), expected.scalar_type()) +
                         more_for(of, largest(expected), expected.scalar_type());
  if (largest(off) <= allowed) return;
  const auto at = worst(off);
  throw Violation(what + ": differs by " + exact_number(largest(off)) + " at " +
                  where_largest(off) + ": " + number(actual, at) + " instead of " +
                  number(expected, at) + "; rounding explains " + exact_number(allowed));
}

void expect_equal_bits(const std::string& what, const Attended& actual, const Attended& expected) {
  each_part([&](const std::string& name, auto part) {
    expect_equal_bits(name + ", " + what, actual.*part, expected.*part);
  });
}

void expect_close(const std::string& what, const Attended& actual, const Attended& expected) {
  each_part([&](const std::string& name, auto part) {
    expect_close(name + ", " + what, actual.*part, expected.*part, rounded(expected, part));
  });
}

Attended reference(const AttentionInput& input, const at::Tensor& grad_out,
                   const at::Tensor& mask) {
  const auto wide = [](const at::Tensor& x) { return leaf(x, at::kCPU, at::kDouble); };
  const auto q = wide(input.query), k = wide(input.key), v = wide(input.value);
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(3)));
  return backward(masked_reference(q, k, v, mask, scale), grad_out, q, k, v);
}

namespace {

Attended one_order(const AttentionInput& input, const at::Tensor& grad_out,
                   const at::Tensor& mask) {
  const auto same = [&](const at::Tensor& x) {
    return leaf(x, input.query.device(), input.query.scalar_type());
  };
  const auto q = same(input.query), k = same(input.key), v = same(input.value);
  const auto seen = mask.to(q.device()).any(-1, /*keepdim=*/true);
  const auto open =
      mask.to(q.device()).logical_or(seen.logical_not());  // a row of nothing would be NaN
  const auto out =
      at::scaled_dot_product_attention(q, k, v, open).masked_fill(seen.logical_not(), 0);
  return backward(out, grad_out, q, k, v);
}

/// LibTorch on the keys in `order`, its results back in theirs.
Attended in_order(const AttentionInput& input, const at::Tensor& grad_out, const at::Tensor& mask,
                  const at::Tensor& order) {
  const auto turned = [&](const at::Tensor& x, std::int64_t axis) {
    return x.index_select(axis, order.to(x.device())).contiguous();
  };
  AttentionInput other = input;
  other.key = turned(input.key, 2);
  other.value = turned(input.value, 2);
  auto result = one_order(other, grad_out, turned(mask, 3));
  if (!grad_out.defined()) return result;
  const auto back = order.argsort().to(result.dk.device());
  result.dk = result.dk.index_select(2, back);
  result.dv = result.dv.index_select(2, back);
  return result;
}

}  // namespace

Attended by_libtorch(const AttentionInput& input, const at::Tensor& grad_out,
                     const at::Tensor& mask, const Attended& exact) {
  const std::int64_t T = input.key.size(2);
  const int orders = T <= 300 ? 8 : 2;  // the largest error of many rows hangs less on one order
  auto generator = at::make_generator<at::CPUGeneratorImpl>(/*seed=*/1);
  auto worst = one_order(input, grad_out, mask);
  const auto keep_worse = [](at::Tensor& kept, const at::Tensor& other, const at::Tensor& truth) {
    if (largest(difference(other, truth)) > largest(difference(kept, truth))) kept = other;
  };
  for (int i = 1; i < orders; ++i) {
    const auto other = in_order(input, grad_out, mask, at::randperm(T, generator));
    each_part([&](const std::string&, auto part) {
      if ((exact.*part).defined()) keep_worse(worst.*part, other.*part, exact.*part);
    });
  }
  return worst;
}

}  // namespace attnlab::conformance
