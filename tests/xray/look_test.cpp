#include "framework/xray/xray.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "framework/train/trainer.h"
#include "tests/xray/support.h"

namespace attnlab::xray {
namespace {

// Tokens that depend on index and place.
class Mixed final : public data::Dataset {
 public:
  explicit Mixed(std::int64_t length) : length_(length) {
    info_.name = info_.description = "mixed";
    info_.metric = "bits_per_char";
    info_.vocabulary = 11;
  }
  const data::DatasetInfo& info() const override { return info_; }
  std::int64_t size(data::Split) const override { return 9; }
  data::Example get(data::Split, std::int64_t index) const override {
    data::Example example;
    for (std::int64_t t = 0; t < length_; ++t) {
      example.input.push_back(static_cast<std::int32_t>((index * 7 + t * t) % 11));
      example.target.push_back(static_cast<std::int32_t>((index * 7 + (t + 1) * (t + 1)) % 11));
    }
    return example;
  }

 private:
  std::int64_t length_;
  data::DatasetInfo info_;
};

struct Recorder final : MetricSink {
  std::map<std::string, std::map<std::int64_t, double>> values;
  std::map<std::string, std::string> facts;
  void add(MetricEvent event) override {
    for (const auto& metric : event.metrics) values[metric.key.name][event.step] = metric.value;
  }
  void fact(std::string_view name, std::string_view text) override { facts[std::string(name)] = text; }
};

// A model of two layers and two heads behind a lens.
struct Lab {
  explicit Lab(const Variant& variant, std::int64_t length = 24, config::Causality causality = config::Causality::strict)
      : dataset(length) {
    config.layers = 2;
    config.width = 16;
    config.heads = 2;
    config.init_std = 0.3;
    config.causality = causality;
    model.emplace(config, model::TokenShape{11, length}, 5, at::kCPU, [&](std::int64_t layer, Owner& owner) {
      return lens.around(load_plugin(test::built_plugin(variant.name))
                             .create(model::attention_shape(config, length, layer),
                                     test::section(variant.name, variant.values), owner));
    });
  }

  std::vector<Metric> look(std::int64_t step = 0, Sample sample = {}) {
    return xray::look({.run = run, .precision = config::Precision::float32,
                       .inclusive = config.causality == config::Causality::inclusive, .dataset = dataset, .model = *model,
                       .lens = lens, .step = step, .sample = sample},
                      [](std::int64_t, std::int64_t) { return true; })
        .value();
  }
  Recorder train(std::int64_t every) {
    config::TrainConfig settings;
    settings.steps = 12;
    settings.batch_size = 3;
    settings.log_every = 1;
    settings.eval_every = 6;
    settings.xray_every = every;
    Recorder record;
    const std::atomic<bool> stop{false};
    const auto ending = train::train({.run = run, .train = settings, .dataset = dataset, .model = *model, .sink = record, .report = {},
                                      .stop = stop, .look = [&](std::int64_t done) { return look(done); }});
    EXPECT_EQ(ending.status, Status::done) << ending.reason;
    return record;
  }

