#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "framework/config/bench_config.h"
#include "framework/config/bind.h"
#include "framework/core/paths.h"
#include "framework/worker/job.h"
#include "framework/worker/parent_watch.h"

namespace attnlab::worker {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

struct Recorder final : MetricSink {
  std::map<std::string, std::vector<double>> values;
  std::map<std::string, std::string> facts;
  void add(MetricEvent event) override {
    for (const auto& metric : event.metrics) values[metric.key.name].push_back(metric.value);
  }
  void fact(std::string_view name, std::string_view text) override {
    facts[std::string(name)] = text;
  }
};

std::string library(const char* folder, const std::string& name) {
  return (paths::executable_dir().parent_path() / "lib" / "attnlab" / folder /
          ("attention_" + name + ".so"))
      .string();
}

config::Node named(const std::string& name) {
  auto map = config::Node::map();
  map.set("name", config::Node(name));
  return map;
}

// A training run of a second on 32 tokens.
launch::RunSpec training() {
  launch::RunSpec spec{.plugin_path = library("worker_plugins", "picky")};
  spec.config = config::write(config::RunConfig{});
  spec.config.set("model", config::write(config::ModelConfig{.layers = 1, .width = 16, .heads = 2}));
  config::TrainConfig train;
  train.steps = 2, train.batch_size = 2, train.log_every = 1, train.eval_every = 0, train.eval_sequences = 2;
  spec.config.set("train", config::write(train));
  auto dataset = named("copy");
  dataset.set("length", config::Node(std::int64_t{32}));
  spec.config.set("dataset", dataset);
  spec.config.set("attention", named("picky"));
  return spec;
}

launch::RunSpec timing(const std::string& lengths) {
  auto spec = training();
  auto config = config::write(config::RunConfig{});
  for (const char* section : {"model", "attention"}) {
    config.set(section, *spec.config.find(section));
  }
  config.set("bench", config::write(config::BenchConfig{
                          .lengths = lengths, .samples = 2, .least_samples = 2, .seconds = 0}));
  spec.config = config;
  return spec;
}

void set(launch::RunSpec& spec, const char* section, const char* key, config::Node::Value value) {
  spec.config.find(section)->set(key, config::Node(std::move(value)));
}

struct Outcome {
  Ending ending;
  Recorder record;
};

Outcome outcome_of(const launch::RunSpec& spec) {
  Outcome outcome;
  Reporter reporter(-1);
  Session session{outcome.record, reporter, nullptr, spec};
  const auto prepared = prepare(spec, outcome.record);
  outcome.ending = prepared.bench == nullptr ? train(prepared, session) : time(prepared, session);
  return outcome;
}

// Layer 0 has one variant, layers 1 and 2 the same plugin with other parameters.
launch::RunSpec patterned() {
  auto spec = training();
  const auto picky = library("worker_plugins", "picky");
  spec.plugin_path = picky + ":" + picky;
  set(spec, "model", "layers", std::int64_t{3});
  set(spec, "model", "attention_pattern", std::string("first,other*2"));
  auto attention = named("first,other*2"), other = named("picky");
  other.set("exact", config::Node(true));
  attention.set("first", named("picky"));
  attention.set("other", other);
  spec.config.set("attention", attention);
  return spec;
}

TEST(Pattern, gives_each_layer_its_variant_and_names_the_layers_of_a_refusal) {
  EXPECT_EQ(outcome_of(patterned()).ending.status, Status::done);
  auto spec = patterned();
  set(spec, "dataset", "length", std::int64_t{200});
  const auto refused = outcome_of(spec).ending;
  EXPECT_EQ(refused.status, Status::skipped);
  EXPECT_EQ(refused.reason, "layer 0: it takes 100 tokens at most");
}

TEST(Prepare, tells_what_is_wrong_with_a_pattern) {
  const std::vector<std::pair<std::function<void(launch::RunSpec&)>, const char*>> cases{
      {[](auto& s) { s.plugin_path = "/a.so"; }, "1 plugins for the 2 variants"},
      {[](auto& s) { s.config.find("attention")->erase("other"); }, "no section 'attention.other'"},
      {[](auto& s) { set(s, "model", "attention_pattern", std::string("first,*2")); }, "no term of a pattern"},
      {[](auto& s) { set(s, "model", "attention_pattern", std::string("first,other")); }, "is for layer 2"}};
  for (const auto& [damage, message] : cases) {
    auto spec = patterned();
    damage(spec);
    try {
      (void)outcome_of(spec);
      ADD_FAILURE() << "accepted: " << message;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(message));
    }
  }
}

