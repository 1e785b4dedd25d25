// Nobody waits for the device in a training step; losses are read where somebody wants to know them.
#include <ATen/ATen.h>

#include <atomic>
#include <cmath>
#include <map>

#include "framework/train/trainer.h"
#include "tests/gpu/cost.h"
#include "tests/sparse/plugin_checks.h"

namespace attnlab::test {
namespace {

class Counting final : public data::Dataset {
 public:
  static constexpr std::int64_t kVocabulary = 7, kLength = 16;
  Counting() {
    info_.name = info_.description = "counting";
    info_.metric = "bits_per_char";
    info_.vocabulary = kVocabulary;
  }
  const data::DatasetInfo& info() const override { return info_; }
  std::int64_t size(data::Split) const override { return 5; }
  data::Example get(data::Split, std::int64_t index) const override {
    data::Example example;
    for (std::int64_t t = 0; t < kLength; ++t) {
      example.input.push_back(static_cast<std::int32_t>((index + t) % kVocabulary));
      example.target.push_back(static_cast<std::int32_t>((index + t + 1) % kVocabulary));
    }
    return example;
  }

 private:
  data::DatasetInfo info_;
};

struct Facts final : MetricSink {
  std::map<std::string, std::string> facts;
  std::map<std::string, std::vector<double>> values;
  void add(MetricEvent event) override {
    for (const auto& metric : event.metrics) values[metric.key.name].push_back(metric.value);
  }
  void fact(std::string_view name, std::string_view text) override { facts[std::string(name)] = text; }
};

struct Spoiled final : Attention {  // gives NaN from optimiser step 3 on
  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    return {context.step < 3 ? input.value : input.value * std::nan(""), {}, {}};
  }
  std::string kernel() const override { return "spoiled"; }
};

struct Trained {
  Ending ending;
  Facts record;
  std::vector<std::int64_t> waits;  // so far, after each step
};

Trained train_on_gpu(config::TrainConfig train, const model::AttentionFactory& attention) {
  train.batch_size = 2;
  train.accumulation = 2;
  train.learning_rate = 0.02;
  train.eval_every = 0;
  train.grad_clip = 0.5;
  config::RunConfig run;
  run.seed = 1;
  config::ModelConfig config;
  config.layers = 2;
  config.width = 32;
  config.heads = 2;
  const Counting dataset;
  model::Transformer model(config, {Counting::kVocabulary, Counting::kLength}, 1, device(), attention);
  Trained trained;
  const std::atomic<bool> stop{false};
  trained.ending = train::train({run, train, dataset, model, trained.record,
                                 [&](const train::Progress& progress) {
                                   if (progress.kind == train::Progress::Kind::step) trained.waits.push_back(waits_so_far());
                                 },
                                 stop});
  return trained;
}

model::AttentionFactory hash_sparse() {
  return [](std::int64_t layer, Owner& owner) {
    config::ModelConfig config;
    config.layers = 2;
    config.width = 32;
    config.heads = 2;
    return PluginUnderTest::library("hash_sparse")
        .create(model::attention_shape(config, Counting::kLength, layer),
                section("hash_sparse", {{"buckets", config::Node::Value(std::int64_t{4})}}), owner);
  };
}

using Waits = OnCountedGpu;

TEST_F(Waits, come_with_steps_that_are_logged_and_no_others) {
  for (const auto precision : {config::Precision::float32, config::Precision::bfloat16}) {
    config::TrainConfig train;
    train.steps = 12;
    train.log_every = 5;
    train.precision = precision;
    const auto trained = train_on_gpu(train, hash_sparse());
    ASSERT_EQ(trained.ending.status, Status::done) << trained.ending.reason;
    ASSERT_GE(trained.waits.size(), 12U);
    for (std::size_t step = 2; step <= 12; ++step) {
      const auto waited = trained.waits[step - 1] - trained.waits[step - 2];
      const bool logged = step % 5 == 0 || step == 12;
      EXPECT_EQ(waited > 0, logged) << "step " << step << ": " << waited;
    }
    train.log_every = 1;
    const auto read_at_once = train_on_gpu(train, hash_sparse());
    EXPECT_EQ(trained.record.facts.at("loss_chain"), read_at_once.record.facts.at("loss_chain"));
    EXPECT_EQ(trained.record.values.at("train/loss").back(), read_at_once.record.values.at("train/loss").back());
    EXPECT_EQ(trained.record.values.at("grad_norm").back(), read_at_once.record.values.at("grad_norm").back());
  }
}

TEST_F(Waits, no_step_that_is_not_finite_gets_past_the_one_that_is_read) {
  config::TrainConfig train;
  train.steps = 12;
  const auto told = [&](std::int64_t log_every) {
    train.log_every = log_every;
    return train_on_gpu(train, [](std::int64_t, Owner&) { return std::make_unique<Spoiled>(); }).ending;
  };
  const auto late = told(10), at_once = told(1);
  EXPECT_EQ(late.status, Status::failed);
  EXPECT_NE(late.reason.find("at step 4 "), std::string::npos) << late.reason;
  EXPECT_EQ(late.reason, at_once.reason);
}

}  // namespace
}  // namespace attnlab::test
