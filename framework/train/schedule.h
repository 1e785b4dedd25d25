/// schedule.h: learning rate as a function of the step.
///   One cycle with two cosine halves, as
///   torch.optim.lr_scheduler.OneCycleLR(anneal_strategy="cos", three_phase=False): Smith & Topin
///   2017, https://arxiv.org/abs/1708.07120
#pragma once

#include <cstdint>

#include "framework/config/run_config.h"

namespace attnlab::train {

/// Rate of optimiser step `step` (0 .. steps-1): from peak / initial_divisor up to the peak over
/// the first `warmup_share` of the steps, then down to peak / initial_divisor / final_divisor.
[[nodiscard]] double learning_rate(const config::TrainConfig& config, std::int64_t step);

}  // namespace attnlab::train
