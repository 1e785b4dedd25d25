// Grids over model.attention_pattern: overrides of one variant go to its section.
#include "tests/plan/plan_support.h"

namespace attnlab::plan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const std::string kMixed = "model.attention_pattern='dense,hash_sparse'";

TEST_F(Plans, a_variants_override_reaches_its_section_of_a_pattern) {
  const auto plan = make_plan(request({"model.attention_pattern='','dense,hash_sparse'",
                                       "attention=dense,hash_sparse", "hash_sparse.buckets=4,8"}));
  std::vector<std::string> found;
  for (const auto& cell : plan.cells) found.push_back(cell.variant);
  EXPECT_THAT(found, ElementsAre("dense", "hash_sparse", "hash_sparse", "dense,hash_sparse",
                                 "dense,hash_sparse"));
  ASSERT_THAT(plan.cells, SizeIs(5));
  EXPECT_EQ(plan.cells[4].resolved.config.find_path("attention.hash_sparse.buckets")->text(), "8");
}

TEST_F(Plans, a_variants_other_keys_apply_where_the_pattern_has_it) {
  const auto plan = make_plan(request({kMixed, "attention=hash_slow", "hash_sparse.train.steps=7"}));
  ASSERT_THAT(plan.cells, SizeIs(1));
  EXPECT_EQ(plan.cells[0].resolved.train.steps, 7);
}

TEST_F(Plans, where_knows_the_variants_of_a_pattern) {
  const std::vector<std::string> grid{kMixed, "hash_sparse.buckets=4,8"};
  EXPECT_THAT(cells(grid, "hash_sparse.buckets==8"), SizeIs(1));
  EXPECT_THAT(cells(grid, "attention=='dense,hash_sparse'"), SizeIs(2));
  EXPECT_THAT(cells(grid, "hash_slow.chunk==8"), SizeIs(2)) << "another variant's: does not apply";
}

TEST_F(Plans, an_override_that_no_pattern_takes_is_refused) {
  EXPECT_THAT(refusal({kMixed, "hash_slow.chunk=8"}),
              HasSubstr("hash_slow.chunk=8' is for the attention hash_slow, which no cell has"));
  EXPECT_THAT(refusal({"model.attention_pattern='dense,hash_sparse*2'"}),
              HasSubstr("names 3 layers; expected model.layers = 2"));
}

}  // namespace
}  // namespace attnlab::plan
