// hash_space: what it does to crowded buckets, and when the moments move.
#include <gtest/gtest.h>

#include "attention_plugins/hash_sparse/test/harness.h"

namespace attnlab::hash_sparse {
namespace {

/// Rows that share a large common part, as a trained layer's queries do: [B, H, T, D].
RandomInput crowded(std::int64_t B, std::int64_t T) {
  RandomInput in({B, 2, T, 16}, at::kFloat);
  in.query = in.query + 8;
  in.key = in.query / in.query.norm(2, -1, true);
  return in;
}

PluginUnderTest in_space(const char* space, bool separate = false) {
  auto plugin = hash_sparse(16, Causality::strict, separate);
  plugin.values.emplace_back("hash_space", std::string(space));
  return plugin;
}

/// A layer after one training step on `in`.
std::unique_ptr<Attention> after_a_step(const PluginUnderTest& plugin, const RandomInput& in,
                                        const ContextCase& batch) {
  auto layer = plugin.build(in.query);
  (void)layer->forward(in.input(), batch.context);
  layer->finish_step();
  return layer;
}

TEST(HashSparseSpace, evens_buckets_that_a_common_part_fills) {
  const auto in = crowded(2, 600);
  ContextCase batch(2);
  const auto over_even = [&](const char* space, bool separate) {
    const auto layer = after_a_step(in_space(space, separate), in, batch);
    auto context = batch.context;
    context.training = false;
    return test::statistic(layer->forward(in.input(), context), "pairs_over_even");
  };
  EXPECT_GT(over_even("raw", false), 4);
  EXPECT_LT(over_even("centred", false), 1.5);
  EXPECT_LT(over_even("whitened", false), 1.5);
}

TEST(HashSparseSpace, is_raw_before_the_first_step_and_moves_at_its_end_alone) {
  const auto in = crowded(1, 90);
  ContextCase batch(1);
  const auto raw = in_space("raw").run(in.input(), batch.context).output;
  for (const bool separate : {false, true}) {
    const auto layer = in_space("whitened", separate).build(in.query);
    EXPECT_TRUE(layer->forward(in.input(), batch.context).output.equal(raw));
    auto evaluation = batch.context;
    evaluation.training = false;
    (void)layer->forward(in.input(), evaluation);
    EXPECT_TRUE(layer->forward(in.input(), batch.context).output.equal(raw));
    layer->finish_step();
    EXPECT_FALSE(layer->forward(in.input(), batch.context).output.equal(raw));
  }
}

TEST(HashSparseSpace, computes_exact_attention_over_its_buckets) {
  const auto in = crowded(1, 80);
  const ContextCase batch(1);
  const auto layer = after_a_step(in_space("whitened"), in, batch);
  const auto out = layer->forward(in.input(), batch.context).output;
  sparse::RunningMoments::State state{at::zeros({2, 16}), at::zeros({2, 16, 16}), at::zeros({1})};
  sparse::RunningMoments moments({sparse::HashSpace::whitened}, state);
  moments.collect(in.query);
  moments.finish_step();
  const auto buckets = hash_rows(in.query, projections(in_space("whitened"), in.query, batch.context), &moments);
  test::expect_matches_reference([&](const auto& q, const auto& k, const auto& v) {
    return layer->forward({q, k, v, {}}, batch.context).output;
  }, in.query, in.key, in.value, in.grad_out, mask(buckets, buckets, Causality::strict));
}

}  // namespace
}  // namespace attnlab::hash_sparse
