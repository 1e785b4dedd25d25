#include <sys/resource.h>

#include <ctime>

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
              ElementsAre("train.learning_rate=1e-3"));
}

TEST_F(Plans, where_of_a_variant_limits_that_variant_only) {
  EXPECT_THAT(
      cells({"attention=dense,hash_sparse", "hash_sparse.buckets=8,16"}, "hash_sparse.buckets<16"),
      ElementsAre("attention=dense", "attention=hash_sparse hash_sparse.buckets=8"));
}

TEST_F(Plans, where_can_leave_out_what_would_be_refused) {
  EXPECT_THAT(cells({"model.heads=3,4"}, "model.heads!=3"), ElementsAre("model.heads=4"));
}

TEST_F(Plans, where_is_an_expression) {
  const std::vector<std::pair<std::string, std::vector<int>>> table{
      {"seed==1 or seed==3", {1, 3}},
      {"seed == 1 || seed == 3", {1, 3}},
      {"seed in [1,3]", {1, 3}},
      {"seed not in [1, 3] and seed<4", {0, 2}},
      {"not seed>1", {0, 1}},
      {"!(seed>1)", {0, 1}},
      {"1<=seed<3", {1, 2}},
      {"seed % 2 == 0", {0, 2, 4}},
      {"seed*2 >= model.heads", {2, 3, 4}},
      {"seed + 1 == model.heads", {3}},
      {"seed==0 or seed==1 and seed==2", {0}},
      {"(seed==0 or seed==1) and seed!=0", {1}},
      {"model.shared_keys and seed==4", {4}},
      {"attention==dense and seed==2", {2}},
      {"attention in [dense, none] and seed==2", {2}},
      {"attention=='dense' and seed==2", {2}},
      {"study!=my-study and seed<1", {0}},
      {"dataset!=toy or seed>3", {4}},
      {"attention!=dense and attention.buckets>8 or seed==1", {1}},  // no such key is asked for
      {"seed in [1.0, '2', 3.5, [4]]", {1}},  // numbers by value, the rest like with like
      {"seed*1.0 in [2]", {2}},
      {"seed in [1, model.heads, dense]", {1, 4}},
      {"model.shared_keys in [true] and seed in [] or seed in [0]", {0}},
      {"0 < seed - 1 < 2 < 3", {2}},
      {"seed==0 or (seed==1 or seed==2) or not (seed<4 and seed<4 and true)", {0, 1, 2, 4}},
      {"max(seed, 3) == 3 and seed != 3", {0, 1, 2}},
      {"hash_sparse.buckets<2 and seed<1", {0}},  // of another variant: does not apply
      {"not hash_sparse.buckets<2 and seed<1", {0}},
      {"train.learning_rate==1e-3 and seed>3", {4}}};
  for (const auto& [where, seeds] : table) {
    std::vector<std::string> expected;
    for (const int seed : seeds) expected.push_back("seed=" + std::to_string(seed));
    EXPECT_EQ(cells({"seed=range(5)"}, where), expected) << where;
  }
  auto both = request({"seed=range(5)"});
  both.where = {"seed>1", "seed<4"};
  EXPECT_THAT(make_plan(both).cells, SizeIs(2));
}

TEST_F(Plans, a_variant_may_have_root_keys_and_groups_of_its_own) {
  EXPECT_THAT(cells({"attention=dense,hash_sparse", "hash_sparse.seed=1,2"}),
              ElementsAre("attention=dense", "attention=hash_sparse hash_sparse.seed=1",
                          "attention=hash_sparse hash_sparse.seed=2"));
  const auto plan = make_plan(request({"attention=dense,hash_sparse", "hash_sparse.model=wide"}));
  EXPECT_EQ(plan.cells[0].resolved.model.width, 64);
  EXPECT_EQ(plan.cells[1].resolved.model.width, 128);
  EXPECT_THAT(cells({"attention=dense,hash_sparse", "hash_sparse.model=glob(*)"}), SizeIs(3));
  EXPECT_THAT(cells({"attention=hash_sparse", "hash_sparse.data.length=8"}), SizeIs(1));
  EXPECT_THAT(cells({"attention=dense,hash_sparse",
                     "s=zip(hash_sparse.seed=choice(1,2),hash_sparse.buckets=choice(2,4))"}),
              SizeIs(3));
}

TEST_F(Plans, a_file_may_sweep) {
  write("experiments/experiment/rates.yaml",
        "# @package _global_\nsweep:\n  attention: dense,hash_sparse\n  hash_sparse.buckets: [8, "
        "16]\n"
        "  train.learning_rate: logspace(1e-4,1e-2,3)\n");
  EXPECT_THAT(cells({"experiment=rates"}), SizeIs(9));
  EXPECT_THAT(cells({"experiment=rates", "train.learning_rate=1"}), SizeIs(3));
  EXPECT_THAT(cells({"experiment=rates", "attention=dense", "seed=0,1"}), SizeIs(6));
  EXPECT_EQ(cells({"experiment=rates"}, "attention==dense").at(0),
            "attention=dense train.learning_rate=0.0001 experiment=rates");
  write("experiments/experiment/seeds.yaml", "# @package _global_\nsweep: {seed: 'range(4)'}\n");
  EXPECT_THAT(cells({"experiment=rates,seeds"}), SizeIs(12));
  EXPECT_THAT(cells({"experiment=glob(*)"}), SizeIs(12));
  EXPECT_EQ(make_plan(request({"experiment=seeds"}))
                .cells[2]
                .resolved.config.find("seed")
                ->origin()
                .text(),
            "experiments/experiment/seeds.yaml:2");
}

