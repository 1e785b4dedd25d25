#include "framework/plugin/traits.h"

#include <gmock/gmock.h>

#include "framework/config/bench_config.h"
#include "framework/plugin/parameters.h"
#include "tests/support/elf_file.h"

namespace attnlab::test {
namespace {

using config::Causality;
using plugin::PluginNote;
using plugin::refusal;
using plugin::Use;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

PluginNote note_with(std::uint32_t traits) {
  auto note = good_note("window");
  note.traits = traits;
  return note;
}

TEST(Refusal, a_fitting_use_is_not_refused) {
  EXPECT_EQ(refusal(good_note("window"),
                    Use{.device = config::Device::cpu, .dtype = config::Dtype::float32}),
            "");
}

TEST(Refusal, separate_keys_where_shared_ones_are_needed) {
  EXPECT_EQ(
      refusal(note_with(plugin::kNeedsSharedKeys | plugin::kStrict), Use{.shared_keys = false}),
      "attention 'window' needs keys that are the queries; set model.shared_keys=true.");
}

TEST(Refusal, of_documents_that_a_plugin_does_not_keep_apart) {
  const Use apart{.documents = config::Documents::isolated};
  EXPECT_EQ(refusal(note_with(plugin::kStrict), apart),
            "attention 'window' does not keep documents apart; set model.documents=joined.");
  EXPECT_EQ(refusal(note_with(plugin::kStrict | plugin::kIsolatesDocuments), apart), "");
  EXPECT_EQ(refusal(note_with(plugin::kStrict), Use{}), "");
}

TEST(Refusal, causality_that_is_not_supported) {
  EXPECT_EQ(refusal(note_with(plugin::kStrict), Use{.causality = Causality::inclusive}),
            "attention 'window' does not support inclusive causality; it supports model.causality: "
            "strict.");
}

TEST(Refusal, head_dim_outside_the_limits) {
  auto note = good_note("window");
  note.min_head_dim = 16;
  note.max_head_dim = 128;
  EXPECT_EQ(refusal(note, Use{.head_dim = 8}),
            "attention 'window' does not support head_dim 8; it supports 16 to 128.");
  EXPECT_EQ(refusal(note, Use{.head_dim = 128}), "");
  EXPECT_EQ(refusal(note, Use{.head_dim = 129}),
            "attention 'window' does not support head_dim 129; it supports 16 to 128.");
}

TEST(Refusal, head_dim_beyond_what_a_gpu_can) {
  auto note = note_with(plugin::kRunsOnCpu | plugin::kRunsOnCuda | plugin::kStrict);
  note.max_head_dim_cuda = 128;
  const auto cuda = [](std::int64_t head_dim) { return Use{.head_dim = head_dim, .device = config::Device::cuda}; };
  EXPECT_EQ(refusal(note, Use{.head_dim = 129, .device = config::Device::cpu}), "");
  EXPECT_EQ(refusal(note, cuda(128)), "");
  EXPECT_EQ(refusal(note, cuda(129)),
            "attention 'window' does not support head_dim 129; it supports at least 1 on a CPU, 1 to 128 on a GPU.");
  note.max_head_dim = 64;
  EXPECT_EQ(refusal(note, cuda(65)), "attention 'window' does not support head_dim 65; it supports 1 to 64.");
}

TEST(Refusal, a_device_that_is_not_supported) {
  EXPECT_EQ(refusal(good_note("window"), Use{.device = config::Device::cuda}),
            "attention 'window' does not support device cuda; it supports device: cpu.");
}

TEST(Refusal, a_dtype_that_is_not_supported) {
  EXPECT_EQ(refusal(good_note("window"), Use{.dtype = config::Dtype::bfloat16}),
            "attention 'window' does not support dtype bfloat16; it supports dtypes: float32.");
}

TEST(TraitSentences, name_the_traits_in_words) {
  auto note = note_with(plugin::kRunsOnCpu | plugin::kFloat32 | plugin::kFloat64 | plugin::kStrict |
                        plugin::kExactSoftmax);
  note.dense_when = plugin::FixedText<160>(std::string_view("buckets=1"));
  EXPECT_THAT(plugin::trait_sentences(note),
              ElementsAre("devices: cpu", "dtypes: float32, float64", "causality: strict",
                          "head_dim: at least 1",
                          "exact softmax: each output row is a softmax average over a set of keys",
                          "equals dense attention with: buckets=1"));
}

TEST(TraitSentences, name_the_parameters_that_a_trait_needs) {
  auto note = note_with(plugin::kExactSoftmax);
  note.exact_when = plugin::FixedText<160>(std::string_view("correct_duplicates=true"));
  EXPECT_THAT(plugin::trait_sentences(note),
              Contains("exact softmax: each output row is a softmax average over a set of keys, "
                       "with: correct_duplicates=true"));
}

TEST(TraitSentences, say_that_a_pattern_sees_the_future) {
  EXPECT_THAT(plugin::trait_sentences(note_with(plugin::kPatternSeesFuture)),
              Contains("pattern sees the future: which keys a token sees depends on later tokens; "
                       "their values never reach it"));
}

TEST(TraitSentences, say_what_a_draw_a_last_resort_and_a_square_mean) {
  EXPECT_THAT(
      plugin::trait_sentences(
          note_with(plugin::kDrawsAtRandom | plugin::kSelfAsLastResort | plugin::kQuadraticMemory)),
      IsSupersetOf(
          {"draws at random: the output depends on the run's seed",
           "self as last resort: under strict causality a token that sees no other attends to "
           "itself",
           "memory grows with T x T, not with T"}));
}

TEST(Parameters, of_a_note_are_those_of_the_config) {
  auto note = good_note("window");
  note.parameter_count = 2;
  auto& keys = note.parameters[1];
  keys.name = plugin::FixedText<32>(std::string_view("keys"));
  keys.kind = static_cast<std::uint8_t>(config::Kind::choice);
  keys.choice_count = 2;
  keys.choices[0] = plugin::FixedText<24>(std::string_view("shared"));
  keys.choices[1] = plugin::FixedText<24>(std::string_view("separate"));
  keys.default_number = 1;
  const auto parameters = plugin::parameters(note);
  ASSERT_EQ(parameters.size(), 2u);
  EXPECT_EQ(parameters[0].name, "buckets");
  EXPECT_EQ(parameters[0].default_value.text(), "16");
  EXPECT_EQ(parameters[0].range.high, 64);
  EXPECT_EQ(parameters[1].default_value.text(), "separate");
  EXPECT_THAT(parameters[1].choices, ElementsAre("shared", "separate"));
}

}  // namespace
}  // namespace attnlab::test
