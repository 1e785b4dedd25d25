#include "framework/worker/as_planned.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/cells/fingerprint.h"
#include "framework/config/bind.h"
#include "framework/core/paths.h"
#include "framework/plugin/elf_note.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::worker {
namespace {

using testing::AllOf;
using testing::HasSubstr;

config::Node section_named(const std::string& name) {
  auto map = config::Node::map();
  map.set("name", config::Node(name));
  return map;
}

struct NoSink final : MetricSink {
  void add(MetricEvent) override {}
  void fact(std::string_view, std::string_view) override {}
};

launch::RunSpec a_run() {
  const auto library = paths::executable_dir().parent_path() / "lib/attnlab/worker_plugins/attention_picky.so";
  launch::RunSpec spec{.plugin_path = library.string()};
  spec.config = config::write(config::RunConfig{});
  spec.config.set("model", config::write(config::ModelConfig{.layers = 1, .width = 16, .heads = 2}));
  spec.config.set("train", config::write(config::TrainConfig{}));
  auto dataset = section_named("copy");
  dataset.set("length", config::Node(std::int64_t{32}));
  spec.config.set("dataset", dataset);
  spec.config.set("attention", section_named("picky"));
  return spec;
}

// What the planner would have said of the same spec: it reads the note and loads nothing.
cells::FingerprintParts planned(const launch::RunSpec& spec) {
  auto parts = cells::code_parts(config::Device::cpu);
  parts.config = "config";
  parts.data = data::inspect_dataset(*spec.config.find("dataset"), "").digest;
  parts.plugin = cells::plugin_digest(plugin::read_plugin_note(spec.plugin_path).note, spec.plugin_path, {});
  return parts;
}

std::string refusal(const cells::FingerprintParts& parts, launch::RunSpec spec) {
  spec.planned = cells::to_json(parts);
  NoSink sink;
  const auto prepared = prepare(spec, sink);
  return message_of([&] { expect_as_planned(prepared, spec); });
}

TEST(AsPlanned, what_is_as_it_was_runs) {
  const auto spec = a_run();
  auto parts = planned(spec);
  EXPECT_EQ(refusal(parts, spec), "(no error)");
  parts.device = "another", parts.torch = "2.11.0 MKL_DYNAMIC=TRUE";  // a worker sets variables itself
  EXPECT_EQ(refusal(parts, spec), "(no error)");
}

// A grid runs for days. What changes meanwhile would be stored under a fingerprint that is not its own.
TEST(AsPlanned, what_changed_since_is_refused_and_named) {
  const std::vector<std::pair<std::string cells::FingerprintParts::*, const char*>> cases{
      {&cells::FingerprintParts::data, "the data"},
      {&cells::FingerprintParts::plugin, "the plugin's sources or libraries"},
      {&cells::FingerprintParts::engine, "attnlab's own code"},
      {&cells::FingerprintParts::kernels, "the instruction set or the kernels"},
      {&cells::FingerprintParts::compiler, "the compiler or its flags"}};
  const auto spec = a_run();
  for (const auto& [part, words] : cases) {
    auto parts = planned(spec);
    parts.*part = "what it was";
    EXPECT_THAT(refusal(parts, spec), AllOf(HasSubstr("not run, because what was planned is not here any more: "), HasSubstr(words),
                                            HasSubstr("changed since. Give the same command again")));
  }
}

}  // namespace
}  // namespace attnlab::worker
