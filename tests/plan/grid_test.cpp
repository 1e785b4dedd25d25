#include "tests/plan/plan_support.h"

namespace attnlab::plan {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

std::vector<std::string> variants(const Plan& plan) {
  std::vector<std::string> names;
  for (const auto& cell : plan.cells) names.push_back(cell.variant);
  return names;
}

TEST_F(Plans, an_override_of_a_variant_makes_three_cells_of_two_by_two) {
  const auto plan = make_plan(request({"attention=dense,hash_sparse", "hash_sparse.buckets=8,16"}));
  ASSERT_THAT(plan.cells, SizeIs(3));
  EXPECT_EQ(plan.product, 4U);
  EXPECT_THAT(variants(plan), ElementsAre("dense", "hash_sparse", "hash_sparse"));
  EXPECT_EQ(plan.cells[0].overrides, "attention=dense");
  EXPECT_EQ(plan.cells[1].overrides, "attention=hash_sparse hash_sparse.buckets=8");
  EXPECT_EQ(plan.cells[2].overrides, "attention=hash_sparse hash_sparse.buckets=16");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(plan.cells[i].index, i + 1);
  EXPECT_EQ(plan.cells[0].resolved.config.find_path("attention.buckets"), nullptr);
  EXPECT_EQ(plan.cells[1].resolved.config.find_path("attention.buckets")->text(), "8");
  EXPECT_EQ(plan.cells[2].resolved.config.find_path("attention.buckets")->text(), "16");
}

TEST_F(Plans, the_last_axis_varies_fastest) {
  EXPECT_THAT(cells({"seed=0,1", "attention=dense,hash_sparse"}),
              ElementsAre("seed=0 attention=dense", "seed=0 attention=hash_sparse",
                          "seed=1 attention=dense", "seed=1 attention=hash_sparse"));
}

TEST_F(Plans, a_key_given_again_replaces_the_first_in_its_place) {
  EXPECT_THAT(cells({"seed=0,1", "model.layers=1,2", "seed=5"}),
              ElementsAre("seed=5 model.layers=1", "seed=5 model.layers=2"));
  EXPECT_THAT(cells({"data.length=8", "dataset.length=9"}), ElementsAre("dataset.length=9"));
}

TEST_F(Plans, cells_that_come_out_identical_collapse_into_the_first) {
  const auto plan = make_plan(request({"model=small,wide", "model.width=32,64,32"}));
  EXPECT_EQ(plan.product, 6U);
  EXPECT_THAT(plan.cells, SizeIs(2));
  EXPECT_THAT(cells({"seed=0,0,+0"}), ElementsAre("seed=0"));
}

TEST_F(Plans, zip_advances_its_sweeps_together) {
  EXPECT_THAT(cells({"sizes=zip(model.width=choice(64,128),model.heads=choice(4,8))", "seed=0,1"}),
              SizeIs(4));
  const auto plan =
      make_plan(request({"sizes=zip(model.width=choice(64,128),model.heads=choice(4,8))"}));
  ASSERT_THAT(plan.cells, SizeIs(2));
  EXPECT_EQ(plan.cells[0].overrides, "model.width=64 model.heads=4");
  EXPECT_EQ(plan.cells[1].resolved.model.heads, 8);
}

TEST_F(Plans, glob_takes_the_options_that_match) {
  EXPECT_THAT(cells({"attention=glob(hash*)"}),
              ElementsAre("attention=hash_slow", "attention=hash_sparse"));
  EXPECT_THAT(cells({"attention=glob(*,exclude=hash*)"}), ElementsAre("attention=dense"));
}

TEST_F(Plans, a_variant_may_have_a_learning_rate_of_its_own) {
  const auto plan =
      make_plan(request({"attention=dense,hash_sparse", "hash_sparse.train.learning_rate=0.5"}));
  EXPECT_EQ(plan.cells[0].resolved.train.learning_rate, 1e-3);
  EXPECT_EQ(plan.cells[1].resolved.train.learning_rate, 0.5);
}

TEST_F(Plans, a_variant_that_a_file_chooses_counts) {
  write("experiments/experiment/many.yaml",
        "# @package _global_\ndefaults:\n  - override /attention: hash_sparse\n");
  EXPECT_THAT(cells({"experiment=many", "hash_sparse.buckets=8,2"}), SizeIs(2));
}

TEST_F(Plans, an_option_of_another_name_counts_as_the_plugin_that_it_configures) {
  write("own/attention/narrow.yaml", "name: hash_sparse\nbuckets: 4\n");
  EXPECT_THAT(cells({"attention=dense,narrow", "hash_sparse.buckets=8,2"}), SizeIs(3));
  EXPECT_THAT(cells({"attention=narrow,hash_sparse", "narrow.buckets=8,2"}),
              ElementsAre("attention=narrow narrow.buckets=8", "attention=narrow narrow.buckets=2",
                          "attention=hash_sparse"));
}

TEST_F(Plans, where_keeps_the_cells_for_which_it_holds) {
  EXPECT_THAT(cells({"seed=range(5)"}, "seed>=1 && seed!=3"),
              ElementsAre("seed=1", "seed=2", "seed=4"));
  EXPECT_THAT(
      cells({"model.width=64,100", "dataset.length=64,100"}, "model.width==data.length"),
      ElementsAre("model.width=64 dataset.length=64", "model.width=100 dataset.length=100"));
  EXPECT_THAT(cells({"attention=dense,hash_sparse"}, "attention!='dense'"),
              ElementsAre("attention=hash_sparse"));
  EXPECT_THAT(cells({"train.learning_rate=1e-3,1"}, "train.learning_rate<1"),
              ElementsAre("train.learning_rate=0.001"));
}

TEST_F(Plans, where_of_a_variant_limits_that_variant_only) {
  EXPECT_THAT(
      cells({"attention=dense,hash_sparse", "hash_sparse.buckets=8,16"}, "hash_sparse.buckets<16"),
      ElementsAre("attention=dense", "attention=hash_sparse hash_sparse.buckets=8"));
}

TEST_F(Plans, where_can_leave_out_what_would_be_refused) {
  EXPECT_THAT(cells({"model.heads=3,4"}, "model.heads!=3"), ElementsAre("model.heads=4"));
}

TEST_F(Plans, numbers_of_cells_run_without_gaps) {
  const auto plan = make_plan(request({"seed=range(5)"}, "seed>2"));
  ASSERT_THAT(plan.cells, SizeIs(2));
  EXPECT_EQ(plan.cells[0].index, 1);
  EXPECT_EQ(plan.cells[1].index, 2);
}

TEST_F(Plans, config_text_has_every_value_and_origin_text_its_source) {
  const auto cell = make_run(request({"attention=hash_sparse", "hash_sparse.buckets=8"}));
  EXPECT_THAT(config_text(cell), testing::HasSubstr("  buckets: 8\n"));
  EXPECT_THAT(config_text(cell), testing::HasSubstr("  beta2: 0.95\n"));
  EXPECT_THAT(origin_text(cell), testing::HasSubstr("override 'hash_sparse.buckets=8'"));
  EXPECT_THAT(origin_text(cell), testing::HasSubstr("default"));
}

}  // namespace
}  // namespace attnlab::plan
