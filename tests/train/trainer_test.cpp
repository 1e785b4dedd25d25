#include "framework/train/trainer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/model/masked_softmax.h"

namespace attnlab::train {
namespace {

// Each sequence counts upwards from its own start; the next token follows from the last one.
class Counting final : public data::Dataset {
 public:
  explicit Counting(std::int64_t starts) : starts_(starts) {
    info_.name = "counting";
    info_.description = "counting";
    info_.metric = "bits_per_char";
    info_.vocabulary = kVocabulary;
  }
  const data::DatasetInfo& info() const override { return info_; }
  std::int64_t size(data::Split) const override { return starts_; }
  data::Example get(data::Split, std::int64_t index) const override {
    data::Example example;
    for (std::int64_t t = 0; t < kLength; ++t) {
      example.input.push_back(static_cast<std::int32_t>((index + t) % kVocabulary));
      example.target.push_back(static_cast<std::int32_t>((index + t + 1) % kVocabulary));
    }
    return example;
  }
  static constexpr std::int64_t kVocabulary = 7, kLength = 8;

 private:
  std::int64_t starts_;
  data::DatasetInfo info_;
};

struct Recorder final : MetricSink {
  std::map<std::string, std::vector<double>> values;
  std::map<std::string, std::string> facts;
  std::map<std::string, double> seconds;  // of training, when it was last reported
  void add(MetricEvent event) override {
    for (const auto& metric : event.metrics) seconds[metric.key.name] = event.train_seconds;
    for (const auto& metric : event.metrics) values[metric.key.name].push_back(metric.value);
  }
  void fact(std::string_view name, std::string_view text) override {
    facts[std::string(name)] = text;
  }
};

struct Spoiled final : Attention {  // gives NaN from optimiser step 3 on
  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    return {context.step < 3 ? input.value : input.value * std::nan(""), {}, {}};
  }
  std::string kernel() const override { return "spoiled"; }
};

/// Reports 10 in layer 0 and 20 in layer 1, and how many rows the batch has; a tensor, but for the last.
struct Telling final : Attention {
  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    AttentionOutput output{input.value, {}, {}};
    if (!context.wants_statistics()) return output;
    asked += context.training ? 1 : 0;
    const double layer = 10.0 * static_cast<double>(context.layer + 1);
    const double ids = static_cast<double>(context.sequence_ids[0] / 4 % 2);  // of parts of four rows
    output.statistics = {{"level", "keys", at::scalar_tensor(layer, at::kDouble)},
                         {"parity", "of 2", at::scalar_tensor(ids)},
                         {"rows", "rows", static_cast<double>(input.query.size(0))}};
    if (context.layer == 1) output.statistics.push_back({"second", "keys", 7});
    return output;
  }
  std::string kernel() const override { return "telling"; }
  static inline int asked = 0;
};

struct Outcome {
  Ending result;
  Recorder record;
  at::Tensor weights;
};

template <class Kind = MaskedSoftmax>
Outcome run(const config::TrainConfig& train, std::int64_t starts = 5, std::uint64_t seed = 1,
            std::int64_t stop_after = -1, std::int64_t layers = 1) {
  config::RunConfig run_config;
  run_config.seed = static_cast<std::int64_t>(seed);
  config::ModelConfig model_config;
  model_config.layers = layers;
  model_config.width = 16;
  model_config.heads = 2;
  model_config.init_std = 0.1;
  const Counting dataset(starts);
  model::Transformer model(model_config, {Counting::kVocabulary, Counting::kLength}, seed, at::kCPU,
                           [](std::int64_t) -> std::unique_ptr<Attention> {
                             if constexpr (std::is_same_v<Kind, MaskedSoftmax>) {
                               return std::make_unique<Kind>(config::Causality::strict);
                             } else {
                               return std::make_unique<Kind>();
                             }
                           });
  Outcome outcome;
  std::atomic<bool> stop{false};
  const auto watch = [&](const Progress& progress) { stop = progress.step == stop_after; };
  outcome.result = train::train({run_config, train, dataset, model, outcome.record, watch, stop});
  outcome.weights = model.parameters().at("token_embedding").detach().clone();
  return outcome;
}

config::TrainConfig fifty_steps() {
  config::TrainConfig train;
  train.steps = 50;
  train.batch_size = 4;
  train.learning_rate = 0.02;
  train.warmup_share = 0.1;
  train.log_every = 1;
  train.eval_every = 0;
  return train;
}

TEST(Trainer, overfits_one_sequence_in_fifty_steps) {
  const auto outcome = run(fifty_steps(), /*starts=*/1);
  EXPECT_EQ(outcome.result.status, Status::done);
  EXPECT_GT(outcome.record.values.at("train/loss").front(), 1.8);  // ln 7 = 1.95
  EXPECT_LT(outcome.record.values.at("train/loss").back(), 0.05);
  EXPECT_LT(outcome.record.values.at("val/bits_per_char").back(), 0.07);
}

TEST(Trainer, repeats_itself_bit_for_bit) {
  const auto first = run(fifty_steps()), second = run(fifty_steps());
  EXPECT_EQ(first.record.facts.at("loss_chain"), second.record.facts.at("loss_chain"));
  EXPECT_TRUE(at::equal(first.weights, second.weights));
  EXPECT_NE(first.record.facts.at("loss_chain"),
            run(fifty_steps(), 5, /*seed=*/2).record.facts.at("loss_chain"));
}

