// ranks_test.cpp: several ranks of a run against one. Ranks are threads here, each with a model and a Gloo
// group of its own; processes are tests/end_to_end/ranks_test.py.
#include "framework/train/ranks.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <future>
#include <map>

#include "framework/core/error.h"
#include "framework/data/batch_loader.h"
#include "framework/train/evaluator.h"
#include "framework/train/gloo_group.h"
#include "framework/train/trainer.h"
#include "tests/train/ranks_together.h"

namespace attnlab::train {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Group, gives_all_ranks_the_same_bits) {
  together(3, [](Group& group) {
    const auto numbers = at::full({5}, 0.1 * (group.rank() + 1), at::kFloat);
    group.sum(numbers);
    const auto all = group.gather(numbers);
    for (int rank = 0; rank < 3; ++rank) EXPECT_TRUE(at::equal(all[rank], all[0]));
    EXPECT_NEAR(numbers[4].item<double>(), 0.6, 1e-6);
    const auto first = group.first() ? at::tensor({-0.0F, 1e-42F, 3.5F}) : at::ones({3});
    group.broadcast(first);
    EXPECT_TRUE(at::equal(first.view(at::kInt), at::tensor({-0.0F, 1e-42F, 3.5F}).view(at::kInt)));
    EXPECT_EQ(group.broadcast(group.first() ? std::string("a\0b", 3) : "other"), std::string("a\0b", 3));
    EXPECT_EQ(group.broadcast(std::string()), "");
    EXPECT_EQ(group.gather(std::string(static_cast<std::size_t>(2 * group.rank()), 'x')),
              (std::vector<std::string>{"", "xx", "xxxx"}));
  });
}

