// resume_test.cpp: a run that was stopped and went on has the bits of one that was not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "framework/checkpoint/folder.h"
#include "framework/config/bind.h"
#include "framework/core/digest.h"
#include "framework/core/paths.h"
#include "framework/worker/job.h"
#include "framework/worker/parent_watch.h"
#include "framework/worker/resume.h"

namespace attnlab::worker {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// Keeps every number, and asks to stop at the first of a step.
struct CurveRecorder final : MetricSink {
  std::int64_t stop_at = -1;
  std::string stop_after;  // not at the first number of that step, but behind this one
  std::map<std::pair<std::string, std::int64_t>, double> values;
  std::map<std::string, std::string> facts;
  void add(MetricEvent event) override {
    for (const auto& metric : event.metrics) {
      EXPECT_FALSE(values.contains({metric.key.name, event.step})) << metric.key.name << " twice";
      values[{metric.key.name, event.step}] = metric.value;
    }
    const bool there = stop_after.empty() || values.contains({stop_after, event.step});
    if (event.step == stop_at && there) stop_requested = true;
  }
  void fact(std::string_view name, std::string_view text) override { facts[std::string(name)] = text; }
};

struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "resume-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

constexpr std::int64_t kSteps = 7;

using Changes = std::vector<std::tuple<const char*, const char*, config::Node::Value>>;

launch::RunSpec spec_of(const fs::path& library, const Changes& changes) {
  launch::RunSpec spec{.plugin_path = library.string(), .fingerprint = "f00d"};
  spec.config = config::write(config::RunConfig{});
  spec.config.set("model", config::write(config::ModelConfig{.layers = 2, .width = 32, .heads = 2}));
  config::TrainConfig train;
  train.steps = kSteps, train.batch_size = 2, train.log_every = 1, train.eval_every = 3, train.eval_sequences = 4;
  spec.config.set("train", config::write(train));
  auto dataset = config::Node::map(), attention = config::Node::map();
  dataset.set("name", config::Node(std::string("copy")));
  dataset.set("length", config::Node(std::int64_t{48}));
  const auto stem = library.stem().string();
  attention.set("name", config::Node(stem.substr(stem.find('_') + 1)));
  spec.config.set("dataset", dataset);
  spec.config.set("attention", attention);
  for (const auto& [section, key, value] : changes) spec.config.find(section)->set(key, config::Node(value));
  return spec;
}

/// One attempt in a folder of its own, after those before it.
struct Attempt {
  Attempt(launch::RunSpec spec, const fs::path& folder, const std::vector<fs::path>& before, std::int64_t stop_at,
          const std::string& stop_after = "") {
    spec.folder = folder.string();
    spec.attempt = std::ssize(before) + 1;
    config::List earlier;
    for (auto i = std::ssize(before); i > 0; --i) {
      earlier.push_back(config::Node(config::Map{{"run", config::Node(i)}, {"attempt", config::Node(i)},
                                                 {"folder", config::Node(before[static_cast<std::size_t>(i - 1)].string())}}));
    }
    spec.earlier = config::Node(std::move(earlier));
    record.stop_at = stop_at;
    record.stop_after = stop_after;
    stop_requested = false;
    Reporter reporter(-1);
    Session session{record, reporter, nullptr, spec};
    const auto prepared = prepare(spec, record);
    ending = train(prepared, session);
    stop_requested = false;
  }
  Ending ending;
  CurveRecorder record;
};

std::string bytes(const fs::path& file) { return sha256_file(file); }

// Stopped twice, the first time in the middle of a validation, against not at all.
void expect_same(const std::string& what, const launch::RunSpec& spec) {
  SCOPED_TRACE(what);
  const Folder whole, parts;
  const Attempt undisturbed(spec, whole.path, {}, -1);
  ASSERT_EQ(undisturbed.ending.status, Status::done) << undisturbed.ending.reason;
  const std::vector<fs::path> folders{parts.path / "1", parts.path / "2", parts.path / "3"};
  std::map<std::pair<std::string, std::int64_t>, double> curve;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::int64_t stop_at = i == 0 ? 3 : i == 1 ? 5 : -1;
    const Attempt attempt(spec, folders[i], {folders.begin(), folders.begin() + static_cast<std::ptrdiff_t>(i)}, stop_at);
    EXPECT_EQ(attempt.ending.status, i == 2 ? Status::done : Status::interrupted) << attempt.ending.reason;
    if (i == 1) {
      EXPECT_EQ(attempt.record.facts.at("continues"), "continues attempt 1 at step 3");
    }
    if (i == 2) {
      EXPECT_EQ(attempt.record.facts.at("loss_chain"), undisturbed.record.facts.at("loss_chain"));
      EXPECT_EQ(attempt.record.facts.at("training_batches"), undisturbed.record.facts.at("training_batches"));
    }
    for (const auto& number : attempt.record.values) EXPECT_TRUE(curve.insert(number).second) << number.first.first;
  }
  for (const auto& [key, value] : undisturbed.record.values) {
    ASSERT_TRUE(curve.contains(key)) << key.first << " at " << key.second;
    const bool of_time = key.first.find("second") != key.first.npos || key.first.find("peak") != key.first.npos;
    if (!of_time) {
      EXPECT_EQ(curve.at(key), value) << key.first << " at " << key.second;
    }
  }
  EXPECT_EQ(curve.size(), undisturbed.record.values.size());
  const auto one = checkpoint::list(whole.path / checkpoint::kFolder), other = checkpoint::list(folders[2] / checkpoint::kFolder);
  ASSERT_FALSE(one.empty() || other.empty());
  EXPECT_EQ(other.back().step, kSteps);
  for (const char* name : {checkpoint::kModel, checkpoint::kOptimizer}) {
    EXPECT_EQ(bytes(one.back().path / name), bytes(other.back().path / name)) << name;
  }
  const auto state = checkpoint::read_whole(other.back().path), expected = checkpoint::read_whole(one.back().path);
  EXPECT_EQ(state.validation, expected.validation);
  EXPECT_EQ(state.tokens, expected.tokens);
  EXPECT_EQ(state.timed_steps, expected.timed_steps);
}

