// qk_drop against the float64 masked reference, dense attention, and its own promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/random.h"
#include "tests/sparse/plugin_checks.h"

namespace attnlab {
namespace {

using config::Causality;
using test::ContextCase;
using test::PluginUnderTest;
using test::RandomInput;
using testing::HasSubstr;

PluginUnderTest qk_drop(double drop, Causality causality = Causality::strict) {
  return {"qk_drop", {{"drop", drop}}, causality, true};
}

/// bool [B, H, T], from the same named stream, row by row.
at::Tensor keep(const char* side, double rate, const at::Tensor& query,
                const AttentionContext& context) {
  auto mask = at::empty(query.sizes().slice(0, 3), at::kBool);
  auto cells = mask.accessor<bool, 3>();
  for (std::int64_t b = 0; b < mask.size(0); ++b) {
    for (std::int64_t h = 0; h < mask.size(1); ++h) {
      const RandomStream stream(
          context.run_seed, side,
          {static_cast<std::uint64_t>(context.layer), static_cast<std::uint64_t>(context.step),
           static_cast<std::uint64_t>(context.sequence_ids[b]), static_cast<std::uint64_t>(h)});
      for (std::int64_t t = 0; t < mask.size(2); ++t) cells[b][h][t] = stream.uniform(t) >= rate;
    }
  }
  return mask;
}

at::Tensor mask(double query_drop, double key_drop, const at::Tensor& query,
                const AttentionContext& context, Causality causality) {
  const auto queries = keep("qk_drop.query", query_drop, query, context);
  const auto keys = keep("qk_drop.key", key_drop, query, context);
  return queries.unsqueeze(-1)
      .logical_and(keys.unsqueeze(-2))
      .logical_and(causal_mask(query.size(2), causality == Causality::strict));
}

struct Case {
  std::int64_t T, D;
  at::ScalarType dtype;
  Causality causality;
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << "T " << c.T << ", D " << c.D << ", " << c.dtype
       << (c.causality == Causality::strict ? ", strict" : ", inclusive");
}
class QkDrop : public testing::TestWithParam<Case> {};

TEST_P(QkDrop, at_rate_zero_is_dense) {
  const auto [T, D, dtype, causality] = GetParam();
  const RandomInput in({4, 8, T, D}, dtype);
  const ContextCase batch(4);
  const auto plugin = qk_drop(0, causality);
  test::expect_matches_reference(plugin.function(batch.context), in.query, in.key, in.value,
                                 in.grad_out, causal_mask(T, causality == Causality::strict));
}

TEST_P(QkDrop, attends_between_kept_rows) {
  const auto [T, D, dtype, causality] = GetParam();
  const RandomInput in({4, 8, T, D}, dtype, false);
  const ContextCase batch(4);
  for (const double rate : {0.3, 0.7}) {
    const auto plugin = qk_drop(rate, causality);
    test::expect_matches_reference(plugin.function(batch.context), in.query, in.key, in.value,
                                   in.grad_out,
                                   mask(rate, rate, in.query, batch.context, causality));
  }
}

INSTANTIATE_TEST_SUITE_P(sizes, QkDrop,
                         testing::Values(Case{1, 4, at::kFloat, Causality::inclusive},
                                         Case{2, 1, at::kFloat, Causality::strict},
                                         Case{37, 16, at::kFloat, Causality::strict},
                                         Case{64, 8, at::kDouble, Causality::inclusive},
                                         Case{211, 64, at::kFloat, Causality::strict},
                                         Case{101, 20, at::kDouble, Causality::strict},
                                         Case{90, 32, at::kBFloat16, Causality::inclusive},
                                         Case{90, 32, at::kHalf, Causality::strict}));

TEST(QkDropRates, may_differ_by_side) {
  const RandomInput in({2, 8, 70, 8}, at::kFloat);
  const ContextCase batch(2);
  auto plugin = qk_drop(0.9);
  plugin.values.emplace_back("query_drop", 0.0);
  plugin.values.emplace_back("key_drop", 0.5);
  test::expect_matches_reference(plugin.function(batch.context), in.query, in.key, in.value,
                                 in.grad_out,
                                 mask(0.0, 0.5, in.query, batch.context, Causality::strict));
}

TEST(QkDropRates, at_one_drop_everything) {
  const RandomInput in({1, 2, 20, 8}, at::kFloat);
  const ContextCase batch(1);
  EXPECT_EQ(test::largest(qk_drop(1).run(in.input(), batch.context).output), 0.0);
}

TEST(QkDropRows, are_exactly_zero_when_dropped_or_stranded) {
  const RandomInput in({2, 2, 60, 8}, at::kFloat);
  const ContextCase batch(2);
  const auto queries = keep("qk_drop.query", 0.6, in.query, batch.context);
  const auto keys = keep("qk_drop.key", 0.6, in.query, batch.context);
  const auto earlier = keys.to(at::kInt).cumsum(-1) - keys.to(at::kInt);  // kept keys before t
  const auto stranded = queries.logical_and(earlier.eq(0));
  ASSERT_TRUE(stranded.slice(2, 1).any().item<bool>());
  const auto out = qk_drop(0.6).run(in.input(), batch.context).output;
  EXPECT_TRUE(out.eq(0).all(-1).equal(stranded.logical_or(queries.logical_not())));
}

TEST(QkDropDraws, do_not_depend_on_batch_order_or_threads) {
  test::expect_pure_draws(qk_drop(0.4));
  test::expect_pure_draws(qk_drop(0.4, Causality::inclusive));
}

TEST(QkDropLeak, none_from_the_future) {
  test::expect_no_leak(qk_drop(0));
  test::expect_no_leak(qk_drop(0.3, Causality::inclusive));
}

TEST(QkDropDraws, depend_on_seed_layer_step_and_sequence) {
  const at::Tensor query = at::zeros({2, 2, 200, 4});
  const RandomInput in({2, 2, 200, 4}, at::kFloat);
  const ContextCase batch(2);
  const auto plugin = qk_drop(0.5);
  const auto before = plugin.run(in.input(), batch.context).output;
  const auto differs = [&](auto change) {
    auto context = batch.context;
    change(context);
    return !plugin.run(in.input(), context).output.equal(before);
  };
  EXPECT_TRUE(differs([](AttentionContext& c) { ++c.run_seed; }));
  EXPECT_TRUE(differs([](AttentionContext& c) { ++c.layer; }));
  EXPECT_TRUE(differs([](AttentionContext& c) { ++c.step; }));
  const std::vector<std::int64_t> others{8, 9};
  EXPECT_TRUE(differs([&](AttentionContext& c) { c.sequence_ids = others; }));
  EXPECT_FALSE(differs([](AttentionContext& c) { c.training = false; }));
}

TEST(QkDropDraws, are_independent_by_side_head_and_sequence) {
  const RandomInput in({2, 2, 4000, 1}, at::kFloat);
  const ContextCase batch(2);
  const auto queries = keep("qk_drop.query", 0.5, in.query, batch.context).to(at::kDouble);
  const auto keys = keep("qk_drop.key", 0.5, in.query, batch.context).to(at::kDouble);
  const auto all = at::cat({queries.flatten(0, 1), keys.flatten(0, 1)}) - 0.5;  // [8, T]
  const auto correlation = all.matmul(all.t()) / (0.25 * 4000);
  // Off the diagonal: standard deviation 1/sqrt(4000) = 0.016.
  EXPECT_LT(test::largest(correlation.fill_diagonal_(0)), 0.08);
}

TEST(QkDropEvaluation, drops_as_in_training_or_keeps_all) {
  const RandomInput in({2, 2, 70, 8}, at::kFloat);
  ContextCase batch(2);
  const auto trained = qk_drop(0.5).run(in.input(), batch.context).output;
  const auto dense = qk_drop(0).run(in.input(), batch.context).output;
  auto keep_all = qk_drop(0.5);
  keep_all.values.emplace_back("evaluation", std::string("keep_all"));
  EXPECT_TRUE(keep_all.run(in.input(), batch.context).output.equal(trained));
  batch.context.training = false;
  EXPECT_TRUE(qk_drop(0.5).run(in.input(), batch.context).output.equal(trained));
  EXPECT_TRUE(keep_all.run(in.input(), batch.context).output.equal(dense));
}

TEST(QkDropStatistics, count_what_the_mask_says_and_only_in_evaluation) {
  const RandomInput in({2, 3, 80, 4}, at::kFloat);
  ContextCase batch(2);
  EXPECT_TRUE(qk_drop(0.4).run(in.input(), batch.context).statistics.empty());
  batch.context.training = false;
  const auto output = qk_drop(0.4).run(in.input(), batch.context);
  const auto pairs = mask(0.4, 0.4, in.query, batch.context, Causality::strict);
  const auto mean = [](const at::Tensor& t) { return t.to(at::kDouble).mean().item<double>(); };
  EXPECT_NEAR(test::statistic(output, "pairs_per_query"), mean(pairs.sum(-1)), 1e-9);
  EXPECT_NEAR(test::statistic(output, "rows_without_keys"), 1 - mean(pairs.any(-1)), 1e-9);
  EXPECT_NEAR(test::statistic(output, "queries_kept"),
              mean(keep("qk_drop.query", 0.4, in.query, batch.context)), 1e-9);
}

TEST(QkDropDocuments, are_kept_apart_and_counted) {
  test::expect_pairs_told_within_documents(qk_drop(0.3));
  test::expect_pairs_told_within_documents(qk_drop(0.3, Causality::inclusive));
}

TEST(QkDropRefuses, rates_that_are_no_probabilities) {
  EXPECT_THAT(qk_drop(1.5).error(), HasSubstr("attention.drop"));
  auto plugin = qk_drop(0.5);
  plugin.values.emplace_back("key_drop", -0.25);
  EXPECT_THAT(
      plugin.error(),
      HasSubstr("attention: key_drop is -0.25; expected a probability from 0 to 1, or -1 to "
                "follow drop."));
}

TEST(QkDropRefuses, a_batch_without_sequence_ids) {
  const RandomInput in({2, 2, 8, 4}, at::kFloat);
  ContextCase batch(1);
  try {
    (void)qk_drop(0.5).run(in.input(), batch.context);
    FAIL() << "expected an error";
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("[qk_drop] sequence_ids: expected one per batch row (2), got 1"));
  }
}

}  // namespace
}  // namespace attnlab