// A job whose other ranks never start is stopped as any run is.
TEST(Group, a_rank_that_waits_for_the_others_can_be_stopped) {
  for (const int rank : {0, 1}) {
    Meeting meeting{.rank = rank, .size = 2, .host = "127.0.0.1", .port = 29'731};
    int asked = 0;
    meeting.stopped = [&] { return ++asked > 1; };
    EXPECT_THROW(static_cast<void>(meet(meeting)), MeetingStopped) << rank;
  }
}

TEST(Group, names_the_rank_that_does_not_answer) {
  EXPECT_THAT(
      [] {
        together(2, [](Group& group) {
          if (!group.first()) std::this_thread::sleep_for(std::chrono::seconds(3));
          group.sum(at::zeros({1}));
        }, /*patience=*/0.5);
      },
      ThrowsMessage<Error>(HasSubstr("rank 1 did not answer for")));
}

TEST(Group, names_what_of_two_ranks_is_not_alike) {
  EXPECT_THAT(
      [] {
        std::string folder = (fs::temp_directory_path() / "ranks-XXXXXX").string();
        ASSERT_NE(::mkdtemp(folder.data()), nullptr);
        const auto other = std::async(std::launch::async, [&] {
          EXPECT_THROW(static_cast<void>(meet({.rank = 1, .size = 2, .file = folder + "/m", .identity = "AVX2"})), Error);
        });
        static_cast<void>(meet({.rank = 0, .size = 2, .file = folder + "/m", .identity = "AVX512"}));
      },
      ThrowsMessage<Error>(HasSubstr("rank 1 is not what rank 0 is: it has AVX2; expected rank 0's AVX512.")));
}

/// Each sequence counts upwards from its own start; odd ones are scored in their second half alone.
class Half final : public data::Dataset {
 public:
  Half() {
    info_.name = info_.description = "half";
    info_.metric = "bits_per_char";
    info_.vocabulary = 7;
  }
  const data::DatasetInfo& info() const override { return info_; }
  std::int64_t size(data::Split) const override { return 11; }
  data::Example get(data::Split, std::int64_t index) const override {
    data::Example example;
    for (std::int64_t t = 0; t < 8; ++t) {
      example.input.push_back(static_cast<std::int32_t>((index + t) % 7));
      const bool scored = index % 2 == 0 || t >= 4;
      example.target.push_back(scored ? static_cast<std::int32_t>((index + t + 1) % 7) : -1);
    }
    return example;
  }

 private:
  data::DatasetInfo info_;
};

struct Numbers final : MetricSink {
  std::map<std::string, std::vector<double>> values;
  std::map<std::string, std::string> facts;
  void add(MetricEvent event) override {
    for (const auto& metric : event.metrics) values[metric.key.name].push_back(metric.value);
  }
  void fact(std::string_view name, std::string_view text) override { facts[std::string(name)] = text; }
};

const Half kHalf;

struct Trained {
  Ending ending;
  Numbers numbers;
  std::map<std::string, at::Tensor> weights;
};

Trained train_alone(const config::TrainConfig& config, Group* group = nullptr, std::int64_t stop_after = -1) {
  config::RunConfig run;
  run.seed = 3;
  auto model = small_model();
  Trained trained;
  std::atomic<bool> stop{false};
  const auto watch = [&](const Progress& progress) { stop = progress.step == stop_after; };
  trained.ending = train({run, config, kHalf, model, trained.numbers, watch, stop, kNothing, kNoProfile, nullptr, {}, group});
  for (const auto& parameter : model.parameters().all()) trained.weights[parameter.name] = parameter.value.detach();
  for (const auto& [name, buffer] : model.parameters().buffers()) trained.weights[name] = buffer;
  return trained;
}

std::vector<Trained> train_together(int size, const config::TrainConfig& config, std::int64_t second_stops_after = -1) {
  std::vector<Trained> all(static_cast<std::size_t>(size));
  together(size, [&](Group& group) {
    all[static_cast<std::size_t>(group.rank())] =
        train_alone(config, &group, group.rank() == 1 ? second_stops_after : -1);
  });
  return all;
}

config::TrainConfig steps(std::int64_t steps, std::int64_t batch_size, std::int64_t accumulation) {
  config::TrainConfig config;
  config.steps = steps;
  config.batch_size = batch_size;
  config.accumulation = accumulation;
  config.learning_rate = 0.01;
  config.grad_clip = 0.5;
  config.log_every = 1;
  config.eval_every = 10;
  return config;
}

void expect_as_alone(int size, const config::TrainConfig& config) {
  SCOPED_TRACE(std::to_string(size) + " ranks");
  const auto alone = train_alone(config);
  const auto ranks = train_together(size, config), again = train_together(size, config);
  ASSERT_EQ(ranks[0].ending.status, Status::done) << ranks[0].ending.reason;
  EXPECT_EQ(ranks[0].numbers.facts.at("training_batches"), alone.numbers.facts.at("training_batches"));
  EXPECT_EQ(ranks[0].numbers.facts.at("loss_chain"), again[0].numbers.facts.at("loss_chain"));
  for (const auto* name : {"train/loss", "train/auxiliary", "grad_norm", "val/loss", "train/attention/level",
                           "attention/level"}) {
    const auto &one = alone.numbers.values.at(name), &several = ranks[0].numbers.values.at(name);
    ASSERT_EQ(one.size(), several.size()) << name;
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(several[i] / one[i], 1, 1e-4) << name << " " << i;
  }
  for (const auto& [name, weight] : alone.weights) {
    for (const auto& rank : ranks) EXPECT_TRUE(at::equal(rank.weights.at(name), ranks[0].weights.at(name))) << name;
    EXPECT_TRUE(at::allclose(ranks[0].weights.at(name), weight, 1e-3, 1e-4)) << name;
  }
  EXPECT_TRUE(at::equal(ranks[0].weights.at("blocks.0.attention.unused"), alone.weights.at("blocks.0.attention.unused")))
      << "no gradient, no step";
}

TEST(Ranks, train_as_one_process_does) {
  expect_as_alone(2, steps(30, 4, 2));
  expect_as_alone(3, steps(20, 2, 3));
  expect_as_alone(4, steps(20, 4, 1));  // micro-batches of one row
}

TEST(Ranks, have_the_very_gradients_and_scores_where_their_micro_batches_are_those_of_one_process) {
  const auto config = steps(1, 4, 2);
  const auto alone = train_alone(config);
  const auto ranks = train_together(2, config);
  // Two parts, whichever way they are added up.
  for (const auto* name : {"train/loss", "grad_norm", "val/loss"}) {
    EXPECT_EQ(ranks[0].numbers.values.at(name), alone.numbers.values.at(name)) << name;
  }
  EXPECT_TRUE(at::equal(ranks[1].weights.at("blocks.1.attention.energy"), alone.weights.at("blocks.1.attention.energy")));
}

TEST(Ranks, stop_together_where_one_is_asked_to) {
  const auto ranks = train_together(2, steps(1000, 4, 1), /*second_stops_after=*/5);
  for (const auto& rank : ranks) {
    EXPECT_EQ(rank.ending.status, Status::interrupted);
    EXPECT_EQ(rank.ending.reason, ranks[0].ending.reason);
  }
  EXPECT_EQ(ranks[0].ending.reason, "stopped after step 6 of 1000") << "known when the step after is added up";
}

TEST(Ranks, find_weights_that_have_drifted_apart) {
  const std::atomic<bool> stop{false};
  together(2, [&](Group& group) {
    auto model = small_model();
    const AdamW optimizer(model.parameters(), {});
    const Ranks ranks(&group, model, optimizer, stop);
    EXPECT_NO_THROW(ranks.expect_equal("batches"));
    if (!group.first()) {
      const at::NoGradGuard no_grad;
      model.parameters().at("blocks.1.mlp_in").detach()[3][5] += 1e-7;
    }
    EXPECT_THAT([&] { ranks.expect_equal("batches"); },
                ThrowsMessage<Error>(HasSubstr("rank 1 no longer has what rank 0 has: its 'blocks.1.mlp_in' differs")));
  });
}

TEST(RowsOfPart, divide_the_share_of_a_rank) {
  EXPECT_EQ(data::rows_of_part(8, 3, 1), 8);
  EXPECT_EQ(data::rows_of_part(8, 4, 2), 8);
  EXPECT_EQ(data::rows_of_part(8, 1, 2), 4);
  EXPECT_EQ(data::rows_of_part(8, 3, 2), 6);
  EXPECT_EQ(data::rows_of_part(26, 1, 2), 13);
  EXPECT_EQ(data::rows_of_part(1, 6, 3), 1);
}

}  // namespace
}  // namespace attnlab::train
