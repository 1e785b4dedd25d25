#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "framework/cli/commands.h"
#include "framework/core/error.h"
#include "tests/support/elf_file.h"

namespace attnlab::test {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

class Describe : public ::testing::Test {
 protected:
  Describe() { (void)folder_.file("attention_window.so", elf_file(good_note("window"))); }

  std::string output(Words words) const {
    words.insert(words.end(), {"--plugin", folder_.path().string()});
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(cli::describe(words), kExitOk);
    return ::testing::internal::GetCapturedStdout();
  }
  std::string refusal(const Words& words) const {
    try {
      cli::describe(words);
      return "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), kExitUsage);
      return error.what();
    }
  }

  FreshFolder folder_;
};

TEST_F(Describe, without_a_name_lists_what_there_is) {
  EXPECT_THAT(output({}), AllOf(ContainsRegex("\nrun  +seed"), ContainsRegex("\nmodel  "),
                                ContainsRegex("\nattention/window  +a plugin for tests"),
                                ContainsRegex("\ndataset/mnist  "),
                                ContainsRegex("\nmodel=tiny  +2 layers for CPU runs"),
                                ContainsRegex("\nexperiment=demo  +what `./dev demo` trains"),
                                ContainsRegex("\nbench --preset goals_cpu  +what the")));
}

TEST_F(Describe, a_section_has_type_default_range_unit_and_help) {
  EXPECT_THAT(
      output({"train"}),
      AllOf(HasSubstr("train: steps, optimiser and schedule\n"),
            ContainsRegex("name +type +default +range +unit +help"),
            ContainsRegex("\nsteps +integer +200 +from 1 to 1000000000 +steps +optimiser steps"),
            ContainsRegex("\nprecision +choice +float32 +float32, bfloat16 "),
            HasSubstr("\nset as train.KEY=VALUE\n")));
  EXPECT_THAT(output({"run"}), ContainsRegex("\nseed +integer +0 +at least 0 "));
  EXPECT_THAT(output({"model"}), ContainsRegex("\nshared_keys +boolean +true +true or false "));
}

TEST_F(Describe, a_variant_is_known_from_its_note) {
  EXPECT_THAT(output({"attention/window"}),
              AllOf(HasSubstr("attention/window: a plugin for tests\n"),
                    ContainsRegex("\nbuckets +integer +16 +from 1 to 64"),
                    HasSubstr("attention.KEY=VALUE, or window.KEY=VALUE in a grid")));
}

TEST_F(Describe, a_data_set_has_the_shared_keys_and_its_own) {
  EXPECT_THAT(output({"dataset/mnist"}), ContainsRegex("\nlength +integer +784 "));
  for (const auto& [name, length] : {std::pair{"copy", "64"},
                                     {"enwik8", "256"},
                                     {"digits", "784"},
                                     {"openwebtext2", "512"},
                                     {"text", "256"}}) {
    const auto text = output({std::string("dataset/") + name});
    EXPECT_THAT(text, ContainsRegex(std::string("\nname +text +") + name + " ")) << name;
    EXPECT_THAT(text, ContainsRegex(std::string("\nlength +integer +") + length + " ")) << name;
  }
}

TEST_F(Describe, short_names_mean_the_same) {
  EXPECT_EQ(output({"window"}), output({"attention/window"}));
  EXPECT_EQ(output({"data/mnist"}), output({"dataset/mnist"}));
}

TEST_F(Describe, json_has_exact_defaults) {
  const auto json = nlohmann::json::parse(output({"train", "--json"}));
  ASSERT_FALSE(json.empty());
  EXPECT_EQ(json[0]["name"], "steps");
  EXPECT_EQ(json[0]["default"], 200);
  EXPECT_EQ(json[3]["default"], 1e-3);
  EXPECT_EQ(nlohmann::json::parse(output({"--json"}))[0]["name"], "run");
}

TEST_F(Describe, unknown_names_get_the_nearest) {
  EXPECT_EQ(refusal({"attention/hash_sparce", "--plugin", folder_.path().string()})
                .rfind("nothing to describe is named 'attention/hash_sparce'.", 0),
            0U);
  EXPECT_EQ(refusal({"modle"}),
            "nothing to describe is named 'modle'. Did you mean 'model'? `attnlab describe` lists "
            "what there is.");
  EXPECT_THAT(refusal({"dataset/mnits"}), HasSubstr("Did you mean 'dataset/mnist'"));
  EXPECT_EQ(refusal({"model", "train"}),
            "attnlab describe: cannot understand 'model train'; expected one name, for instance "
            "attention/hash_sparse.");
}

}  // namespace
}  // namespace attnlab::test
