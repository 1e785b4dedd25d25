// parameter_gradients.cpp: what a plugin trains gets a gradient, and the right one; nothing else
// in it asks for one.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "framework/attention/guarded.h"
#include "framework/attention/undeclared_leaf.h"
#include "framework/conformance/judge.h"
#include "framework/conformance/owned.h"
#include "framework/core/text.h"

namespace attnlab::conformance {
namespace {

constexpr std::int64_t kEveryoneSees = 33;  // rows from which on a parameter has to matter

/// N(0, 1) times how far a parameter usually moves: its own spread, or what an untrained matrix
/// has.
at::Tensor some_way(const at::Tensor& value, std::uint64_t seed) {
  const auto wide = value.detach().cpu().to(at::kDouble);
  const double spread = (wide - wide.mean()).square().mean().sqrt().item<double>();
  const double columns = value.dim() == 0 ? 1 : static_cast<double>(value.size(-1));
  return normal(value.sizes(), seed) * std::max(spread, 0.5 / std::sqrt(columns));
}

/// A plugin whose parameters have left their first values: an initial zero hides what is wrong.
class LearnedPoint {
 public:
  explicit LearnedPoint(const Trial& trial)
      : trial_(trial), built_(build_with_owned(trial)), input_(trial.input()) {
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < parameters().size(); ++i) {
      auto& value = parameters()[i].value;
      const auto moved = value.detach().cpu().to(at::kDouble) + some_way(value, seed(i));
      values_.push_back(moved.to(at::kFloat));
      value.variable_data().copy_(values_.back());
    }
  }

  /// By autograd, as float64 on the CPU; undefined where there is none.
  const std::vector<at::Tensor>& gradients() {
    if (!gradients_.empty()) return gradients_;
    input_ = changed(input_, [](const at::Tensor& x) { return x.detach().requires_grad_(true); });
    const auto result = forward();
    out_ = result.output.detach();
    if (result.output.requires_grad()) {
      guarded("the plugin", "backward", [&] {
        auto loss = (result.output * grad_out_.to(result.output.scalar_type())).sum(at::kDouble);
        if (result.auxiliary_loss) loss = loss + result.auxiliary_loss->to(at::kDouble);
        return loss.backward(), 0;
      });
    }
    input_ = trial_.input();
    for (const auto& each : parameters()) {
      const auto& gradient = each.value.grad();
      gradients_.push_back(gradient.defined() ? gradient.cpu().to(at::kDouble) : at::Tensor());
    }
    return gradients_;
  }

  struct Slopes {
    double measured, autograd, allowed;
  };
  /// Along direction `which` of parameter `i`: what the loss does within `step` either way,
  /// its third order taken out by a step of twice the length.
  Slopes along(std::size_t i, std::uint64_t which, double step) {
    const auto near = difference(i, which, step), far = difference(i, which, 2 * step);
    const bool wide = trial_.dtype() == at::kDouble;
    const double error = (4 * near.error - far.error) / 3;
    // What is made of float32 parameters may be float32, whatever the input is; rows' errors add up as
    // those of independent draws.
    const auto grad = grad_out_.to(at::kDouble);
    const double size = wide ? 4 * (grad * out_.to(at::kDouble)).norm().item<double>()
                             : 8 * grad.norm().item<double>() * std::max(1.0, largest(out_));
    const double rounding = size * ulp(1, at::kFloat) / step;
    return {near.slope + error, near.slope,
            (wide ? 1e-4 : 1e-3) * (near.norm + std::abs(near.slope + error)) + rounding};
  }

  [[nodiscard]] Owned& parameters() { return built_.parameters; }

 private:
  struct Difference {
    double slope;  // autograd's
    double error;  // of the measured slope from that
    double norm;   // of the gradient, in units of the direction
  };
  // The values are float32: what they really moved by is what autograd is asked about.
  Difference difference(std::size_t i, std::uint64_t which, double step) {
    const at::NoGradGuard no_grad;
    const auto way = some_way(values_[i], seed(i) + 8 * which);
    auto value = parameters()[i].value.variable_data();
    std::array<at::Tensor, 2> points;
    std::array<AttentionOutput, 2> results;
    for (const std::size_t side : {0, 1}) {
      points[side] = (values_[i].to(at::kDouble) + (side == 0 ? step : -step) * way).to(at::kFloat);
      value.copy_(points[side]);
      results[side] = forward();
    }
    value.copy_(values_[i]);
    double expected = 0, norm = 0;
    if (const auto& gradient = gradients_[i]; gradient.defined()) {
      expected = (gradient * (points[0].to(at::kDouble) - points[1].to(at::kDouble))).sum().item<double>();
      norm = (gradient * way).norm().item<double>();
    }
    const auto moved = results[0].output.to(at::kDouble) - results[1].output.to(at::kDouble);
    double measured = (moved * grad_out_.to(at::kDouble)).sum().item<double>();
    if (results[0].auxiliary_loss) {
      measured +=
          results[0].auxiliary_loss->item<double>() - results[1].auxiliary_loss->item<double>();
    }
    return {expected / (2 * step), (measured - expected) / (2 * step), norm};
  }