  Mixed dataset;
  config::RunConfig run;
  config::ModelConfig config;
  Lens lens;
  std::optional<model::Transformer> model;
};

std::map<std::string, double> by_name(const std::vector<Metric>& metrics) {
  std::map<std::string, double> values;
  for (const auto& metric : metrics) values[metric.key.name] = metric.value;
  return values;
}

TEST(Look, names_layers_and_heads_and_means_over_them) {
  Lab lab({"hash_sparse", {{"buckets", std::int64_t{4}}}});
  const auto values = by_name(lab.look());
  double sum = 0;
  for (const std::string layer : {"0", "1"}) {
    const auto key = "xray/kept_weight/layer_" + layer;
    sum += values.at(key);
    EXPECT_NEAR(values.at(key), (values.at(key + "/head_0") + values.at(key + "/head_1")) / 2, 1e-12);
  }
  EXPECT_NEAR(values.at("xray/kept_weight"), sum / 2, 1e-12);
  EXPECT_EQ(values.at("xray/sequences"), 4);
  EXPECT_EQ(values.at("xray/queries"), 4 * 23) << "all that have a key";
  EXPECT_EQ(values.at("xray/length"), 24);
  EXPECT_TRUE(values.contains("xray/reported/pairs_over_even/layer_1")) << "what the plugin says itself";
  EXPECT_GE(values.at("xray/largest_segment/layer_0/head_1"), 0.25) << "of four buckets";
  EXPECT_LT(values.at("xray/unexplained"), 1e-5);
  EXPECT_LE(values.at("xray/kept_weight"), values.at("xray/best_weight"));
}

TEST(Look, tells_the_reformers_coverage_and_nothing_of_segments_where_there_are_none) {
  Lab reformer({"reformer", {{"chunk", std::int64_t{4}}}});
  const auto values = by_name(reformer.look());
  EXPECT_GT(values.at("xray/reported/bucket_coverage/layer_0"), 0);
  EXPECT_LE(values.at("xray/reported/bucket_coverage/layer_0"), 1);
  Lab window({"sliding_window"});
  EXPECT_FALSE(by_name(window.look()).contains("xray/largest_segment"));
}

TEST(Look, sees_the_same_again_and_something_else_at_another_step_of_a_variant_that_draws) {
  Lab lab({"qk_drop", {{"drop", 0.5}}});
  const auto first = by_name(lab.look(3)), again = by_name(lab.look(3)), later = by_name(lab.look(4));
  EXPECT_EQ(first, again);
  EXPECT_NE(first.at("xray/kept_weight"), later.at("xray/kept_weight"));
}

TEST(Look, of_one_token_finds_no_query_unless_it_sees_itself) {
  Lab strict({"dense"}, 1);
  EXPECT_TRUE(strict.look().empty());
  Lab inclusive({"dense"}, 1, config::Causality::inclusive);
  const auto values = by_name(inclusive.look());
  EXPECT_EQ(values.at("xray/kept_weight"), 1);
  EXPECT_EQ(values.at("xray/profile/from_0"), 1);
}

TEST(Look, ends_when_it_is_told_to) {
  Lab lab({"dense"});
  int calls = 0;
  const auto result = look({.run = lab.run, .precision = config::Precision::float32, .inclusive = false, .dataset = lab.dataset,
                            .model = *lab.model, .lens = lab.lens},
                           [&](std::int64_t, std::int64_t) { return ++calls < 3; });
  EXPECT_FALSE(result.has_value());
  EXPECT_EQ(calls, 3);
}

TEST(Look, in_training_changes_no_number_of_the_run) {
  for (const auto& variant : {Variant{"hash_sparse", {{"buckets", std::int64_t{4}}, {"hash_space", std::string("centred")}}},
                              Variant{"qk_drop", {{"drop", 0.5}}}, Variant{"dense"}}) {
    Lab with(variant), without(variant);
    const auto seen = with.train(5), plain = without.train(0);
    EXPECT_EQ(seen.facts.at("loss_chain"), plain.facts.at("loss_chain")) << variant;
    for (std::size_t i = 0; i < with.model->parameters().all().size(); ++i) {
      EXPECT_TRUE(with.model->parameters().all()[i].value.equal(without.model->parameters().all()[i].value));
    }
    std::set<std::int64_t> steps;
    for (const auto& [step, value] : seen.values.at("xray/kept_weight")) steps.insert(step);
    EXPECT_EQ(steps, (std::set<std::int64_t>{5, 10, 12})) << "every five steps and after the last";
    EXPECT_EQ(seen.values.at("val/loss"), plain.values.at("val/loss"));
    EXPECT_FALSE(plain.values.contains("xray/kept_weight"));
  }
}

}  // namespace
}  // namespace attnlab::xray
