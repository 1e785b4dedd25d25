#include "framework/train/step_losses.h"

#include <ATen/ATen.h>

#include <utility>

namespace attnlab::train {

void StepLosses::load(const checkpoint::State& state) {
  last_finite_ = state.loss.value_or(std::nan(""));
  last_.loss = last_finite_;
  chain_ = DigestChain(state.losses);
}

void StepLosses::add(std::int64_t step, const at::Tensor& loss, const at::Tensor& auxiliary,
                     const at::Tensor& gradient_norm) {
  const auto wide = [&](const at::Tensor& number) { return number.to(loss.device(), at::kDouble); };
  unread_.push_back({step,
                     at::stack({wide(loss), auxiliary.defined() ? wide(auxiliary) : at::zeros_like(wide(loss)),
                                wide(gradient_norm)}),
                     auxiliary.defined()});
}

std::string StepLosses::read() {
  if (unread_.empty()) return {};
  std::vector<at::Tensor> all;
  for (const auto& step : unread_) all.push_back(step.numbers);
  const auto host = at::stack(all).cpu();  // [steps, 3]
  const auto steps = std::exchange(unread_, {});
  const auto* number = host.const_data_ptr<double>();
  for (const auto& step : steps) {
    const double before = last_finite_;
    last_ = {number[0], number[1], number[2]};
    has_auxiliary_ = step.has_auxiliary;
    number += 3;
    if (!std::isfinite(last_.loss) || !std::isfinite(last_.auxiliary) || !std::isfinite(last_.gradient_norm)) {
      return not_finite(last_, step.number, before);
    }
    last_finite_ = last_.loss;
    std::string bits(reinterpret_cast<const char*>(&last_.loss), sizeof last_.loss);
    if (has_auxiliary_) bits.append(reinterpret_cast<const char*>(&last_.auxiliary), sizeof last_.auxiliary);
    chain_.add(bits);
  }
  return {};
}

std::optional<double> StepLosses::auxiliary() const {
  return has_auxiliary_ ? std::optional(last_.auxiliary) : std::nullopt;
}

}  // namespace attnlab::train
