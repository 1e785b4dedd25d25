// choices_test.cpp: what composing refuses, fills in by name, and gathers from files.
#include "tests/config/compose_support.h"

namespace attnlab::config {
namespace {
using testing::HasSubstr;

TEST_F(Compose, refuses_a_list_where_a_run_has_one) {
  EXPECT_EQ(error({"attention=[dense,hash_sparse]"}),
            "override 'attention=[dense,hash_sparse]': a run has one attention, found the list "
            "[dense,hash_sparse]. To run each of them: attnlab grid attention=dense,hash_sparse");
  EXPECT_THAT(error({"data=[mnist,enwik8]"}), HasSubstr("a run has one dataset"));
  write("experiments/experiment/two.yaml",
        "# @package _global_\ndefaults:\n  - override /attention: [dense, hash_sparse]\n");
  EXPECT_THAT(error({"experiment=two"}),
              HasSubstr("experiments/experiment/two.yaml:3: a run has one attention"));
  EXPECT_EQ(value({"attention=[hash_sparse]"}, "attention.name"), "hash_sparse");
}

TEST_F(Compose, an_override_of_a_name_brings_the_defaults_of_what_it_names) {
  const Fill fill = [](Node& config) {
    Node& attention = *config.find("attention");
    if (attention.find("name")->text() == "window") attention.set("span", Node(std::int64_t{4}));
  };
  EXPECT_EQ(
      compose({"attention.name=window", "attention.span=8"}, fill).config.find("attention")->text(),
      "{name:window,span:8}");
  EXPECT_EQ(compose({"attention={name:window,span:8}"}, fill).config.find("attention")->text(),
            "{name:window,span:8}");
  EXPECT_EQ(compose({"attention.name=window", "attention.name=dense"}, fill)
                .config.find("attention")
                ->text(),
            "{name:dense}");
}

TEST_F(Compose, names_the_key_of_another_section) {
  EXPECT_THAT(error({"model.length=3"}), HasSubstr("Did you mean 'dataset.length'?"));
  const Fill fill = [](Node&) {};
  try {
    (void)compose({"model.widht=32"}, fill);
    FAIL();
  } catch (const Error& error) {  // with a schema nothing can be added
    EXPECT_THAT(error.what(), testing::Not(HasSubstr("To add it")));
  }
}

TEST_F(Compose, gathers_the_sweeps_of_the_files) {
  write(
      "experiments/experiment/rates.yaml",
      "# @package _global_\nsweep:\n  seed: [0, 1]\n  model.width: 32,64\n  attention: 'glob(*)'\n"
      "seed: 7\n");
  const Composer composer({home_, {}, {}});
  const auto& composed = composer.base({parse_override("experiment=rates")});
  ASSERT_EQ(composed.sweep.size(), 3U);
  EXPECT_EQ(composed.sweep[0].text, "seed=choice(0,1)");
  EXPECT_EQ(composed.sweep[1].values.size(), 2U);
  EXPECT_EQ(composed.sweep[1].origin.text(), "experiments/experiment/rates.yaml:4");
  EXPECT_EQ(composed.sweep[2].form, Override::Form::glob);
  EXPECT_EQ(composed.config.find("sweep"), nullptr);
  EXPECT_EQ(composed.config.find("seed")->text(), "7");
  write("experiments/experiment/bad.yaml", "# @package _global_\nsweep:\n  seed: range(3\n");
  EXPECT_THAT(error({"experiment=bad"}),
              testing::StartsWith("experiments/experiment/bad.yaml:3:\n  cannot read override: "));
  write("experiments/experiment/bad.yaml", "# @package _global_\nsweep: [seed]\n");
  EXPECT_EQ(error({"experiment=bad"}),
            "experiments/experiment/bad.yaml:2: sweep: expected KEY: VALUES lines, found a list.");
  write("experiments/experiment/bad.yaml",
        "# @package _global_\nhydra: {sweeper: {params: {seed: 1}}}\n");
  EXPECT_THAT(error({"experiment=bad"}), HasSubstr("attnlab has no section 'hydra'"));
}

}  // namespace
}  // namespace attnlab::config
