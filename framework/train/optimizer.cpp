#include "framework/train/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <numbers>

namespace attnlab::train {
namespace {

double cosine(double from, double to, double share) {
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * share));
}

}  // namespace

double learning_rate(const config::TrainConfig& config, std::int64_t step) {
  const double peak = config.learning_rate;
  const double first = peak / config.initial_divisor;
  const double last = first / config.final_divisor;
  const double now = static_cast<double>(step);
  const double end = static_cast<double>(config.steps) - 1;
  const double top = config.warmup_share * static_cast<double>(config.steps) - 1;
  if (top > 0 && now <= top) return cosine(first, peak, now / top);
  if (end <= top) return peak;  // no falling part: warmup_share is 1, or a single step
  return cosine(peak, last, (now - top) / (end - top));
}

AdamW::AdamW(const model::ParameterList& parameters, const config::TrainConfig& config)
    : config_(config) {
  groups_[0].weight_decay = config.weight_decay;
  for (const auto& parameter : parameters.all()) {
    const bool decayed = parameter.role == model::Role::linear ||
                         parameter.role == model::Role::attention_decayed;
    Group& group = groups_[decayed ? 0 : 1];
    const auto value = parameter.value.detach();
    group.names.push_back(parameter.name);
    group.weights.push_back(parameter.value);
    group.first_moments.push_back(at::zeros_like(value));
    group.second_moments.push_back(at::zeros_like(value));
    group.steps.push_back(at::zeros({}, value.options().dtype(at::kFloat)));
  }
}

std::vector<AdamW::Moment> AdamW::state() const {
  std::vector<Moment> all;
  for (const auto& group : groups_) {
    for (std::size_t i = 0; i < group.names.size(); ++i) {
      all.push_back({group.names[i], "exp_avg", group.first_moments[i]});
      all.push_back({group.names[i], "exp_avg_sq", group.second_moments[i]});
      all.push_back({group.names[i], "step", group.steps[i]});
    }
  }
  return all;
}

void AdamW::zero_grad() {
  for (auto& group : groups_) {
    for (auto& weight : group.weights) weight.mutable_grad().reset();
  }
}

at::Tensor AdamW::clip_gradients(double limit) {
  std::vector<at::Tensor> gradients;
  for (auto& group : groups_) {
    for (const auto& weight : group.weights) {
      if (weight.grad().defined()) gradients.push_back(weight.grad());
    }
  }
  if (gradients.empty()) return at::zeros({}, at::kDouble);
  const auto norms = at::stack(at::_foreach_norm(gradients, 2)).to(at::kDouble);
  const auto norm = at::linalg_vector_norm(norms, 2);
  if (limit <= 0) return norm;
  if (norm.is_cpu()) {  // which passes over the gradients only where it must
    if (const double found = norm.item<double>(); found > limit) at::_foreach_mul_(gradients, limit / found);
  } else {
    const auto factor = (at::full_like(norm, limit) / norm).clamp_max(1.0);
    at::_foreach_mul_(gradients, factor.to(gradients[0].scalar_type()));
  }
  return norm;
}

void AdamW::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  for (auto& group : groups_) {
    std::vector<at::Tensor> weights, gradients, first, second, steps;
    for (std::size_t i = 0; i < group.weights.size(); ++i) {
      if (!group.weights[i].grad().defined()) continue;
      weights.push_back(group.weights[i]);
      gradients.push_back(group.weights[i].grad());
      first.push_back(group.first_moments[i]);
      second.push_back(group.second_moments[i]);
      steps.push_back(group.steps[i]);
    }
    if (weights.empty()) continue;
    at::_foreach_add_(steps, 1);
    at::_fused_adamw_(weights, gradients, first, second, {}, steps, learning_rate, config_.beta1,
                      config_.beta2, group.weight_decay, kEpsilon, /*amsgrad=*/false,
                      /*maximize=*/false);
  }
}

}  // namespace attnlab::train
