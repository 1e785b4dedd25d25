#include "tests/plan/plan_support.h"

namespace attnlab::plan {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST_F(Plans, an_error_names_the_cell_and_its_variant) {
  EXPECT_EQ(refusal({"attention=dense,hash_sparse", "hash_sparse.buckets=8,15"}),
            "cell 3 (hash_sparse): override 'hash_sparse.buckets=15': attention.buckets: 15 is "
            "odd; expected 1 or an even integer from 1 to 65536.");
}

TEST_F(Plans, a_parameter_of_another_variant_is_offered_for_that_variant) {
  EXPECT_THAT(refusal({"attention=dense,hash_sparse", "attention.buckets=8"}),
              HasSubstr("'buckets' is a parameter of hash_sparse: to set it there alone, write "
                        "hash_sparse.buckets=..."));
  EXPECT_THAT(refusal({"attention=dense", "attention.buckets=8"}),
              testing::Not(HasSubstr("is a parameter of")));
}

TEST_F(Plans, all_cells_at_fault_are_named_at_once) {
  const auto text = refusal({"attention=dense,hash_sparse", "seed=1,-1", "hash_sparse.buckets=3"});
  EXPECT_THAT(text, StartsWith("3 cells have errors, so that none was started:\n"));
  EXPECT_THAT(text,
              HasSubstr("\ncells 2, 4 (dense, hash_sparse): override 'seed=-1': seed: -1 is out "
                        "of range"));
  EXPECT_THAT(text, HasSubstr("\ncell 3 (hash_sparse): override 'hash_sparse.buckets=3'"));
}

TEST_F(Plans, an_error_that_cells_share_is_said_once) {
  const auto text = refusal({"attention=dense,hash_sparse", "model.heads=3"});
  EXPECT_THAT(text, HasSubstr("cells 1, 2 (dense, hash_sparse): model: width 64 is not divisible "
                              "by heads 3"));
}

TEST_F(Plans, a_variant_that_no_cell_has_is_refused) {
  EXPECT_EQ(refusal({"attention=dense,hash_slow", "hash_sparse.buckets=8"}),
            "override 'hash_sparse.buckets=8' is for the attention hash_sparse, which no cell has; "
            "expected one of dense, hash_slow. Add it with attention=..., or leave the override "
            "out.");
}

TEST_F(Plans, an_unknown_first_word_names_the_nearest) {
  EXPECT_EQ(refusal({"hash_sparce.buckets=8"}),
            "override 'hash_sparce.buckets=8': unknown key 'hash_sparce.buckets'; 'hash_sparce' is "
            "no section, group or attention variant. Did you mean 'hash_sparse'? `attnlab "
            "describe` lists them.");
  EXPECT_THAT(refusal({"sed=1,2"}), HasSubstr("Did you mean 'seed'?"));
  for (const auto& [typed, meant] : {std::pair{"steps=5", "'train.steps'"},
                                     {"stpes=5", "'train.steps'"},
                                     {"heads=2", "'model.heads'"},
                                     {"length=8", "'dataset.length'"},
                                     {"buckets=8", "'hash_sparse.buckets'"},
                                     {"train.stpes=5", "'steps'"},
                                     {"model.length=3", "'dataset.length'"},
                                     {"hash_sparse.bukets=8", "'buckets'"},
                                     {"+train.stpes=5", "'steps'"},
                                     {"++train.stpes=5", "'steps'"},
                                     {"modle.width=3", "'model'"}}) {
    const auto text = refusal({typed, "attention=hash_sparse"});
    EXPECT_THAT(text, HasSubstr(std::string("Did you mean ") + meant)) << typed;
    EXPECT_THAT(text, testing::Not(HasSubstr("To add it use"))) << typed;  // nothing can be added
  }
  EXPECT_THAT(refusal({"hydra.sweeper.params=1"}), HasSubstr("mapping `sweep:`"));
}

TEST_F(Plans, a_variant_that_is_set_like_a_key_is_explained) {
  EXPECT_EQ(refusal({"hash_sparse=8"}),
            "override 'hash_sparse=8': 'hash_sparse' is an attention variant; expected "
            "attention=hash_sparse to choose it, or hash_sparse.KEY=VALUE to set one of its "
            "parameters.");
}

TEST_F(Plans, an_unknown_variant_names_the_nearest_and_the_cell) {
  const auto text = refusal({"attention=dense,hash_sparce"});
  EXPECT_THAT(text, StartsWith("cell 2 (hash_sparce): "));
  EXPECT_THAT(text, HasSubstr("hash_sparse"));
}

TEST_F(Plans, what_a_run_needs_must_be_there) {
  EXPECT_THAT(refusal({"~dataset"}), HasSubstr("no dataset is chosen; expected dataset=NAME"));
  EXPECT_THAT(refusal({"~attention"}), HasSubstr("no attention is chosen"));
  EXPECT_THAT(refusal({"study=???"}),
              HasSubstr("study: the value is still missing; set it with study=VALUE"));
  EXPECT_THAT(refusal({"seed=???", "study=s${seed}"}), HasSubstr("still ???"));
  EXPECT_THAT(refusal({"hash_sparse.attention=dense"}),
              HasSubstr("is an attention variant; expected"));
  EXPECT_THAT(refusal({"attention=[dense,hash_sparse]"}), HasSubstr("a run has one attention"));
  EXPECT_THAT(refusal({"train.batch_size=1000000000"}), HasSubstr("this run needs more than"));
}

TEST_F(Plans, an_empty_sweep_is_refused) {
  EXPECT_THAT(refusal({"seed=range(3,3)"}), HasSubstr("seed=range(3,3)"));
  EXPECT_EQ(refusal({"attention=glob(fast*)"}),
            "override 'attention=glob(fast*)' matches no option; expected a pattern for one of "
            "dense, hash_slow, hash_sparse.");
}

TEST_F(Plans, a_key_both_zipped_and_not_is_refused) {
  EXPECT_EQ(refusal({"both=zip(seed=choice(0,1),model.layers=choice(1,2))", "seed=5"}),
            "override 'seed=5' sets seed, and so does override 'both=zip(seed=choice(0,1),model.layers=choice(1,2))'; expected "
            "each key either in one zip() or outside it. Leave one of the two out.");
  EXPECT_EQ(refusal({"train.steps=6", "z=zip(seed=choice(0,1),train.steps=choice(1,2))"}),
            "override 'z=zip(seed=choice(0,1),train.steps=choice(1,2))' sets train.steps, and so does override 'train.steps=6'; "
            "expected each key either in one zip() or outside it. Leave one of the two out.");
}

TEST_F(Plans, a_length_beyond_the_data_is_refused_in_its_cell) {
  EXPECT_THAT(refusal({"dataset.length=100,101"}),
              StartsWith("cell 2 (dense): override 'dataset.length=101': dataset.length: 101 is "
                         "beyond the data; expected 1 to 100 for toy."));
}

TEST_F(Plans, too_many_combinations_are_refused) {
  EXPECT_THAT(refusal({"seed=range(1000)", "train.steps=range(1,1001)"}),
              HasSubstr("more than 200000 combinations"));
}

TEST_F(Plans, where_that_leaves_nothing_is_refused) {
  EXPECT_THAT(refusal({"seed=0,1"}, "seed>5"),
              StartsWith("no cell is left: --where 'seed>5' holds for none of 2."));
}

TEST_F(Plans, where_that_cannot_be_read_is_refused) {
  for (const std::string bad :
       {"seed=1", "seed<", "<3", "seed<3 &&", "seed<3 or", "seed === 3", "seed<'3", "(seed<3",
        "seed<3)", "seed in", "seed in [1", "seed seed", "not", "seed<3 seed>1", "f(seed"}) {
    EXPECT_THAT(refusal({"seed=0,1"}, bad), StartsWith("--where: cannot read '")) << bad;
  }
  EXPECT_EQ(
      refusal({"seed=0,1"}, "seed=1"),
      "--where: cannot read 'seed=1': unexpected '=' at letter 5. Expected KEY SIGN VALUE with "
      "one of == != < <= > >= in, joined by and, or, not, for instance 'train.steps<=100 and "
      "attention!=none'.");
  EXPECT_THAT(refusal({"seed=0,1"}, " "), StartsWith("--where: there is no condition: ' '. Expected KEY SIGN VALUE"));
  EXPECT_THAT(refusal({"seed=0,1"}, "seed"),
              HasSubstr("--where 'seed': 0 is neither true nor false; expected a comparison."));
  EXPECT_THAT(refusal({"seed=0,1"}, "seed in 3"), HasSubstr("'in' takes a list"));
}

TEST_F(Plans, where_with_an_unknown_key_names_the_nearest) {
  EXPECT_THAT(refusal({"seed=0"}, "train.stebs<3"),
              HasSubstr("--where 'train.stebs<3': unknown key 'train.stebs'. Did you mean "
                        "'train.steps'"));
}

TEST_F(Plans, where_compares_like_with_like) {
  EXPECT_THAT(refusal({"seed=0"}, "train.steps<many"),
              HasSubstr("cannot compare 200 (integer) with many (string); expected two "
                        "numbers, or equal types and == or !=."));
  EXPECT_THAT(refusal({"seed=0"}, "device<cpu"), HasSubstr("cannot compare cpu (string)"));
}

std::string run_refusal(const PlanRequest& request) {
  try {
    const auto cell = make_run(request);
    return "accepted " + cell.overrides;
  } catch (const Error& error) {
    return error.what();
  }
}

TEST_F(Plans, a_single_run_refuses_a_sweep_and_offers_what_may_be_meant) {
  EXPECT_EQ(run_refusal(request({"attention=dense,hash_sparse"})),
            "override 'attention=dense,hash_sparse' is a sweep, and attnlab run does one run; "
            "expected a single value.\n"
            "  all of them:    attnlab grid with the same words");  // a run has one attention
  EXPECT_THAT(
      run_refusal(request({"study=a,b"})),
      testing::EndsWith("one list:       'study=[a,b]'\n  one string:     \"study='a,b'\""));
  write("experiments/experiment/seeds.yaml", "# @package _global_\nsweep: {seed: 'range(4)'}\n");
  EXPECT_THAT(
      run_refusal(request({"experiment=seeds"})),
      StartsWith("experiments/experiment/seeds.yaml:2: 'seed' is swept here, and attnlab run"));
  EXPECT_EQ(run_refusal(request({"experiment=seeds", "seed=3"})),
            "accepted seed=3 experiment=seeds");
  EXPECT_THAT(run_refusal(request({"seed=range(3)"})), HasSubstr("attnlab grid"));
  EXPECT_EQ(run_refusal(request({"seed=3"})), "accepted seed=3");
}

TEST_F(Plans, an_error_of_a_single_run_needs_no_cell) {
  EXPECT_THAT(run_refusal(request({"model.heads=3"})), StartsWith("model: width 64 is not"));
}

}  // namespace
}  // namespace attnlab::plan