  AttentionOutput forward() {
    return guarded("the plugin", "forward", [&] {
      const auto call = trial_.call();
      return built_.attention->forward(input_, call.context());
    });
  }
  [[nodiscard]] std::uint64_t seed(std::size_t i) const {
    return trial_.check().seed * 64 + 48 + 1024 * i;
  }

  const Trial& trial_;
  Built built_;
  AttentionInput input_;
  at::Tensor grad_out_ = trial_.grad_out(), out_;
  std::vector<at::Tensor> values_, gradients_;
};

std::string name_of(LearnedPoint& point, std::size_t i) {
  return "the parameter '" + point.parameters()[i].name + "'";
}

/// As in gradients.cpp: two differences that agree with each other and not with autograd are a
/// Violation; where no two agree, what is seen changes within the steps, and the answer is no.
bool slopes_agree(LearnedPoint& point, std::size_t i, std::uint64_t which) {
  std::vector<double> measured;
  for (const double step : {2e-2, 8e-2, 5e-3}) {  // rounding weighs least in the longest
    const auto slopes = point.along(i, which, step);
    if (std::abs(slopes.measured - slopes.autograd) <= slopes.allowed) return true;
    for (const double other : measured) {
      if (std::abs(other - slopes.measured) > slopes.allowed) continue;
      throw Violation("along a random direction of " + name_of(point, i) +
                      " the loss rises by " + exact_number(slopes.measured) +
                      " per unit, and autograd says " + exact_number(slopes.autograd) +
                      "; allowed difference " + exact_number(slopes.allowed));
    }
    measured.push_back(slopes.measured);
  }
  return false;
}

// `everyone`: also where the loss does not depend on it, which few rows or drawn parameters may do.
void expect_gradients(LearnedPoint& point, bool everyone) {
  for (std::size_t i = 0; i < point.parameters().size(); ++i) {
    const auto& gradient = point.gradients()[i];
    if (gradient.defined() && largest(gradient) > 0) continue;
    const auto slope = point.along(i, 1, 2e-2);
    const bool matters = std::abs(slope.measured) > slope.allowed;
    if (!matters && !everyone) continue;
    throw Violation(name_of(point, i) + " gets " + (gradient.defined() ? "a zero" : "no") +
                    " gradient, " +
                    (matters ? "though the loss rises by " + exact_number(slope.measured) +
                                   " per unit along it: the graph is cut"
                             : "and the loss does not depend on it: it would never be trained"));
  }
}

void check_parameter_gradients(const Trial& drawn) {
  const bool has_wide = drawn.device().is_cpu() && drawn.has(plugin::kFloat64);
  const auto trial = owning(drawn, &Built::parameters).with_dtype(has_wide ? "float64" : "float32");
  if (const auto why = trial.refusal(); !why.empty()) throw Skipped(why);
  const std::int64_t T = trial.check().length;
  if (T >= kEveryoneSees) {  // parameters that were drawn may switch one off
    const auto usual = owning(trial.plain(), &Built::parameters);
    LearnedPoint point(usual);
    expect_gradients(point, /*everyone=*/true);
  }
  LearnedPoint point(trial);
  expect_gradients(point, /*everyone=*/false);
  bool looked = false;
  for (std::size_t i = 0; i < point.parameters().size(); ++i) {
    for (std::uint64_t which = 1; which <= (T <= kManyRows ? 2U : 1U); ++which) looked |= slopes_agree(point, i, which);
  }
  if (!looked) throw Skipped("the keys that are seen change along every direction tried");
}

// As the model does in a layer's first training pass.
void check_leaves(const Trial& trial) {
  const auto built = build_with_owned(trial);
  const auto input =
      changed(trial.input(), [](const at::Tensor& x) { return x.detach().requires_grad_(true); });
  const auto call = trial.call();
  const auto result = guarded("the plugin", "forward",
                              [&] { return built.attention->forward(input, call.context()); });
  const auto sizes = undeclared_leaf(input, result, [&](const at::Tensor& leaf) {
    return std::ranges::any_of(built.parameters, [&](const auto& each) { return each.value.is_same(leaf); });
  });
  if (sizes.empty()) return;
  throw Violation("a tensor of shape " + sizes +
                  " requires a gradient and was not declared, so nothing would train it; ask for "
                  "it while the attention is built: owner.parameter(name, sizes, initial)");
}

}  // namespace

const Property kLeaves{.name = "leaves",
                       .promise = "every tensor that requires a gradient was asked for",
                       .check = check_leaves};

const Property kParameterGradients{
    .name = "parameter_gradients",
    .promise = "every trained parameter gets a gradient that agrees with finite differences",
    .check = check_parameter_gradients};

}  // namespace attnlab::conformance
