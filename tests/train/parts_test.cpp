// The parts of the trainer: schedule, optimiser, meters.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "framework/train/memory_meter.h"
#include "framework/train/meters.h"
#include "framework/train/optimizer.h"
#include "framework/train/schedule.h"

namespace attnlab::train {
namespace {

config::TrainConfig paper_schedule() {
  config::TrainConfig config;
  config.steps = 15000;
  config.learning_rate = 1e-3;
  config.warmup_share = 0.02;
  config.initial_divisor = 100;
  config.final_divisor = 0.05;
  return config;
}

TEST(Schedule, follows_the_papers_one_cycle) {
  const auto config = paper_schedule();
  EXPECT_NEAR(learning_rate(config, 0), 1e-5, 1e-19);
  EXPECT_DOUBLE_EQ(learning_rate(config, 299), 1e-3);  // 0.02 * 15000 - 1, as OneCycleLR
  EXPECT_NEAR(learning_rate(config, 14999), 2e-4, 1e-18);
  const double rising = (150.0 / 299.0);
  EXPECT_DOUBLE_EQ(learning_rate(config, 150),
                   1e-3 + (1e-5 - 1e-3) / 2 * (1 + std::cos(std::numbers::pi * rising)));
  const double falling = (7000.0 - 299.0) / (14999.0 - 299.0);
  EXPECT_DOUBLE_EQ(learning_rate(config, 7000),
                   2e-4 + (1e-3 - 2e-4) / 2 * (1 + std::cos(std::numbers::pi * falling)));
}

TEST(Schedule, is_finite_for_every_length_and_share) {
  auto config = paper_schedule();
  for (config.steps = 1; config.steps <= 60; ++config.steps) {
    for (const double share : {0.0, 0.02, 0.5, 1.0}) {
      config.warmup_share = share;
      for (std::int64_t step = 0; step < config.steps; ++step) {
        const double rate = learning_rate(config, step);
        ASSERT_TRUE(rate > 0 && rate <= config.learning_rate * (1 + 1e-12))
            << "step " << step << " of " << config.steps << ", share " << share << ": " << rate;
      }
    }
  }
}

TEST(AdamW, follows_the_formula_and_decays_linear_weights_only) {
  model::ParameterList weights(3, at::kCPU);
  const auto linear = weights.add_normal("linear", model::Role::linear, {5, 4}, 1);
  const auto norm = weights.add_ones("norm", model::Role::norm, {4});
  config::TrainConfig config;
  AdamW optimizer(weights, config);

  auto expect = [&](const at::Tensor& weight, double decay) {
    struct State {
      at::Tensor w, m, v;
      double decay;
    };
    const auto w = weight.detach().to(at::kDouble).clone();
    return State{w, at::zeros_like(w), at::zeros_like(w), decay};
  };
  auto states = std::array{expect(linear, config.weight_decay), expect(norm, 0)};
  for (int step = 1; step <= 5; ++step) {
    optimizer.zero_grad();
    const double rate = 0.01 * step;
    ((linear * linear).sum() * step + (norm * 3).sum()).backward();
    const std::array gradients{linear.grad().to(at::kDouble), norm.grad().to(at::kDouble)};
    optimizer.step(rate);
    for (std::size_t i = 0; i < states.size(); ++i) {
      auto& [w, m, v, decay] = states[i];
      w = w * (1 - rate * decay);
      m = config.beta1 * m + (1 - config.beta1) * gradients[i];
      v = config.beta2 * v + (1 - config.beta2) * gradients[i] * gradients[i];
      w = w - rate * (m / (1 - std::pow(config.beta1, step))) /
                  ((v / (1 - std::pow(config.beta2, step))).sqrt() + 1e-8);
    }
  }
  EXPECT_TRUE(at::allclose(linear.detach().to(at::kDouble), states[0].w, 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(norm.detach().to(at::kDouble), states[1].w, 1e-5, 1e-6));
}

TEST(AdamW, clips_to_the_limit_and_reports_the_norm_before) {
  model::ParameterList weights(3, at::kCPU);
  const auto weight = weights.add_ones("w", model::Role::linear, {4});
  AdamW optimizer(weights, {});
  (weight * 5).sum().backward();  // gradient 5 in each of 4 places: norm 10
  EXPECT_NEAR(optimizer.clip_gradients(0), 10, 1e-5);
  EXPECT_NEAR(optimizer.clip_gradients(2), 10, 1e-5);
  EXPECT_NEAR(optimizer.clip_gradients(0), 2, 1e-5);
}

TEST(StepTimer, takes_the_median_after_warm_up) {
  StepTimer timer;
  for (const double seconds : {9.0, 9.0, 9.0, 1.0, 3.0, 2.0}) timer.add(seconds);
  EXPECT_DOUBLE_EQ(timer.median(), 2);
  EXPECT_DOUBLE_EQ(timer.total(), 33);
}

TEST(StepTimer, uses_what_there_is_when_there_is_little) {
  StepTimer timer;
  EXPECT_EQ(timer.median(), 0);
  timer.add(4);
  timer.add(2);
  EXPECT_DOUBLE_EQ(timer.median(), 3);
}

TEST(MemoryMeter, counts_tensors_and_forgets_on_reset) {
  install_counting_allocator();
  constexpr std::int64_t kBytes = 64 << 20;
  { const auto tensor = at::empty({kBytes}, at::kByte); }
  EXPECT_GE(allocator_peak_bytes(), kBytes);
  EXPECT_LT(allocator_peak_bytes(), 2 * kBytes);
  reset_peaks();
  EXPECT_LT(allocator_peak_bytes(), kBytes);
}

TEST(MemoryMeter, sees_what_the_process_touches) {
  const auto before = process_peak_bytes();
  const auto tensor = at::ones({256 << 20}, at::kByte);
  EXPECT_GT(before, 10 << 20);
  EXPECT_GT(process_peak_bytes(), 256 << 20);
}

}  // namespace
}  // namespace attnlab::train
