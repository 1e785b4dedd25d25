#include "framework/train/profile.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "framework/model/step_part.h"
#include "framework/model/transformer.h"
#include "framework/train/step.h"
#include "tests/model/masked_softmax.h"

namespace attnlab::train {
namespace {

constexpr config::ModelConfig kModel{.layers = 2, .width = 32, .heads = 2};

// Two steps of two micro-batches each.
Profile profiled_steps() {
  model::Transformer model(kModel, {17, 24}, 1, at::kCPU,
                           [](std::int64_t) { return std::make_unique<MaskedSoftmax>(kModel.causality); });
  const config::RunConfig run;
  config::TrainConfig train;
  train.accumulation = 2;
  Profiler profiler(false);
  for (std::int64_t step = 0; step < 2; ++step) {
    profiler.begin();
    for (int part = 0; part < 2; ++part) {
      const auto tokens = at::randint(17, {2, 24}, at::kLong);
      const Batch batch{tokens, tokens, {2 * part, 2 * part + 1}, 48};
      static_cast<void>(forward_backward(model, run, train, batch, step, 96));
    }
    {
      const model::StepPart part("optimiser");
      at::randn({64, 64}).matmul(at::randn({64, 64}));
    }
    profiler.end();
  }
  return profiler.result();
}

const PartTime* part(const Profile& profile, const std::string& name) {
  const auto found = std::ranges::find(profile.parts, name, &PartTime::name);
  return found == profile.parts.end() ? nullptr : &*found;
}

TEST(Profile, has_the_parts_of_a_step_both_ways) {
  const auto profile = profiled_steps();
  EXPECT_EQ(profile.steps, 2);
  for (const auto* name : {"embedding", "projections", "attention", "mlp", "loss"}) {
    ASSERT_NE(part(profile, name), nullptr) << name << "\n" << to_text(profile);
    EXPECT_GT(part(profile, name)->forward, 0) << name;
    EXPECT_GT(part(profile, name)->backward, 0) << name;
  }
  ASSERT_NE(part(profile, "optimiser"), nullptr);
  EXPECT_GT(part(profile, "optimiser")->forward, 0);
  EXPECT_EQ(part(profile, "optimiser")->backward, 0);
  ASSERT_NE(part(profile, "gradients"), nullptr) << to_text(profile);
  EXPECT_EQ(part(profile, "gradients")->forward, 0);
}

TEST(Profile, adds_up_to_the_time_of_the_steps) {
  const auto profile = profiled_steps();
  double parts = 0, operators = 0;
  for (const auto& each : profile.parts) parts += each.forward + each.backward;
  for (const auto& each : profile.operators) {
    EXPECT_GE(each.self, -1e-9) << each.name;
    operators += each.self;
  }
  EXPECT_NEAR(parts, profile.seconds, 0.01 * profile.seconds);
  EXPECT_LE(operators, profile.seconds * 1.01);
  EXPECT_GT(operators, 0.3 * profile.seconds) << to_text(profile);
}

TEST(Profile, counts_calls_of_operators) {
  const auto profile = profiled_steps();
  const auto gelu = std::ranges::find(profile.operators, "aten::gelu", &OperatorTime::name);
  ASSERT_NE(gelu, profile.operators.end()) << to_text(profile);
  EXPECT_EQ(gelu->calls, 2 * 2 * kModel.layers);  // steps x micro-batches x layers
  const auto own = std::ranges::find(profile.operators, "in attention", &OperatorTime::name);
  ASSERT_NE(own, profile.operators.end());
  EXPECT_EQ(own->calls, 2 * 2 * kModel.layers);
}

TEST(Profile, is_written_as_text_json_and_metrics) {
  const auto profile = profiled_steps();
  const auto text = to_text(profile);
  EXPECT_NE(text.find("2 steps were profiled"), std::string::npos);
  EXPECT_NE(text.find("attention"), std::string::npos);
  const auto json = nlohmann::json::parse(to_json(profile));
  EXPECT_EQ(json.at("steps"), 2);
  double sum = 0;
  for (const auto& each : json.at("parts")) {
    sum += each.at("forward_seconds").get<double>() + each.at("backward_seconds").get<double>();
  }
  EXPECT_NEAR(sum, json.at("step_seconds").get<double>(), 0.01 * sum);
  const auto metrics = metrics_of(profile);
  const auto named = [&](const std::string& name) {
    return std::ranges::any_of(metrics, [&](const Metric& m) { return m.key.name == name; });
  };
  EXPECT_TRUE(named("profile/attention"));
  EXPECT_TRUE(named("profile/attention/backward"));
  EXPECT_FALSE(named("profile/attention/device"));
}

TEST(Profile, leaves_a_trace_that_viewers_open) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("attnlab_trace_" + std::to_string(::getpid()) + ".json");
  Profiler profiler(false);
  profiler.begin();
  at::randn({8, 8}).matmul(at::randn({8, 8}));
  profiler.end(file);
  std::ifstream in(file);
  const auto json = nlohmann::json::parse(in);
  EXPECT_FALSE(json.at("traceEvents").empty());
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace attnlab::train
