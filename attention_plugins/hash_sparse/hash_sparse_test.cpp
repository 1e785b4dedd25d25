// hash_sparse against the float64 masked reference, dense attention, and its own promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "attention_plugins/hash_sparse/test/harness.h"

namespace attnlab::hash_sparse {
namespace {

using config::Causality;
using test::ContextCase;
using test::PluginUnderTest;
using test::RandomInput;
using testing::HasSubstr;

void expect_exact(const PluginUnderTest& plugin, const RandomInput& in) {
  const ContextCase batch(in.query.size(0));
  const auto R = projections(plugin, in.query, batch.context);
  const auto queries = hash_rows(in.query, R);
  const auto keys = plugin.shared_keys ? queries : hash_rows(in.key, R);
  test::expect_matches_reference(plugin.function(batch.context), in.query, in.key, in.value,
                                 in.grad_out, mask(queries, keys, plugin.causality));
}

struct Case {
  std::int64_t T, D;
  at::ScalarType dtype;
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << "T " << c.T << ", D " << c.D << ", " << c.dtype;
}
class HashSparse : public testing::TestWithParam<Case> {};

TEST_P(HashSparse, with_one_bucket_and_inclusive_causality_is_dense) {
  const auto [T, D, dtype] = GetParam();
  const RandomInput in({4, 8, T, D}, dtype);
  const ContextCase batch(4);
  const auto plugin = hash_sparse(1, Causality::inclusive);
  test::expect_matches_reference(plugin.function(batch.context), in.query, in.key, in.value,
                                 in.grad_out, causal(T, Causality::inclusive));
}

TEST_P(HashSparse, with_one_bucket_and_strict_causality_is_strict_dense) {
  const auto [T, D, dtype] = GetParam();
  const RandomInput in({4, 8, T, D}, dtype);
  const ContextCase batch(4);
  const auto plugin = hash_sparse(1, Causality::strict);
  test::expect_matches_reference(plugin.function(batch.context), in.query, in.key, in.value,
                                 in.grad_out, causal(T, Causality::strict));
}

TEST_P(HashSparse, attends_within_buckets) {
  const auto [T, D, dtype] = GetParam();
  expect_exact(hash_sparse(8), RandomInput({4, 8, T, D}, dtype));
  expect_exact(hash_sparse(4, Causality::inclusive), RandomInput({4, 8, T, D}, dtype));
}

TEST_P(HashSparse, with_keys_hashed_apart_attends_where_buckets_meet) {
  const auto [T, D, dtype] = GetParam();
  expect_exact(hash_sparse(6, Causality::strict, true), RandomInput({4, 8, T, D}, dtype, false));
}

INSTANTIATE_TEST_SUITE_P(sizes, HashSparse,
                         testing::Values(Case{1, 4, at::kFloat}, Case{2, 1, at::kFloat},
                                         Case{37, 16, at::kFloat}, Case{64, 8, at::kDouble},
                                         Case{101, 20, at::kDouble}, Case{211, 64, at::kFloat},
                                         Case{90, 32, at::kBFloat16}, Case{90, 32, at::kHalf}));

TEST(HashSparseKeys, may_crowd_into_few_buckets_while_queries_spread) {
  RandomInput in({2, 8, 173, 16}, at::kFloat, false);
  in.key = in.key + 2 * in.key.select(2, 0).unsqueeze(2);  // all near one direction
  const auto plugin = hash_sparse(16, Causality::strict, true);
  const ContextCase batch(2);
  const auto R = projections(plugin, in.query, batch.context);
  const auto load = [](const at::Tensor& buckets) {
    return at::one_hot(buckets.to(at::kLong), 16).sum(2).max().item<std::int64_t>();
  };
  ASSERT_GT(load(hash_rows(in.key, R)), 3 * load(hash_rows(in.query, R)));
  expect_exact(plugin, in);
}

TEST(HashSparseKeys, hashed_apart_equal_shared_ones_where_keys_are_normalised_queries) {
  const RandomInput in({2, 2, 90, 16}, at::kDouble, true);
  const ContextCase batch(2);
  auto apart = hash_sparse(8, Causality::strict, true);
  const auto together = hash_sparse(8).run(in.input(), batch.context).output;
  EXPECT_TRUE(apart.run(in.input(), batch.context).output.equal(together));
}

TEST(HashSparseDraws, do_not_depend_on_batch_order_or_threads) {
  test::expect_pure_draws(hash_sparse(8));
  test::expect_pure_draws(hash_sparse(8, Causality::inclusive, true));
}

TEST(HashSparseLeak, none_from_the_future) {
  test::expect_no_leak(hash_sparse(1));
  test::expect_no_leak(hash_sparse(8));
  test::expect_no_leak(hash_sparse(8, Causality::inclusive, true));
}

/// Whether the outputs of two contexts differ.
bool differs(const PluginUnderTest& plugin, void (*change)(AttentionContext&)) {
  const RandomInput in({2, 2, 60, 8}, at::kFloat);
  const ContextCase batch(2);
  auto changed = batch.context;
  change(changed);
  return !plugin.run(in.input(), changed)
              .output.equal(plugin.run(in.input(), batch.context).output);
}

TEST(HashSparseDraws, depend_on_seed_layer_and_step_only) {
  const auto plugin = hash_sparse(8);
  EXPECT_TRUE(differs(plugin, [](AttentionContext& c) { ++c.run_seed; }));
  EXPECT_TRUE(differs(plugin, [](AttentionContext& c) { ++c.layer; }));
  EXPECT_TRUE(differs(plugin, [](AttentionContext& c) { ++c.step; }));
  EXPECT_FALSE(differs(plugin, [](AttentionContext& c) { c.training = false; }));
  static const std::vector<std::int64_t> others{8, 9};
  EXPECT_FALSE(differs(plugin, [](AttentionContext& c) { c.sequence_ids = others; }));
}

TEST(HashSparseDraws, when_fixed_stay_over_steps) {
  auto plugin = hash_sparse(8);
  plugin.values.emplace_back("projections", std::string("fixed"));
  EXPECT_FALSE(differs(plugin, [](AttentionContext& c) { ++c.step; }));
  EXPECT_TRUE(differs(plugin, [](AttentionContext& c) { ++c.layer; }));
  EXPECT_TRUE(differs(plugin, [](AttentionContext& c) { ++c.run_seed; }));
}

TEST(HashSparseHash, is_the_argmax_of_projections_and_their_negatives) {
  const RandomInput in({2, 3, 200, 16}, at::kFloat);
  const ContextCase batch(2);
  const auto R = projections(hash_sparse(12), in.query, batch.context);  // [H, D, 6]
  const auto sums = in.query.to(at::kDouble).matmul(R.to(at::kDouble));  // [B, H, T, 6]
  const auto expected = at::cat({sums, -sums}, -1).argmax(-1).to(at::kInt);
  EXPECT_TRUE(hash_rows(in.query, R).equal(expected));
}

TEST(HashSparseHash, gives_ties_to_the_first_bucket) {
  const auto R = at::tensor({1.0F, 1.0F, 1.0F}).view({1, 1, 3});
  const auto rows = at::tensor({2.0F, -2.0F, 0.0F}).view({1, 1, 3, 1});
  const auto expected = at::tensor({0, 3, 0}, at::kInt).view({1, 1, 3});
  EXPECT_TRUE(hash_rows(rows, R).equal(expected));
}

TEST(HashSparseHash, is_computed_in_float32_for_half_precision) {
  const RandomInput in({1, 2, 300, 16}, at::kBFloat16);
  const ContextCase batch(1);
  const auto R = projections(hash_sparse(16), in.query, batch.context);
  EXPECT_EQ(R.scalar_type(), at::kFloat);
  EXPECT_TRUE(hash_rows(in.query, R).equal(hash_rows(in.query.to(at::kFloat), R)));
}

TEST(HashSparseProjections, have_columns_of_unit_length_and_differ_by_head) {
  const at::Tensor query = at::zeros({1, 3, 1, 16});
  const ContextCase batch(1);
  const auto R = projections(hash_sparse(32), query, batch.context);  // [H, D, 16]
  EXPECT_LT(test::largest(R.norm(2, 1) - 1), 1e-6);
  EXPECT_FALSE(R[0].equal(R[1]));
  auto shared = hash_sparse(32);
  shared.values.emplace_back("projection_per_head", false);
  const auto one = projections(shared, query, batch.context);
  EXPECT_TRUE(one[1].equal(one[0]) && one[2].equal(one[0]));
}

TEST(HashSparseProjections, spread_rows_over_all_buckets) {
  const RandomInput in({4, 2, 1000, 16}, at::kFloat);
  const ContextCase batch(4);
  const auto buckets = hash_rows(in.query, projections(hash_sparse(8), in.query, batch.context));
  const auto share =
      at::one_hot(buckets.to(at::kLong), 8).sum(at::IntArrayRef{0, 2}).to(at::kDouble) / 4000;
  EXPECT_GT(share.min().item<double>(), 0.03);  // [H, 8]; 0.125 in expectation
  EXPECT_LT(share.max().item<double>(), 0.3);
}

TEST(HashSparseStatistics, count_what_the_mask_says_and_only_where_asked) {
  const RandomInput in({2, 3, 80, 16}, at::kFloat);
  ContextCase batch(2);
  const auto plugin = hash_sparse(8);
  EXPECT_TRUE(plugin.run(in.input(), batch.context).statistics.empty());
  batch.context.statistics = true;
  const auto training = plugin.run(in.input(), batch.context).statistics;
  ASSERT_FALSE(training.empty());
  batch.context.statistics = false;
  batch.context.training = false;
  const auto output = plugin.run(in.input(), batch.context);
  const auto buckets = hash_rows(in.query, projections(plugin, in.query, batch.context));
  const auto pairs = mask(buckets, buckets, Causality::strict);
  const auto mean = [](const at::Tensor& t) { return t.to(at::kDouble).mean().item<double>(); };
  EXPECT_NEAR(test::statistic(output, "pairs_per_query"), mean(pairs.sum(-1)), 1e-9);
  EXPECT_NEAR(test::statistic(output, "rows_without_keys"), 1 - mean(pairs.any(-1)), 1e-9);
  EXPECT_NEAR(test::statistic(output, "bucket_share_max"),
              at::one_hot(buckets.to(at::kLong), 8).sum(2).max().item<double>() / 80, 1e-9);
  for (const auto& told : training) {
    EXPECT_EQ(told.value.read(), test::statistic(output, told.name)) << told.name;
  }
}

TEST(HashSparseDocuments, are_kept_apart_and_counted) {
  test::expect_pairs_told_within_documents(hash_sparse(4));
  test::expect_pairs_told_within_documents(hash_sparse(4, Causality::inclusive, true));
  auto plugin = hash_sparse(4);
  const RandomInput in({2, 3, 80, 16}, at::kFloat);
  ContextCase batch(2);
  batch.context.training = false;
  auto input = in.input();
  const auto joined = plugin.run(input, batch.context);
  plugin.documents = config::Documents::isolated;
  input.documents = test::some_documents(80);
  const auto apart = plugin.run(input, batch.context);
  for (const char* of_buckets : {"bucket_share_max", "bucket_entropy"}) {
    EXPECT_EQ(test::statistic(apart, of_buckets), test::statistic(joined, of_buckets));
  }
  const auto all = test::same_document(input.documents).tril(-1).to(at::kDouble).sum(-1).mean();
  EXPECT_NEAR(test::statistic(apart, "pairs_over_even"),
              test::statistic(apart, "pairs_per_query") * 4 / all.item<double>(), 1e-9);
}

TEST(HashSparse, entropy_of_one_bucket_has_no_sign) {
  const RandomInput in({1, 1, 1, 4}, at::kFloat);
  ContextCase batch(1);
  batch.context.training = false;
  EXPECT_FALSE(std::signbit(test::statistic(hash_sparse(4).run(in.input(), batch.context), "bucket_entropy")));
}

TEST(HashSparseKernel, names_what_ran) {
  const RandomInput in({1, 1, 8, 4}, at::kFloat);
  const ContextCase batch(1);
  const auto layer = hash_sparse(2).build(in.query);
  EXPECT_EQ(layer->kernel(), "not run yet");
  (void)layer->forward(in.input(), batch.context);
  EXPECT_THAT(layer->kernel(), testing::StartsWith("segment_attention cpu float32 "));
}

TEST(HashSparseRefuses, shared_buckets_for_models_with_keys_of_their_own) {
  const auto shape = [](bool shared) {
    return AttentionShape{.heads = 2, .head_dim = 8, .shared_keys = shared};
  };
  EXPECT_EQ(hash_sparse(8).refusal(shape(false)),
            "keys=shared gives a key its query's bucket, but the model has keys of its own "
            "(model.shared_keys=false). Set hash_sparse.keys=separate or model.shared_keys=true.");
  EXPECT_EQ(hash_sparse(8).refusal(shape(true)), "");
  EXPECT_EQ(hash_sparse(8, Causality::strict, true).refusal(shape(false)), "");
}

TEST(HashSparseRefuses, odd_and_missing_buckets) {
  EXPECT_THAT(hash_sparse(15).error(), HasSubstr("15 is odd; expected"));
  EXPECT_THAT(hash_sparse(0).error(), HasSubstr("attention.buckets"));
  EXPECT_EQ(hash_sparse(1).error(), "accepted");
}

}  // namespace
}  // namespace attnlab::hash_sparse