fs::path plugin(const std::string& name) {
  return paths::executable_dir().parent_path() / "lib" / "attnlab" / "plugins" / ("attention_" + name + ".so");
}

TEST(Resume, equals_not_stopping_for_every_shipped_variant) {
  int variants = 0;
  for (const auto& entry : fs::directory_iterator(plugin("dense").parent_path())) {
    if (entry.path().extension() != ".so") continue;
    ++variants;
    expect_same(entry.path().stem().string(), spec_of(entry.path(), {}));
  }
  EXPECT_GE(variants, 10);
}

TEST(Resume, scores_the_test_split_in_which_it_was_stopped) {
  const auto spec = spec_of(plugin("dense"), {{"train", "score_test", true}});
  const Folder whole, parts;
  const Attempt undisturbed(spec, whole.path, {}, -1);
  ASSERT_EQ(undisturbed.ending.status, Status::done) << undisturbed.ending.reason;
  const auto& numbers = undisturbed.record.values;
  EXPECT_NE(numbers.at({"test/loss", kSteps}), numbers.at({"val/loss", kSteps}));

  const Attempt stopped(spec, parts.path / "1", {}, kSteps, "val/loss");
  EXPECT_EQ(stopped.ending.status, Status::interrupted);
  EXPECT_THAT(stopped.ending.reason, HasSubstr("while the test split was scored"));
  EXPECT_FALSE(stopped.record.values.contains({"test/loss", kSteps}));
  const Attempt resumed(spec, parts.path / "2", {parts.path / "1"}, -1);
  EXPECT_EQ(resumed.ending.status, Status::done) << resumed.ending.reason;
  for (const auto& [key, value] : resumed.record.values) EXPECT_THAT(key.first, HasSubstr("test/")) << "nothing is done twice";
  for (const char* name : {"test/loss", "test/bits_per_symbol"}) {
    EXPECT_EQ(resumed.record.values.at({name, kSteps}), numbers.at({name, kSteps})) << name;
  }
  EXPECT_EQ(resumed.record.facts.at("loss_chain"), undisturbed.record.facts.at("loss_chain"));
}

