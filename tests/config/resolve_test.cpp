#include "framework/config/resolve.h"

#include <gmock/gmock.h>

#include "framework/config/yaml.h"
#include "framework/core/error.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Schemas fake_schemas() {
  Schemas schemas;
  schemas.attention = [](const std::string& name) -> std::vector<Parameter> {
    if (name == "dense") return {};
    if (name != "hash_sparse") throw Error("no attention is named '" + name + "'");
    return {{"buckets",
             Kind::integer,
             Node(std::int64_t{16}),
             {.low = 1, .high = 65536, .rule = Rule::one_or_even},
             "per head",
             "",
             {}},
            {"verbose", Kind::boolean, Node(false), {}, "", "", {}, true}};
  };
  schemas.dataset = [](const std::string& name) -> std::vector<Parameter> {
    if (name != "copy") return {};
    return {{"symbols", Kind::integer, Node(std::int64_t{8}), {.low = 2}, "", "", {}}};
  };
  schemas.max_length = [](const Node&) { return 784; };
  return schemas;
}

const std::string kData = "dataset: {name: mnist}\n";  // where the test names none

Resolved resolved(const std::string& yaml) {
  const bool has_data = yaml.find("dataset:") != std::string::npos;
  return resolve(parse_yaml(has_data ? yaml : yaml + kData, "run.yaml").content, fake_schemas());
}

std::string refusal(const std::string& yaml) {
  return message_of([&] { return resolved(yaml); });
}

const std::string kDense = "attention: {name: dense}\n";
const std::string kHash = "attention:\n  name: hash_sparse\n";

TEST(Resolve, every_value_is_there_in_canonical_order) {
  const auto run = resolved("dataset: {name: copy, length: 8}\nseed: 3\n" + kHash);
  std::vector<std::string> keys;
  for (const auto& [key, child] : run.config.as_map()) keys.push_back(key);
  EXPECT_THAT(keys, ElementsAre("seed", "device", "threads", "study", "plugin_path", "model",
                                "train", "dataset", "attention"));
  EXPECT_EQ(run.run.seed, 3);
  EXPECT_EQ(run.attention, "hash_sparse");
  EXPECT_EQ(run.dataset.length, 8);
  EXPECT_EQ(run.config.find_path("attention.buckets")->text(), "16");
  EXPECT_EQ(run.config.find_path("dataset.symbols")->text(), "8");
  EXPECT_EQ(run.config.find_path("model.width")->origin().text(), "default");
  EXPECT_EQ(run.config.find_path("seed")->origin().text(), "run.yaml:2");
}

TEST(Resolve, precision_is_bfloat16_on_a_gpu_unless_somebody_chose) {
  const auto precision = [](const std::string& yaml) {
    return resolved(yaml + kDense).config.find_path("train.precision")->text();
  };
  EXPECT_EQ(precision("device: cuda\n"), "bfloat16");
  EXPECT_EQ(precision("device: cuda\ntrain: {precision: float32}\n"), "float32");
  EXPECT_EQ(precision("device: 'cuda'\n"), "bfloat16");
  EXPECT_EQ(precision("device: cpu\n"), "float32");
  EXPECT_EQ(precision("device: auto\n"), "float32");
  EXPECT_EQ(precision(""), "float32");
}

TEST(Resolve, unknown_key_at_the_top_names_the_nearest) {
  EXPECT_EQ(refusal("sead: 1\n" + kDense), "run.yaml:1: unknown key 'sead'. Did you mean 'seed'?");
}

TEST(Resolve, unknown_key_in_a_section_names_the_nearest) {
  EXPECT_EQ(refusal(kHash + "  bukets: 8\n"),
            "run.yaml:3: unknown key 'bukets' in 'attention'. Did you mean 'buckets'?");
}

TEST(Resolve, odd_buckets_are_refused) {
  EXPECT_EQ(refusal(kHash + "  buckets: 15\n"),
            "run.yaml:3: attention.buckets: 15 is odd; expected 1 or an even integer from 1 to "
            "65536.");
}

TEST(Resolve, positions_that_cannot_be_are_refused) {
  EXPECT_EQ(refusal("model: {width: 66, heads: 2, positions: rope}\n" + kDense),
            "model: positions=rope turns pairs of channels, and width / heads = head_dim 33 is odd; "
            "expected an even one. Change model.width or model.heads.");
  EXPECT_EQ(refusal("model: {positions: sinus}\n" + kDense),
            "run.yaml:1: model.positions: 'sinus' is not known; expected one of learned, "
            "rope, none.");
  EXPECT_EQ(refusal("model: {rope_base: 1}\n" + kDense),
            "run.yaml:1: model.rope_base: 1 is out of range; expected a number above 1.");
}

TEST(Resolve, heads_that_do_not_divide_the_width_are_refused) {
  EXPECT_EQ(refusal("model: {width: 64, heads: 3}\n" + kDense),
            "model: width 64 is not divisible by heads 3; expected a whole head_dim. Change "
            "model.width or model.heads.");
}

TEST(Resolve, a_length_beyond_the_data_is_refused) {
  EXPECT_EQ(refusal("dataset:\n  name: mnist\n  length: 785\n" + kDense),
            "run.yaml:3: dataset.length: 785 is beyond the data; expected 1 to 784 for mnist. "
            "Lower dataset.length or choose a longer data set.");
}

TEST(Resolve, wrong_type_and_out_of_range_name_file_and_line) {
  EXPECT_EQ(refusal("train:\n  steps: many\n" + kDense),
            "run.yaml:2: train.steps: many is a string; expected an integer from 1 to "
            "1000000000.");
  EXPECT_EQ(refusal("train:\n  steps: 0\n" + kDense),
            "run.yaml:2: train.steps: 0 is out of range; expected an integer from 1 to "
            "1000000000.");
}