TEST(Prepare, tells_what_is_wrong_with_a_spec) {
  struct Case {
    std::function<void(launch::RunSpec&)> damage;
    const char* message;
  };
  const std::vector<Case> cases{
      {[](auto& s) { s.config = config::Node::map(); }, "the spec has no section 'attention'"},
      {[](auto& s) {
         auto without = config::Node::map();
         for (const auto& [key, value] : s.config.as_map()) {
           if (key != "train") without.set(key, value);
         }
         s.config = without;
       },
       "the spec has no section 'train'"},
      {[](auto& s) { s.config.set("threads", config::Node(std::int64_t{0})); }, "run.threads"},
      {[](auto& s) { set(s, "model", "heads", std::int64_t{3}); }, "not divisible by heads"},
      {[](auto& s) { set(s, "train", "steps", std::string("x")); }, "train.steps"},
      {[](auto& s) { s.config.set("device", config::Node(std::string("auto"))); },
       "device=auto: expected cpu or cuda"},
      {[](auto& s) { s.config.set("typo", config::Node(std::int64_t{1})); }, "typo"},
      {[](auto& s) { s.plugin_path = "/nowhere/attention_x.so"; }, "/nowhere/attention_x.so"},
      {[](auto& s) { set(s, "dataset", "name", std::string("nothing")); }, "nothing"}};
  for (const auto& each : cases) {
    auto spec = training();
    each.damage(spec);
    Recorder sink;
    EXPECT_THAT([&] { (void)prepare(spec, sink); }, ThrowsMessage<Error>(HasSubstr(each.message)));
  }
}

TEST(Prepare, refuses_a_device_that_is_not_there) {
  if (access("/dev/nvidiactl", F_OK) == 0) GTEST_SKIP() << "a GPU";
  auto spec = training();
  spec.config.set("device", config::Node(std::string("cuda")));
  Recorder sink;
  EXPECT_THAT([&] { (void)prepare(spec, sink); },
              ThrowsMessage<Error>(HasSubstr("device=cuda: no CUDA device was found")));
}

TEST(Train, keeps_the_auxiliary_loss_apart_from_the_loss) {
  auto spec = training();
  const auto with = outcome_of(spec);
  ASSERT_EQ(with.ending.status, Status::done) << with.ending.reason;
  set(spec, "attention", "auxiliary", 0.0);
  const auto without = outcome_of(spec);
  EXPECT_EQ(with.record.values.at("train/auxiliary"), (std::vector<double>{10, 10}));
  EXPECT_FALSE(without.record.values.contains("train/auxiliary"));
  EXPECT_EQ(with.record.values.at("train/loss"), without.record.values.at("train/loss"));
  EXPECT_EQ(with.record.values.at("val/loss"), without.record.values.at("val/loss"));
}

TEST(Train, is_refused_at_the_length_that_it_will_see) {
  auto spec = training();
  set(spec, "dataset", "length", std::int64_t{128});
  const auto outcome = outcome_of(spec);
  EXPECT_EQ(outcome.ending.status, Status::skipped);
  EXPECT_EQ(outcome.ending.reason, "it takes 100 tokens at most");
}

TEST(Train, fails_before_anything_is_allocated_where_it_cannot_fit) {
  for (const char* key : {"batch_size", "accumulation"}) {
    auto spec = training();
    set(spec, "train", key, std::int64_t{1'000'000'000});
    const auto outcome = outcome_of(spec);
    EXPECT_EQ(outcome.ending.status, Status::failed);
    EXPECT_THAT(outcome.ending.reason, HasSubstr("out of memory: the run needs an estimated")) << key;
  }
}

TEST(Time, leaves_out_lengths_that_are_refused_and_says_what_was_checked) {
  const auto some = outcome_of(timing("64,128"));
  ASSERT_EQ(some.ending.status, Status::done) << some.ending.reason;
  EXPECT_EQ(some.record.facts.at("left out T=128"), "it takes 100 tokens at most");
  EXPECT_THAT(some.record.facts.at("checked T=64"), HasSubstr("against finite differences"));
  const auto none = outcome_of(timing("128,256"));
  EXPECT_EQ(none.ending.status, Status::skipped);
  EXPECT_EQ(none.ending.reason, "T = 256: it takes 100 tokens at most");
  auto exact = timing("64");
  set(exact, "attention", "exact", true);
  EXPECT_THAT(outcome_of(exact).record.facts.at("checked T=64"),
              HasSubstr("output and gradients against float64"));
}

TEST(Time, leaves_out_lengths_that_cannot_fit_with_the_estimate) {
  auto spec = timing("32,34359738368");
  spec.plugin_path = library("plugins", "dense");
  spec.config.set("attention", named("dense"));
  const auto outcome = outcome_of(spec);
  ASSERT_EQ(outcome.ending.status, Status::done) << outcome.ending.reason;
  EXPECT_THAT(outcome.record.facts.at("left out T=34359738368"),
              testing::MatchesRegex("needs an estimated [0-9.]+ TiB; this process may use .*"));
}

TEST(Time, of_a_dtype_that_the_plugin_does_not_take_is_skipped) {
  auto spec = timing("32");
  set(spec, "bench", "dtype", std::string("bfloat16"));
  EXPECT_EQ(outcome_of(spec).ending.reason,
            "T = 32: attention 'picky' does not support dtype bfloat16; it supports dtypes: float32.");
}

}  // namespace
}  // namespace attnlab::worker
