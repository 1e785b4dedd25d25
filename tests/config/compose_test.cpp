#include "tests/config/compose_support.h"

namespace attnlab::config {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(Compose, merges_the_defaults_into_their_sections) {
  EXPECT_EQ(compose({}).config.text(),
            "{model:{layers:2,width:64},dataset:{name:mnist,length:784},attention:{name:dense},"
            "seed:0}");
}

TEST_F(Compose, takes_another_option_of_a_group) {
  EXPECT_EQ(value({"attention=hash_sparse"}, "attention"), "{name:hash_sparse,buckets:16}");
  EXPECT_EQ(compose({"attention=hash_sparse"}).option("attention"), "hash_sparse");
}

TEST_F(Compose, follows_the_defaults_of_a_group_file) {
  EXPECT_EQ(value({"model=small"}, "model"), "{layers:6,width:64}");
}

TEST_F(Compose, puts_an_experiment_over_the_groups_and_the_command_line_over_both) {
  EXPECT_EQ(value({"experiment=long"}, "dataset.name"), "enwik8");
  EXPECT_EQ(value({"experiment=long"}, "dataset.length"), "1024");
  EXPECT_EQ(value({"experiment=long"}, "model"), "{layers:2,width:32}");
  EXPECT_EQ(value({"experiment=long"}, "seed"), "7");
  EXPECT_EQ(value({"experiment=long", "dataset.length=256"}, "dataset.length"), "256");
  EXPECT_EQ(value({"experiment=long", "seed=1"}, "seed"), "1");
  EXPECT_EQ(value({"experiment=long", "dataset=mnist"}, "dataset.name"), "mnist");
  EXPECT_EQ(value({"+experiment=long"}, "dataset.name"), "enwik8");
}

TEST_F(Compose, needs_no_file_for_a_plugin_that_was_found) {
  EXPECT_EQ(value({"attention=window"}, "attention"), "{name:window}");
}

TEST_F(Compose, takes_a_config_beside_the_library_before_one_at_home) {
  write("outside/attention_window.yaml", "name: window\nwidth: 9\n");
  write("outside/attention_dense.yaml", "name: dense\nown: true\n");
  plugin_configs_ = {{"window", home_ / "outside/attention_window.yaml"},
                     {"dense", home_ / "outside/attention_dense.yaml"}};
  EXPECT_EQ(value({"attention=window"}, "attention"), "{name:window,width:9}");
  EXPECT_EQ(value({}, "attention"), "{name:dense,own:true}");
  dirs_ = {home_ / "mine"};
  write("mine/attention/window.yaml", "name: window\nwidth: 1\n");
  EXPECT_EQ(value({"attention=window"}, "attention.width"), "1");
}

TEST_F(Compose, looks_in_config_folders_first) {
  dirs_ = {home_ / "mine"};
  write("mine/model/tiny.yaml", "layers: 9\n");
  write("mine/attention/own.yaml", "name: own\n");
  EXPECT_EQ(value({}, "model.layers"), "9");
  EXPECT_EQ(value({"attention=own"}, "attention.name"), "own");
}

TEST_F(Compose, knows_where_every_value_came_from) {
  const auto composed = compose({"model.width=32", "attention=hash_sparse"});
  const auto origin = [&](const char* path) {
    return composed.config.find_path(path)->origin().text();
  };
  EXPECT_EQ(origin("seed"), "experiments/config.yaml:7");
  EXPECT_EQ(origin("model.layers"), "experiments/model/tiny.yaml:1");
  EXPECT_EQ(origin("model.width"), "override 'model.width=32'");
  EXPECT_EQ(origin("attention.buckets"), "attention_plugins/hash_sparse/config.yaml:2");
}

TEST_F(Compose, replaces_aliases_and_keeps_none) {
  EXPECT_EQ(value({"data.length=100"}, "dataset.length"), "100");
  EXPECT_EQ(value({"data=enwik8"}, "dataset.name"), "enwik8");
  EXPECT_EQ(value({}, "aliases"), "(none)");
}

TEST_F(Compose, adds_forces_and_removes) {
  EXPECT_EQ(value({"+model.depth=3"}, "model.depth"), "3");
  EXPECT_EQ(value({"++model.width=3"}, "model.width"), "3");
  EXPECT_EQ(value({"++a.b.c=3"}, "a.b.c"), "3");
  EXPECT_EQ(value({"~model.width"}, "model"), "{layers:2}");
  EXPECT_EQ(value({"~attention"}, "attention"), "(none)");
}

TEST_F(Compose, merges_dicts) {
  EXPECT_EQ(value({"model={width:8}"}, "model"), "{layers:2,width:8}");
  EXPECT_EQ(value({"+attention={more:1}"}, "attention"), "{name:dense,more:1}");
}

TEST_F(Compose, extends_lists_when_asked) {
  EXPECT_EQ(value({"data=enwik8", "dataset.list=[5]"}, "dataset.list"), "[5]");
  EXPECT_EQ(value({"data=enwik8", "dataset.list=extend_list(3,4)"}, "dataset.list"), "[1,2,3,4]");
}

TEST_F(Compose, fills_in_defaults_before_overrides_apply) {
  const auto composed = compose({"model.heads=8"}, [](Node& config) {
    config.find("model")->set("heads", Node(std::int64_t{4}));
  });
  EXPECT_EQ(composed.config.find_path("model.heads")->text(), "8");
}

TEST_F(Compose, names_the_nearest_option_and_where_it_looked) {
  EXPECT_THAT(error({"model=tinny"}),
              AllOf(HasSubstr("override 'model=tinny': unknown model 'tinny'."),
                    HasSubstr("Did you mean 'tiny'?"),
                    HasSubstr("Looked for experiments/model/tinny.yaml.")));
  EXPECT_THAT(error({"attention=hashsparse"}),
              AllOf(HasSubstr("'hash_sparse'"), HasSubstr("the plugins that were found")));
}

TEST_F(Compose, names_the_nearest_key) {
  EXPECT_THAT(error({"model.widht=32"}),
              AllOf(HasSubstr("could not override 'model.widht': 'model' has no key 'widht'."),
                    HasSubstr("Did you mean 'width'?"), HasSubstr("+model.widht=32")));
  EXPECT_THAT(error({"modle.width=32"}),
              HasSubstr("the config has no key 'modle'. Did you mean 'model'?"));
  EXPECT_THAT(error({"~model.depth"}), HasSubstr("could not delete 'model.depth'"));
}

TEST_F(Compose, refuses_to_append_what_is_there_and_to_delete_another_value) {
  EXPECT_THAT(error({"+model.width=3"}),
              HasSubstr("already there. Use model.width=3 or ++model.width=3"));
  EXPECT_THAT(error({"~model.width=3"}), HasSubstr("its value is 64, not 3"));
}

TEST_F(Compose, refuses_an_override_of_a_group_that_nothing_uses) {
  write("experiments/launch/fast.yaml", "x: 1\n");
  EXPECT_THAT(error({"launch=fast"}), HasSubstr("nothing to override: group 'launch' is not in the "
                                                "defaults list. To add it use +launch="));
  EXPECT_EQ(value({"+launch=fast"}, "launch.x"), "1");
}

TEST_F(Compose, says_which_group_must_be_chosen) {
  write("experiments/config.yaml", "defaults:\n  - model: ???\n");
  EXPECT_THAT(error({}),
              HasSubstr("experiments/config.yaml:2: group 'model' must be chosen: model=NAME."));
  EXPECT_EQ(value({"model=tiny"}, "model.width"), "64");
}

TEST_F(Compose, ignores_a_missing_option_only_when_it_is_optional) {
  write("experiments/config.yaml", "defaults:\n  - optional model: absent\n  - dataset: mnist\n");
  EXPECT_EQ(value({}, "model"), "(none)");
}

TEST_F(Compose, places_a_group_where_the_package_says) {
  write("experiments/config.yaml",
        "defaults:\n  - model@teacher: small\n  - model@student: tiny\n");
  EXPECT_EQ(value({}, "teacher.layers"), "6");
  EXPECT_EQ(value({"model@student=small"}, "student.layers"), "6");
}

TEST_F(Compose, refuses_a_package_behind_a_value) {
  EXPECT_EQ(error({"seed@left=3"}), "override 'seed@left=3': 'seed' is a value and goes nowhere else; '@' says where a group goes. Use seed=...");
  EXPECT_THAT(error({"model.width@a=3"}), HasSubstr("'model.width' is a value"));
}

TEST_F(Compose, takes_several_options_in_order) {
  write("experiments/model/wide.yaml", "width: 512\n");
  write("experiments/config.yaml", "defaults:\n  - model: [tiny, wide]\n");
  EXPECT_EQ(value({}, "model"), "{layers:2,width:512}");
}

TEST_F(Compose, ends_defaults_lists_that_include_each_other) {
  write("experiments/model/a.yaml", "defaults: [b]\n");
  write("experiments/model/b.yaml", "defaults: [a]\n");
  EXPECT_THAT(error({"model=a"}), HasSubstr("include each other without end"));
}

TEST_F(Compose, keeps_what_a_file_includes_in_that_file_s_section) {
  write("experiments/config.yaml", "defaults:\n  - model@teacher: small\n");
  EXPECT_EQ(compose({}).config.text(), "{teacher:{layers:6,width:64}}");
}

TEST_F(Compose, lets_an_included_group_be_chosen_by_its_package) {
  write("experiments/model/deep.yaml", "defaults:\n  - act: gelu\nlayers: 9\n");
  write("experiments/model/act/gelu.yaml", "slope: 0\n");
  write("experiments/model/act/leaky.yaml", "slope: 1\n");
  write("experiments/config.yaml", "defaults:\n  - model: deep\n  - model@teacher: deep\n");
  EXPECT_EQ(compose({"model/act@teacher.act=leaky"}).config.text(),
            "{model:{act:{slope:0},layers:9},teacher:{act:{slope:1},layers:9}}");
}

TEST_F(Compose, lets_an_experiment_make_the_choice_that_the_root_leaves_open) {
  write("experiments/config.yaml",
        "defaults:\n  - dataset: ???\n  - model: absent\n  - _self_\n  - experiment: null\n");
  write("experiments/experiment/open.yaml",
        "# @package _global_\ndefaults:\n  - override /dataset: mnist\n"
        "  - override /model: tiny\n");
  EXPECT_EQ(value({"experiment=open"}, "dataset.name"), "mnist");
  EXPECT_EQ(value({"experiment=open"}, "model.width"), "64");
}

TEST_F(Compose, deletes_a_group_only_with_the_option_that_it_has) {
  EXPECT_EQ(value({"~attention=dense"}, "attention"), "(none)");
  EXPECT_EQ(error({"~attention=hash_sparse"}),
            "override '~attention=hash_sparse': could not delete 'attention': it uses 'dense', not "
            "'hash_sparse'.");
  write("experiments/launch/fast.yaml", "x: 1\n");
  EXPECT_EQ(error({"~launch"}),
            "override '~launch': could not delete 'launch': the group is not in the defaults "
            "list.");
}

TEST_F(Compose, refuses_a_second_option_beside_the_first) {
  EXPECT_EQ(error({"+model=small"}),
            "override '+model=small': group 'model' already uses 'tiny' "
            "(experiments/config.yaml:2). To use 'small' instead: model=small");
  EXPECT_EQ(error({"++model=small"}),
            "override '++model=small': a group has no '++'. Use model=small, or +model=small where "
            "the defaults list lacks the group.");
  write("experiments/config.yaml", "defaults:\n  - model: tiny\n  - model: small\n");
  EXPECT_THAT(error({}), HasSubstr("experiments/config.yaml:3: group 'model' already uses 'tiny'"));
}

TEST_F(Compose, finds_options_inside_their_group_only) {
  for (const auto* option : {"../config", "/etc/passwd", "a\\b", "tiny/../tiny"}) {
    EXPECT_EQ(error({std::string("model='") + option + "'"}),
              std::string("override 'model='") + option + "'': '" + option +
                  "' is no option: expected a name inside the group, without '..' and '\\', and "
                  "not beginning with '/'.");
  }
}

TEST_F(Compose, names_the_file_whose_override_has_no_target) {
  write("experiments/experiment/stray.yaml",
        "# @package _global_\ndefaults:\n  - override /launch: fast\n");
  EXPECT_EQ(error({"experiment=stray"}),
            "experiments/experiment/stray.yaml:3: nothing to override: group 'launch' is not in "
            "the defaults list. Add the entry `launch: fast` to it.");
}

TEST_F(Compose, ends_overrides_that_change_each_other) {
  write("experiments/model/a.yaml", "defaults:\n  - override /model@_global_.model: b\n");
  write("experiments/model/b.yaml", "layers: 1\n");
  EXPECT_EQ(error({"model=a"}), "(no error)");  // the command line wins
  write("experiments/config.yaml", "defaults:\n  - model: a\n");
  EXPECT_THAT(error({}), HasSubstr("change each other without end"));
}

TEST_F(Compose, lists_the_options_of_a_group) {
  const Composer composer({home_, {}, {"window"}});
  EXPECT_THAT(composer.options("attention"), ElementsAre("dense", "hash_sparse", "window"));
  EXPECT_THAT(composer.options("model"), ElementsAre("small", "tiny"));
  EXPECT_TRUE(composer.is_group("experiment"));
  EXPECT_FALSE(composer.is_group("seed"));
}

}  // namespace
}  // namespace attnlab::config
