// engine_page_test.cpp: the examples of attention_plugins/ENGINE.md, as they stand there, against
// softmax attention under a mask.
#include "engine_page.h"

#include <gtest/gtest.h>

#include <cmath>

namespace attnlab {
namespace {

constexpr std::int64_t kT = 24;

struct EnginePage : testing::Test {
  EnginePage() { at::manual_seed(3); }
  at::Tensor query = at::randn({2, 2, kT, 8}), key = at::randn({2, 2, kT, 8}),
             value = at::randn({2, 2, kT, 8});
  at::Tensor position = at::arange(kT);
  at::Tensor distance = position.unsqueeze(1) - position;  // query's - key's

  void expect_attention(const at::Tensor& out, const at::Tensor& seen, const at::Tensor& keys) {
    const auto scores = query.matmul(keys.transpose(-2, -1)) / std::sqrt(8.0);
    const auto weights = scores.masked_fill(seen.logical_not(), -1e30).softmax(-1) * seen;
    EXPECT_TRUE(at::allclose(out, weights.matmul(value), 1e-4, 1e-5));
  }
  [[nodiscard]] at::Tensor rows(const at::Tensor& of_position) const {
    return of_position.expand({2, 2, kT}).contiguous();
  }
};

TEST_F(EnginePage, window_in_documents) {
  const auto document = position.floor_divide(10).to(at::kInt);
  const auto same = document.unsqueeze(1).eq(document);
  expect_attention(window_in_documents(query, key, value, rows(document), 5),
                   distance.ge(0) & distance.lt(5) & same, key);
}

TEST_F(EnginePage, groups_in_documents) {
  const auto bucket = position.remainder(3).to(at::kInt), document = position.floor_divide(10).to(at::kInt);
  const auto same = bucket.unsqueeze(1).eq(bucket) & document.unsqueeze(1).eq(document);
  const auto documents = document.expand({2, kT}).contiguous();
  expect_attention(groups_in_documents(query, key, value, rows(bucket), 3, documents), distance.gt(0) & same, key);
}

TEST_F(EnginePage, within_groups) {
  const auto bucket = position.remainder(3).to(at::kInt);
  expect_attention(within_groups(query, key, value, rows(bucket), 3),
                   distance.gt(0) & bucket.unsqueeze(1).eq(bucket), key);
}

TEST_F(EnginePage, kept_only) {
  const auto keep = position.remainder(4).ne(0);
  expect_attention(kept_only(query, key, value, rows(keep)),
                   distance.gt(0) & keep.unsqueeze(1) & keep, key);
}

TEST_F(EnginePage, rows_in_order) {
  const auto bucket = (position + 1).remainder(3).to(at::kInt);
  EXPECT_TRUE(at::equal(first_row_of_each_bucket(rows(bucket), 3)[1][1],
                        at::tensor({2, 0, 1}, at::kInt)));
  EXPECT_TRUE(first_kept_row(rows(position.gt(4))).eq(5).all().item<bool>());
}

TEST_F(EnginePage, blocks_and_the_one_before) {
  const auto block = position.floor_divide(5);
  expect_attention(blocks_and_the_one_before(query, key, value, 5),
                   distance.gt(0) & (block.unsqueeze(1) - block).le(1), key);
}

TEST_F(EnginePage, even_then_odd_keys) {
  const auto out = even_then_odd_keys(query, key, value);
  EXPECT_TRUE(at::equal(out.select(2, 0), value.select(2, 0)));  // sees nobody: its own value
  query = query.slice(2, 1);
  expect_attention(out.slice(2, 1), distance.gt(0).slice(0, 1), key);
}

TEST_F(EnginePage, hashed_chunks) {
  // One chunk of all rows: every earlier token, in both rounds, counted once.
  const auto out = hashed_chunks(query, value, 2, kT);
  EXPECT_TRUE(at::equal(out.select(2, 0), value.select(2, 0)));
  const auto keys = query;
  query = query.slice(2, 1);
  expect_attention(out.slice(2, 1), distance.gt(0).slice(0, 1), keys);
  EXPECT_TRUE(hashed_chunks(keys, value, 2, 6).isfinite().all().item<bool>());
}

TEST_F(EnginePage, random_keep) {
  const auto keep = random_keep(at::empty({2, 2, 4000, 1}), 0.25, 1, 0);
  EXPECT_NEAR(keep.to(at::kDouble).mean().item<double>(), 0.75, 0.02);
  EXPECT_TRUE(at::equal(keep, random_keep(at::empty({2, 2, 4000, 1}), 0.25, 1, 0)));
  EXPECT_FALSE(at::equal(keep, random_keep(at::empty({2, 2, 4000, 1}), 0.25, 1, 1)));
}

}  // namespace
}  // namespace attnlab