TEST_F(Plans, on_a_gpu_the_precision_is_bfloat16_wherever_the_device_is_said) {
  write("experiments/experiment/gpu.yaml", "# @package _global_\ndevice: cuda\n");
  write("experiments/experiment/exact.yaml",
        "# @package _global_\ndevice: cuda\ntrain: {precision: float32}\n");
  const auto precision = [&](std::vector<std::string> overrides) {
    return make_run(request(std::move(overrides))).resolved.train.precision;
  };
  using config::Precision;
  EXPECT_EQ(precision({}), Precision::float32);
  EXPECT_EQ(precision({"device=cuda"}), Precision::bfloat16);
  EXPECT_EQ(precision({"experiment=gpu"}), Precision::bfloat16);
  EXPECT_EQ(precision({"experiment=gpu", "device=cpu"}), Precision::float32);
  EXPECT_EQ(precision({"experiment=exact"}), Precision::float32);
  EXPECT_EQ(precision({"device=cuda", "train.precision=float32"}), Precision::float32);
  EXPECT_EQ(precision({"device=cpu", "train.precision=bfloat16"}), Precision::bfloat16);
  setenv("ATTNLAB_TEST_DEVICE", "cuda", 1);
  EXPECT_EQ(precision({"device=${oc.env:ATTNLAB_TEST_DEVICE}"}), Precision::bfloat16);
}

TEST_F(Plans, values_may_be_computed) {
  const auto plan = make_plan(
      request({"train.batch_size=${div:8192,${dataset.length}}", "dataset.length=32,64"}));
  ASSERT_THAT(plan.cells, SizeIs(2));
  EXPECT_EQ(plan.cells[0].resolved.train.batch_size, 256);
  EXPECT_EQ(plan.cells[1].resolved.train.batch_size, 128);
  EXPECT_THAT(refusal({"train.batch_size=${div:8192,${dataset.length}}", "dataset.length=100"}),
              testing::HasSubstr("81.92 is a real; expected an integer"));
}

TEST_F(Plans, a_text_is_kept_as_it_was_typed) {
  for (const std::string typed : {"0.0003", "1e5", "1_000", "TRUE", "+5", "007", "3.", "a.b"}) {
    EXPECT_EQ(make_run(request({"study=" + typed})).resolved.run.study, typed);
  }
}

TEST_F(Plans, ten_thousand_cells_take_less_than_a_second_and_a_hundred_mebibytes) {
  const auto used = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return std::pair(static_cast<double>(usage.ru_utime.tv_sec) +
                         1e-6 * static_cast<double>(usage.ru_utime.tv_usec),
                     static_cast<double>(usage.ru_maxrss) / 1024);
  };
  const auto [begin, before] = used();
  EXPECT_THAT(make_plan(request({"seed=range(2500)", "attention=dense,hash_sparse",
                                 "hash_sparse.buckets=2,4,8"}))
                  .cells,
              SizeIs(10000));
  const auto [end, after] = used();
  EXPECT_LT(end - begin, 2.0);  // processor time; 0.4 s where nothing else runs
  EXPECT_LT(after - before, 100);
  std::string seeds = "seed=0";
  for (int seed = 1; seed < 20000; ++seed) seeds += "," + std::to_string(seed);
  EXPECT_THAT(make_plan(request({seeds})).cells, SizeIs(20000));  // was 22 s and 4.3 GB
  const auto [last, most] = used();
  EXPECT_LT(last - end, 4.0);
  EXPECT_LT(most - after, 200);
}

TEST_F(Plans, a_long_condition_is_read_once_for_all_cells) {
  std::string list = "seed in [0", chain = "seed==0";
  for (int seed = 1; seed < 2000; ++seed) {
    list += "," + std::to_string(seed);
    if (seed < 500) chain += " or seed==" + std::to_string(seed);
  }
  const auto begin = std::clock();
  EXPECT_THAT(cells({"seed=range(1000,3000)"}, list + "]"), SizeIs(1000));
  EXPECT_THAT(cells({"seed=range(2000)"}, chain), SizeIs(500));
  EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, 2.5);  // 0.3 s; read for each: 6 s
}

TEST_F(Plans, refusing_many_cells_takes_time_in_proportion) {
  const auto text = refusal({"attention.bukets=range(2000)", "attention=dense,hash_sparse"});
  EXPECT_THAT(text, testing::StartsWith("4000 cells have errors"));
  EXPECT_THAT(refusal({"train.steps=range(-4000,0)"}),
              testing::StartsWith("4000 cells have errors"));
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
