#include <set>

#include "framework/data/dataset.h"
#include "tests/data/support.h"

namespace attnlab::data {
namespace {

std::vector<std::int64_t> indices(std::uint64_t seed, std::int64_t step, std::int64_t batch) {
  std::vector<std::int64_t> out;
  for (const auto& draw : draw_training_batch(seed, step, batch, 1000)) out.push_back(draw.index);
  return out;
}

TEST(DrawTrainingBatch, is_a_function_of_seed_and_step) {
  EXPECT_EQ(indices(3, 17, 8), indices(3, 17, 8));
  EXPECT_NE(indices(3, 17, 8), indices(4, 17, 8));
  EXPECT_NE(indices(3, 17, 8), indices(3, 18, 8));
}

TEST(DrawTrainingBatch, numbers_every_row_of_a_run_once) {
  std::set<std::int64_t> ids;
  for (std::int64_t step = 0; step < 10; ++step) {
    for (const auto& draw : draw_training_batch(0, step, 4, 1000)) ids.insert(draw.sequence_id);
  }
  EXPECT_EQ(ids.size(), 40u);
  EXPECT_EQ(*ids.rbegin(), 39);
}

TEST(DrawTrainingBatch, covers_the_training_split_evenly) {
  std::vector<int> hits(10);
  for (std::int64_t step = 0; step < 1000; ++step) {
    for (const auto& draw : draw_training_batch(1, step, 10, 10)) ++hits.at(draw.index);
  }
  // 10,000 draws over 10: the standard deviation is 30; seeds are fixed, so this never flickers.
  EXPECT_THAT(hits, testing::Each(testing::AllOf(testing::Gt(850), testing::Lt(1150))));
}

TEST(DrawTrainingBatch, draws_the_same_on_every_machine) {
  EXPECT_EQ(indices(0, 0, 4), (std::vector<std::int64_t>{944, 493, 211, 511}));
}

}  // namespace
}  // namespace attnlab::data