TEST(Resolve, a_section_that_is_a_number_is_refused) {
  EXPECT_EQ(refusal("model: 3\n" + kDense),
            "run.yaml:1: model: 3 is an integer; expected a section of keys.");
  EXPECT_EQ(refusal("attention: 3\n"),
            "run.yaml:1: attention: 3 is no section of keys; expected attention=NAME, for instance "
            "attention=dense.");
}

TEST(Resolve, an_attention_must_be_chosen) {
  const std::string expected =
      "no attention is chosen; expected attention=NAME, for instance attention=dense.";
  EXPECT_EQ(refusal("dataset: {name: copy, length: 8}\n"), expected);
  EXPECT_EQ(refusal("dataset: {name: copy, length: 8}\nattention: {name: null}\n"), expected);
  EXPECT_EQ(
      refusal("dataset: {name: copy, length: 8}\nattention: {name: 7}\n"),
      "run.yaml:2: attention.name: 7 is no name; expected one, for instance attention=dense.");
}

TEST(Resolve, what_the_catalog_says_of_an_unknown_variant_is_passed_on) {
  EXPECT_THAT(refusal("dataset: {name: copy, length: 8}\nattention: {name: fast}\n"),
              HasSubstr("no attention is named 'fast'"));
}

TEST(Resolve, a_data_set_must_be_chosen) {
  EXPECT_EQ(refusal("dataset: {length: 8}\n" + kDense),
            "no dataset is chosen; expected dataset=NAME, for instance dataset=mnist.");
}

TEST(Resolve, what_no_machine_can_hold_is_refused_at_once) {
  auto schemas = fake_schemas();
  schemas.memory = 1e9;
  const auto refused = [&](const std::string& yaml) {
    return message_of([&] { return resolve(parse_yaml(yaml + kDense + kData, "run.yaml").content, schemas); });
  };
  EXPECT_EQ(refused("train: {batch_size: 64}\n"), "(no error)");
  EXPECT_THAT(refused("train: {batch_size: 100000}\n"),
              HasSubstr("train.batch_size 100000 x dataset.length 784 tokens; expected at most "));
  EXPECT_THAT(refused("model: {layers: 1000, width: 65536, heads: 1}\n"),
              HasSubstr("this run needs more than 695.0 TiB for 1000 layers of model.width 65536"));
  EXPECT_EQ(refused("device: cuda\ntrain: {batch_size: 100000}\n"), "(no error)");
  for (const std::string key : {"batch_size", "steps", "accumulation", "loss_slice", "log_every",
                                "eval_every", "eval_sequences"}) {
    EXPECT_THAT(refused("train: {" + key + ": 1000000000000}\n"), HasSubstr("is out of range"))
        << key;
    EXPECT_THAT(refused("train: {" + key + ": 1e12}\n"),
                HasSubstr("is a real; expected an integer"));
  }
}

TEST(FillDefaults, leaves_values_and_sections_of_unknown_names) {
  Node config = parse_yaml("train: {steps: 7}\nattention: {name: fast, x: 1}\n", "f").content;
  config.set("dataset", parse_yaml("name: copy\n", "f").content);
  Resolver(fake_schemas()).fill(config);
  EXPECT_EQ(config.find_path("train.steps")->text(), "7");
  EXPECT_EQ(config.find_path("train.beta2")->text(), "0.95");
  EXPECT_EQ(config.find("attention")->as_map().size(), 2U);
  EXPECT_EQ(config.find_path("dataset.symbols")->text(), "8");
}

TEST(CanonicalJson, does_not_depend_on_the_order_of_keys_nor_on_how_numbers_are_written) {
  const auto one = resolved("seed: 1\ntrain: {learning_rate: 1e-3, beta1: 0.5}\n" + kHash);
  const auto other = resolved(kHash + "train: {beta1: 0.50, learning_rate: 0.001}\nseed: 1\n");
  EXPECT_EQ(canonical_json(one), canonical_json(other));
}

TEST(CanonicalJson, a_default_that_is_written_out_is_the_same_run) {
  EXPECT_EQ(canonical_json(resolved(kHash)), canonical_json(resolved(kHash + "  buckets: 16\n")));
  EXPECT_EQ(canonical_json(resolved("train: {grad_clip: 0}\n" + kHash)),
            canonical_json(resolved("train: {grad_clip: 0.0}\n" + kHash)));
}

TEST(CanonicalJson, leaves_out_cosmetic_keys_of_every_section) {
  const auto plain = resolved(kHash);
  const auto dressed =
      resolved("study: mine\ntrain: {log_every: 3}\ndataset: {name: mnist, path: x}\n" + kHash +
               "  verbose: true\n");
  EXPECT_EQ(canonical_json(resolved("dataset: {name: mnist}\n" + kHash)), canonical_json(dressed));
  EXPECT_THAT(plain.cosmetic, ElementsAre("study", "plugin_path", "train.log_every",
                                          "train.checkpoint_every", "train.keep",
                                          "train.initial_path", "dataset.path",
                                          "attention.verbose"));
}

TEST(CanonicalJson, every_other_value_changes_it) {
  const auto base = canonical_json(resolved(kHash));
  for (const std::string change :
       {"seed: 1\n", "threads: 2\n", "model: {layers: 3}\n", "train: {eval_every: 7}\n",
        "train: {learning_rate: 0.0010000000000000002}\n", "dataset: {name: mnist, length: 9}\n"}) {
    EXPECT_NE(canonical_json(resolved(change + kHash)), base) << change;
  }
}

}  // namespace
}  // namespace attnlab::config
