#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "framework/config/bind.h"
#include "framework/config/compose.h"
#include "framework/config/run_config.h"

namespace attnlab::config {
namespace {
using testing::ElementsAre;
using testing::StartsWith;

class ShippedExperiments : public testing::Test {
 protected:
  void SetUp() override {
    const char* source = std::getenv("ATTNLAB_SOURCE");
    if (source == nullptr) GTEST_SKIP() << "ATTNLAB_SOURCE, the source folder, is not set";
    home_ = source;
  }
  [[nodiscard]] Composed compose(const std::vector<std::string>& words) const {
    std::vector<Override> overrides;
    for (const auto& word : words) overrides.push_back(parse_override(word));
    return Composer({home_, {}, {}}).compose(overrides);
  }
  [[nodiscard]] std::vector<std::string> options(const std::string& group) const {
    return Composer({home_, {}, {}}).options(group);
  }
  [[nodiscard]] ModelConfig model(const std::string& option) const {
    return read<ModelConfig>(*compose({"model=" + option}).config.find("model"), "model");
  }
  [[nodiscard]] TrainConfig train(const std::string& option) const {
    return read<TrainConfig>(*compose({"train=" + option}).config.find("train"), "train");
  }
  std::filesystem::path home_;
};

TEST_F(ShippedExperiments, begin_with_dense_attention_on_mnist) {
  const auto composed = compose({});
  EXPECT_EQ(composed.option("attention"), "dense");
  EXPECT_EQ(composed.option("dataset"), "mnist");
  EXPECT_EQ(composed.option("model"), "tiny");
  EXPECT_EQ(composed.option("train"), "standard");
  EXPECT_EQ(composed.option("experiment"), "");
  EXPECT_EQ(composed.config.find_path("seed")->text(), "0");
}

TEST_F(ShippedExperiments, keep_nothing_but_the_sections_and_keys_of_a_run) {
  std::vector<std::string> keys;
  const auto composed = compose({});
  for (const auto& [key, child] : composed.config.as_map()) keys.push_back(key);
  EXPECT_THAT(keys, ElementsAre("model", "train", "dataset", "attention", "seed", "device",
                                "threads", "study", "plugin_path"));
}

TEST_F(ShippedExperiments, have_models_of_three_sizes) {
  EXPECT_THAT(options("model"), ElementsAre("paper", "small", "tiny"));
  const auto sizes = [&](const char* option) {
    const auto config = model(option);
    return std::vector{config.layers, config.width, config.heads, config.head_dim()};
  };
  EXPECT_THAT(sizes("tiny"), ElementsAre(2, 64, 4, 16));
  EXPECT_THAT(sizes("small"), ElementsAre(6, 384, 6, 64));
  EXPECT_THAT(sizes("paper"), ElementsAre(12, 768, 12, 64));
}

TEST_F(ShippedExperiments, have_recipes_whose_keys_all_exist) {
  EXPECT_THAT(options("train"), ElementsAre("paper", "smoke", "standard"));
  EXPECT_EQ(train("smoke").steps, 20);
  EXPECT_EQ(train("standard").steps, 200);
}

TEST_F(ShippedExperiments, have_the_recipe_of_the_paper) {
  const auto paper = train("paper");
  EXPECT_EQ(paper.steps, 15000);
  EXPECT_EQ(paper.batch_size * paper.accumulation, 64);  // sequences in one step
  const double first = paper.learning_rate / paper.initial_divisor;
  EXPECT_DOUBLE_EQ(first, 1e-5);
  EXPECT_DOUBLE_EQ(first / paper.final_divisor, 2e-4);
  EXPECT_EQ(paper.grad_clip, 0);
  EXPECT_EQ(paper.precision, Precision::bfloat16);
}

TEST_F(ShippedExperiments, leave_the_attention_to_the_user_and_are_valid) {
  ASSERT_THAT(options("experiment"), testing::IsSupersetOf({"demo", "enwik8_cpu"}));
  for (const auto& name : options("experiment")) {
    SCOPED_TRACE(name);
    const auto composed = compose({"experiment=" + name, "attention=reformer"});
    EXPECT_EQ(composed.option("attention"), "reformer");
    EXPECT_EQ(composed.config.find_path("attention.name")->text(), "reformer");
    (void)read<ModelConfig>(*composed.config.find("model"), "model");
    (void)read<TrainConfig>(*composed.config.find("train"), "train");
  }
}

TEST_F(ShippedExperiments, give_way_to_the_command_line) {
  const auto composed =
      compose({"experiment=enwik8_cpu", "dataset=enwik8", "dataset.length=256", "seed=3"});
  const auto origin = [&](const char* path) {
    return composed.config.find_path(path)->origin().text();
  };
  EXPECT_EQ(composed.config.find_path("dataset.length")->text(), "256");
  EXPECT_EQ(origin("dataset.length"), "override 'dataset.length=256'");
  EXPECT_THAT(origin("train.steps"), StartsWith("experiments/experiment/enwik8_cpu.yaml:"));
  EXPECT_THAT(origin("model.layers"), StartsWith("experiments/model/tiny.yaml:"));
  EXPECT_THAT(origin("threads"), StartsWith("experiments/config.yaml:"));
  EXPECT_EQ(compose({"experiment=enwik8_cpu", "dataset=mnist"}).option("dataset"), "mnist");
  EXPECT_EQ(compose({"experiment=enwik8_cpu", "data=copy", "data.length=8"})
                .config.find_path("dataset.length")
                ->text(),
            "8");
}

}  // namespace
}  // namespace attnlab::config
