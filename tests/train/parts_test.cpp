// The parts of the trainer: schedule, optimiser, meters.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>

#include "framework/train/layer_means.h"
#include "framework/train/memory.h"
#include "framework/train/meters.h"
#include "framework/train/optimizer.h"

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
  EXPECT_NEAR(optimizer.clip_gradients(0).item<double>(), 10, 1e-5);
  EXPECT_NEAR(optimizer.clip_gradients(2).item<double>(), 10, 1e-5);
  EXPECT_NEAR(optimizer.clip_gradients(0).item<double>(), 2, 1e-5);
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

TEST(StepTimer, keeps_few_of_many_steps_and_still_finds_their_median) {
  StepTimer timer;
  constexpr int kSteps = 200'000;
  double total = 0;
  for (int i = 0; i < kSteps; ++i) {
    // A tenth of warm-up, then every second step is slow: a fixed stride would see one kind only.
    const double seconds = i < kSteps / 10 ? 100 : i % 2 == 0 ? 1 + 1e-6 * i : 3 + 1e-6 * i;
    timer.add(seconds);
    total += seconds;
  }
  EXPECT_GT(timer.median(), 1.05);  // just above the fast half, or just below the slow one
  EXPECT_LT(timer.median(), 3.2);
  EXPECT_NEAR(timer.total(), total, 1e-6 * total);
  EXPECT_NEAR(timer.mean(), total / kSteps, 1e-6);
  StepTimer even;
  for (int i = 0; i < kSteps; ++i) even.add(i);
  EXPECT_NEAR(even.median(), 0.55 * kSteps, 0.02 * kSteps);
}

TEST(StepTimer, is_exact_as_long_as_it_keeps_all) {
  StepTimer timer;
  std::vector<double> counted;
  for (int i = 0; i < static_cast<int>(StepTimer::kMost); ++i) {
    timer.add((i * 7919) % 4099);
    if (i >= static_cast<int>(StepTimer::kMost) / 10) counted.push_back((i * 7919) % 4099);
  }
  std::ranges::sort(counted);
  EXPECT_EQ(timer.median(),
            (counted[(counted.size() - 1) / 2] + counted[counted.size() / 2]) / 2);
}

// The last batch of a validation may be small.
TEST(LayerMeans, count_every_sequence_alike) {
  LayerMeans means;
  means.add({{0, {"pairs", "keys", 1.0}}, {1, {"pairs", "keys", at::scalar_tensor(2.0)}}}, 6);
  means.add({{0, {"pairs", "keys", 8.0}}, {1, {"pairs", "keys", at::scalar_tensor(9.0)}}}, 1);
  LayerMeans read;
  read.add(means.text());
  for (auto* each : {&means, &read}) {
    const auto metrics = each->metrics("attention");
    ASSERT_EQ(metrics.size(), 3U);
    EXPECT_DOUBLE_EQ(metrics[0].value, 2);
    EXPECT_DOUBLE_EQ(metrics[1].value, 3);
    EXPECT_DOUBLE_EQ(metrics[2].value, 2.5);
  }
}

TEST(Memory, counts_tensors_and_forgets_on_reset) {
  install_counting_allocator();
  constexpr std::int64_t kBytes = 64 << 20;
  { const auto tensor = at::empty({kBytes}, at::kByte); }
  EXPECT_GE(tensor_peak_bytes(at::kCPU), kBytes);
  EXPECT_LT(tensor_peak_bytes(at::kCPU), 2 * kBytes);
  reset_peaks(at::kCPU);
  EXPECT_LT(tensor_peak_bytes(at::kCPU), kBytes);
}

TEST(Memory, sees_what_the_process_touches_even_when_it_is_given_back) {
  reset_peaks(at::kCPU);
  const auto before = process_peak_bytes();
  { const auto tensor = at::ones({256 << 20}, at::kByte); }
  EXPECT_GT(before, 10 << 20);
  EXPECT_GT(process_peak_bytes(), before + (250 << 20));
}

TEST(Memory, does_not_count_pages_of_files) {
  constexpr std::size_t kBytes = 128 << 20;
  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(ftruncate(fileno(file), kBytes), 0);
  reset_peaks(at::kCPU);
  const auto before = process_peak_bytes();
  auto* const map =
      static_cast<char*>(mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, fileno(file), 0));
  ASSERT_NE(map, MAP_FAILED);
  int sum = 0;
  for (std::size_t at = 0; at < kBytes; at += 4096) sum += *static_cast<volatile char*>(map + at);
  EXPECT_EQ(sum, 0);
  EXPECT_LT(process_peak_bytes(), before + (16 << 20));
  { const auto tensor = at::ones({64 << 20}, at::kByte); }  // and tensors beside them still count
  EXPECT_GT(process_peak_bytes(), before + (60 << 20));
  munmap(map, kBytes);
  std::fclose(file);
}

TEST(LeastStepBytes, never_exceeds_what_a_step_takes_and_refuses_what_cannot_be) {
  config::ModelConfig model;  // 2 layers of width 64
  config::TrainConfig train;
  const auto bytes = [&](std::int64_t rows, std::int64_t length, std::int64_t squares) {
    return least_step_bytes(model, train, {.vocabulary = 100, .length = length}, rows, squares);
  };
  EXPECT_LT(bytes(1, 8, 0), 4e6);
  EXPECT_GT(bytes(1, 8, 0), 1e6);  // four copies of 88,000 weights
  EXPECT_GT(bytes(1'000'000'000'000, 32, 0), 1e16);
  const auto learned = bytes(1, 1000, 0);
  model.positions = config::Positions::rope;
  EXPECT_EQ(learned - bytes(1, 1000, 0), 4 * 4 * 1000 * 64) << "no table of positions to train";
  EXPECT_GT(bytes(1, 1 << 20, 1) - bytes(1, 1 << 20, 0), 4.0 * (1LL << 40) * 4 * 0.99);
  train.accumulation = 1'000'000'000'000;
  EXPECT_GT(bytes(8, 32, 0), 1e15);
  EXPECT_EQ(too_large(5, 0), "");
  EXPECT_EQ(too_large(5, 5), "");
  EXPECT_EQ(too_large(2048, 1024), "needs an estimated 2.0 KiB; this process may use 1.0 KiB.");
}

}  // namespace
}  // namespace attnlab::train
