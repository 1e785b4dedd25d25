/// optimizer.h: AdamW (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101) through
///   LibTorch's fused kernel. Linear weights are decayed; embeddings and norms are not. And its rate:
///   one cycle with two cosine halves, as
///   torch.optim.lr_scheduler.OneCycleLR(anneal_strategy="cos", three_phase=False): Smith & Topin
///   2017, https://arxiv.org/abs/1708.07120
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/run_config.h"
#include "framework/model/parameters.h"

namespace attnlab::train {

/// Rate of optimiser step `step` (0 .. steps-1): from peak / initial_divisor up to the peak over
/// the first `warmup_share` of the steps, then down to peak / initial_divisor / final_divisor.
[[nodiscard]] double learning_rate(const config::TrainConfig& config, std::int64_t step);

class AdamW {
 public:
  AdamW(const model::ParameterList& parameters, const config::TrainConfig& config);

  void zero_grad();
  /// L2 norm over all gradients, float64 [] where they are; scales them down to `limit` where it is above
  /// (0: never). Nobody waits for a GPU.
  at::Tensor clip_gradients(double limit);
  /// One update; parameters without a gradient stay as they are.
  void step(double learning_rate);

  /// Its tensors by parameter and PyTorch's name for them, "exp_avg", "exp_avg_sq" and "step"; they
  /// share the optimiser's memory.
  struct Moment {
    std::string parameter;
    const char* what;
    at::Tensor value;
  };
  [[nodiscard]] std::vector<Moment> state() const;

 private:
  static constexpr double kEpsilon = 1e-8;
  struct Group {
    double weight_decay = 0;
    std::vector<std::string> names;
    std::vector<at::Tensor> weights, first_moments, second_moments, steps;
  };
  config::TrainConfig config_;
  std::array<Group, 2> groups_;  // decayed, not decayed
};

}  // namespace attnlab::train