TEST(Resume, equals_not_stopping_with_buffers_that_move) {
  const Changes whitened{{"attention", "hash_space", std::string("whitened")}};
  expect_same("hash_sparse", spec_of(plugin("hash_sparse"), whitened));
  expect_same("reformer", spec_of(plugin("reformer"), whitened));
}

TEST(Resume, equals_not_stopping_with_accumulation_bfloat16_clipping_and_threads) {
  const Changes changes{{"train", "accumulation", std::int64_t{3}},
                        {"train", "precision", std::string("bfloat16")},
                        {"train", "grad_clip", 0.5}};
  for (const auto* name : {"dense", "hash_sparse", "sink"}) {
    auto spec = spec_of(plugin(name), changes);
    spec.config.set("threads", config::Node(std::int64_t{2}));
    expect_same(name, spec);
  }
}

TEST(Resume, uses_the_one_before_where_the_newest_is_damaged) {
  const Folder folder;
  auto spec = spec_of(plugin("none"), {{"train", "checkpoint_every", std::string("1")}, {"train", "keep", std::int64_t{5}}});
  const Attempt first(spec, folder.path / "1", {}, 5);
  ASSERT_EQ(first.ending.reason, "stopped after step 5 of 7");
  const auto all = checkpoint::list(folder.path / "1" / checkpoint::kFolder);
  ASSERT_EQ(all.size(), 5U);
  fs::resize_file(all[4].path / checkpoint::kModel, 100);
  fs::remove(all[3].path / checkpoint::kState);
  fs::rename(all[0].path, folder.path / "1" / checkpoint::kFolder / "step-000000006");
  const Attempt second(spec, folder.path / "2", {folder.path / "1"}, -1);
  EXPECT_EQ(second.ending.status, Status::done) << second.ending.reason;
  EXPECT_EQ(second.record.facts.at("continues"), "continues attempt 1 at step 3");
  spec.fingerprint = "another";
  const Attempt other(spec, folder.path / "3", {folder.path / "1", folder.path / "2"}, -1);
  EXPECT_FALSE(other.record.facts.contains("continues")) << "another run's checkpoint is refused";
  EXPECT_EQ(other.record.facts.at("loss_chain"), second.record.facts.at("loss_chain"));
}

TEST(Resume, a_state_that_cannot_be_saved_is_told_and_the_run_goes_on) {
  const Folder folder;
  const auto spec = spec_of(plugin("none"), {{"train", "checkpoint_every", std::string("1")}});
  std::ofstream(folder.path / checkpoint::kFolder) << "no folder";
  const Attempt stopped(spec, folder.path, {}, 4);
  EXPECT_THAT(stopped.ending.reason, HasSubstr("stopped after step 4 of 7; its state could not be saved: cannot make the folder"));
  EXPECT_EQ(Attempt(spec, folder.path, {}, -1).ending.status, Status::done);
}

TEST(Resume, without_checkpoints_nothing_is_written) {
  const Folder folder;
  const auto spec = spec_of(plugin("none"), {{"train", "checkpoint_every", std::string("0")}});
  EXPECT_EQ(Attempt(spec, folder.path, {}, 4).ending.reason, "stopped after step 4 of 7");
  EXPECT_EQ(Attempt(spec, folder.path, {}, -1).ending.status, Status::done);
  EXPECT_TRUE(fs::is_empty(folder.path));
}

}  // namespace
}  // namespace attnlab::worker