TEST(Trainer, sees_the_same_batches_and_weights_whatever_the_attention) {
  const auto softmax = run(fifty_steps()), none = run<NoAttention>(fifty_steps());
  for (const auto* name : {"initial_weights", "training_batches"}) {
    EXPECT_EQ(softmax.record.facts.at(name), none.record.facts.at(name)) << name;
  }
  EXPECT_NE(softmax.record.facts.at("loss_chain"), none.record.facts.at("loss_chain"));
}

TEST(Trainer, accumulates_micro_batches_into_the_same_step) {
  auto whole = fifty_steps(), parts = fifty_steps();
  whole.steps = parts.steps = 3;
  whole.batch_size = 8;
  parts.batch_size = 2;
  parts.accumulation = 4;
  const auto one = run(whole), four = run(parts);
  EXPECT_EQ(one.record.facts.at("training_batches"), four.record.facts.at("training_batches"));
  EXPECT_TRUE(at::allclose(one.weights, four.weights, 1e-4, 1e-5));
}

TEST(Trainer, stops_at_the_first_loss_that_is_not_a_number) {
  const auto outcome = run<Spoiled>(fifty_steps());
  EXPECT_EQ(outcome.result.status, Status::failed);
  EXPECT_NE(outcome.result.reason.find("the loss is nan at step 4 (the loss of step 3 was "),
            std::string::npos)
      << outcome.result.reason;
  EXPECT_NE(outcome.result.reason.find("train.learning_rate"), std::string::npos);
}

TEST(Trainer, finishes_its_step_when_asked_to_stop) {
  const auto outcome = run(fifty_steps(), 5, 1, /*stop_after=*/7);
  EXPECT_EQ(outcome.result.status, Status::interrupted);
  EXPECT_EQ(outcome.result.reason, "stopped after step 7 of 50");
  EXPECT_EQ(outcome.record.values.at("train/loss").size(), 7u);
}

TEST(Trainer, stores_what_the_attention_reports_by_layer_at_the_steps_that_are_logged) {
  auto train = fifty_steps();
  train.steps = 10;
  train.log_every = 4;
  train.accumulation = 3;
  Telling::asked = 0;
  const auto outcome = run<Telling>(train, 5, 1, -1, /*layers=*/2);
  EXPECT_EQ(Telling::asked, 3 * 3 * 2) << "three steps of three parts and two layers";
  const auto& values = outcome.record.values;
  for (const std::string group : {"train/attention/", "attention/"}) {
    const std::size_t times = group == "attention/" ? 1 : 3;  // steps 4, 8 and the last, 10
    EXPECT_EQ(values.at(group + "level/layer_0"), std::vector<double>(times, 10));
    EXPECT_EQ(values.at(group + "level/layer_1"), std::vector<double>(times, 20));
    EXPECT_EQ(values.at(group + "level"), std::vector<double>(times, 15));
    EXPECT_EQ(values.at(group + "second"), std::vector<double>(times, 7));
    EXPECT_FALSE(values.contains(group + "second/layer_0"));
  }
  EXPECT_EQ(values.at("train/attention/rows"), std::vector<double>(3, 4));
  bool between = false;  // a mean over parts, not the first or last of them
  for (const double parity : values.at("train/attention/parity/layer_0")) {
    between |= parity > 0 && parity < 1;
  }
  EXPECT_TRUE(between);
}

TEST(Trainer, computes_the_same_with_statistics_and_without) {
  auto often = fifty_steps(), seldom = fifty_steps();
  seldom.log_every = 1000;
  EXPECT_EQ(run<Telling>(often).record.facts.at("loss_chain"),
            run<Telling>(seldom).record.facts.at("loss_chain"));
}

TEST(Trainer, records_what_the_results_are_judged_by) {
  const auto outcome = run(fifty_steps());
  for (const auto* name :
       {"val/loss", "tokens_per_second", "step_seconds_median", "parameters",
        "allocator_peak_bytes", "process_peak_bytes", "learning_rate", "grad_norm"}) {
    EXPECT_TRUE(outcome.record.values.contains(name)) << name;
  }
  EXPECT_EQ(outcome.record.facts.at("kernel"), "masked softmax");
  EXPECT_EQ(outcome.record.facts.at("validated"), "5 of 5 sequences");
}

TEST(Trainer, scores_the_test_split_once_at_the_end_and_in_no_training_time) {
  auto train = fifty_steps();
  train.eval_every = 10;
  EXPECT_FALSE(run(train).record.values.contains("test/loss"));
  train.score_test = true;
  const auto [result, record, weights] = run(train);
  EXPECT_EQ(record.values.at("val/loss").size(), 5u);
  ASSERT_EQ(record.values.at("test/loss").size(), 1u);
  EXPECT_EQ(record.values.at("test/loss").back(), record.values.at("val/loss").back()) << "this test split is the same text";
  EXPECT_EQ(record.values.at("test/bits_per_char").size(), 1u);
  EXPECT_EQ(record.seconds.at("test/loss"), record.seconds.at("val/loss"));
}

TEST(Trainer, trains_under_bfloat16_autocast) {
  auto train = fifty_steps();
  train.precision = config::Precision::bfloat16;
  const auto outcome = run(train, /*starts=*/1);
  EXPECT_EQ(outcome.result.status, Status::done) << outcome.result.reason;
  EXPECT_LT(outcome.record.values.at("train/loss").back(), 0.1);
  EXPECT_EQ(outcome.weights.scalar_type(), at::kFloat);
}

}  // namespace
}  // namespace attnlab::train
