#include "framework/report/versus.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "framework/report/statistics.h"
#include "tests/report/versus_support.h"

namespace attnlab::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kDensePlugin[] = R"({"name":"dense"})";
constexpr char kNonePlugin[] = R"({"name":"none"})";
constexpr char kHash[] = R"({"name":"hash_sparse","buckets":8})";

// Seeds differ much more than variants do: only pairs can show it.
TEST_F(Against, pairs_show_what_the_spread_of_seeds_hides) {
  add(kDensePlugin, {1.0, 1.5, 2.0, 1.2});
  add(kHash, {1.11, 1.59, 2.1, 1.3});
  const auto table = asked().table;
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(word(table, 0, "attention"), "dense");
  EXPECT_EQ(word(table, 0, "verdict"), "");
  const auto expected = paired_test(std::vector{1.11 - 1.0, 1.59 - 1.5, 2.1 - 2.0, 1.3 - 1.2}, 0.05);
  EXPECT_EQ(number(table, 1, "difference"), expected.differences.mean);
  EXPECT_EQ(number(table, 1, "low"), expected.low);
  EXPECT_EQ(number(table, 1, "high"), expected.high);
  EXPECT_EQ(number(table, 1, "p"), expected.p);
  EXPECT_LT(expected.p, 0.001);
  EXPECT_NEAR(number(table, 1, "effect"), 0.1 / 0.43, 0.01);
  EXPECT_EQ(number(table, 1, "pairs"), 4);
  EXPECT_EQ(word(table, 1, "verdict"), "worse");
  EXPECT_THAT(asked().notes, IsEmpty());
}

TEST_F(Against, two_pairs_have_a_difference_and_no_interval) {
  add(kDensePlugin, {1.0, 1.5});
  add(kHash, {1.1, 1.6});
  const auto table = asked().table;
  EXPECT_NEAR(number(table, 1, "difference"), 0.1, 1e-12);
  EXPECT_TRUE(std::isnan(number(table, 1, "low")));
  EXPECT_EQ(word(table, 1, "verdict"), "2 pairs: no verdict");
}

TEST_F(Against, p_is_corrected_for_the_number_of_variants) {
  add(kDensePlugin, {1.0, 1.5, 2.0});
  add(kHash, {1.2, 1.6, 2.3});
  add(R"({"name":"hash_sparse","buckets":16})", {1.1, 1.8, 2.2});
  add(kNonePlugin, {3, 3.1, 3.2});
  const auto table = asked().table;
  EXPECT_EQ(word(table, 3, "attention"), "none") << "the floor last";
  const auto corrected = holm(std::vector{number(table, 1, "p_alone"), number(table, 2, "p_alone"),
                                          number(table, 3, "p_alone")});
  for (std::size_t row = 1; row <= 3; ++row) EXPECT_EQ(number(table, row, "p"), corrected[row - 1]);
  EXPECT_GT(number(table, 1, "p"), number(table, 1, "p_alone"));
}

TEST_F(Against, pairs_that_share_less_are_named) {
  add(kDensePlugin, {1.0, 1.5, 2.0});
  for (int seed = 0; seed < 3; ++seed) {
    const auto number = std::to_string(seed);
    auto facts = digests(seed == 1 ? "other" : "w" + number, seed == 2 ? "other" : "b" + number);
    if (seed == 0) facts.clear();
    add_run(store_, {.attention = kHash, .seed = seed, .score = 2, .facts = facts});
  }
  EXPECT_THAT(asked().notes,
              ElementsAre("hash_sparse and dense, seed 1: other initial weights, so these pairs share less",
                          "hash_sparse and dense, seed 2: other batches, so these pairs share less",
                          "hash_sparse and dense, seed 0: no digests stored of what they share"));
  EXPECT_EQ(finding("initial weights"), "≠ other ones: hash_sparse (seed 1)");
  EXPECT_EQ(finding("data order"), "≠ other ones: hash_sparse (seed 2)");
}

TEST_F(Against, each_meets_the_one_that_differs_in_the_attention_alone) {
  for (const double rate : {0.001, 0.01}) {
    for (int seed = 0; seed < 3; ++seed) {
      add_run(store_, {.attention = kDensePlugin, .seed = seed, .score = rate, .rate = rate});
      add_run(store_, {.attention = kHash, .seed = seed, .score = 2 * rate, .rate = rate});
    }
  }
  const auto table = asked().table;
  ASSERT_EQ(table.rows.size(), 4U);
  for (std::size_t row = 2; row < 4; ++row) {
    const auto rate = word(table, row, "attention").substr(std::string("hash_sparse").size());
    EXPECT_EQ(word(table, row, "against"), "dense" + rate);
  }
  const auto chosen = asked({.against = "dense train.learning_rate=0.01"}).table;
  EXPECT_EQ(chosen.rows.size(), 4U) << "one is named: all meet it";
  EXPECT_EQ(word(chosen, 3, "against"), "dense train.learning_rate=0.01");
}

TEST_F(Against, an_unknown_variant_is_refused_with_the_nearest) {
  add(kDensePlugin, {1.0});
  EXPECT_EQ(message_of([&] { (void)all({.against = "dens"}); }),
            "the study 'demo' has no variant 'dens'. Did you mean 'dense'? attnlab compare --study demo "
            "lists them.");
}

// Scores fall by 4 in 100 steps, from score + 4 at step 0: 0.04 a step.
TEST_F(Against, at_equal_seconds_the_slower_one_has_done_fewer_steps) {
  add(kDensePlugin, {1.0, 1.1, 1.3}, 0.1);
  add(kHash, {1.0, 1.1, 1.3}, 0.05);
  const auto shared = asked({.against = "dense", .budget = Budget::seconds});
  EXPECT_THAT(shared.words, HasSubstr("bits/dim (val) at 5 training seconds, each variant minus dense"));
  EXPECT_NEAR(number(shared.table, 1, "difference"), -2.0, 1e-9) << "100 steps against 50";
  const auto chosen = asked({.against = "dense", .budget = Budget::seconds, .amount = 4});
  EXPECT_NEAR(number(chosen.table, 0, "mean"), 3.4 / 3 + 4 - 40 * 0.04, 1e-9);
  EXPECT_NEAR(number(chosen.table, 1, "mean"), 3.4 / 3 + 4 - 80 * 0.04, 1e-9);
  const auto steps = asked({.against = "dense", .budget = Budget::steps, .amount = 75});
  EXPECT_NEAR(number(steps.table, 1, "difference"), 0, 1e-12);
  EXPECT_NEAR(number(steps.table, 1, "mean"), 3.4 / 3 + 1, 1e-9);
  const auto tokens = asked({.against = "dense", .budget = Budget::tokens, .amount = 25 * 6272});
  EXPECT_NEAR(number(tokens.table, 1, "mean"), 3.4 / 3 + 3, 1e-9);
}

TEST_F(Against, at_equal_operations_cheaper_attention_sees_more_tokens) {
  add(kDensePlugin, {1.0, 1.1, 1.3});
  add(kNonePlugin, {1.0, 1.1, 1.3});
  const MetricKey pairs{"attention/pairs_per_query", "keys", Goal::none};
  for (std::int64_t run = 1; run <= 6; ++run) {
    store_.add_events(run, {{102, 0, 11, {{pairs, run <= 3 ? 391.5 : 0}}}});
  }
  // 6 (123456 - 784 * 64) + 12 * 64 * 2 * 391.5 and the first term alone
  const double dense = 439680 + 601344, none = 439680;
  EXPECT_EQ(finding("operations a token"), "≠ dense: 1.04M FLOP, none: 0.422x");
  const double amount = 6272 * 50 * none;
  const auto table = asked({.against = "dense", .budget = Budget::flops, .amount = amount}).table;
  EXPECT_NEAR(number(table, 1, "mean"), 3.4 / 3 + 2, 1e-9);
  EXPECT_NEAR(number(table, 0, "mean"), 3.4 / 3 + 4 - 2 * none / dense, 1e-9);
}

TEST_F(Against, runs_without_a_score_there_are_named) {
  add(kDensePlugin, {1.0, 1.1, 1.3}, 0.1);
  add(kHash, {1.0, 1.1, 1.3}, 0.05);
  const auto later = asked({.against = "dense", .budget = Budget::seconds, .amount = 7});
  EXPECT_THAT(later.notes, ElementsAre("run 4, 5, 6: ended before that much was spent"));
  EXPECT_EQ(word(later.table, 1, "verdict"), "0 pairs: no verdict");
  const auto flops = asked({.against = "dense", .budget = Budget::flops, .amount = 7});
  EXPECT_THAT(flops.notes, ElementsAre("run 1, 2, 3, 4, 5, 6: its operations a token are not known"));
}

TEST_F(Against, seconds_and_steps_to_a_target) {
  add(kDensePlugin, {1.0, 1.1, 1.3}, 0.1);
  add(kHash, {1.0, 1.1, 1.9}, 0.05);
  const auto versus = all({.against = "dense", .target = 2.0});
  ASSERT_EQ(versus[0].questions.size(), 2U);
  const auto& seconds = versus[0].questions[0].table;
  const auto& steps = versus[0].questions[1].table;
  EXPECT_THAT(versus[0].questions[0].words, HasSubstr("training seconds until bits/dim (val) is 2,"));
  // score + 4 - 0.04 steps = 2 at steps 75, 77.5, 82.5 and 97.5
  EXPECT_NEAR(number(steps, 0, "mean"), (75 + 77.5 + 82.5) / 3, 1e-9);
  EXPECT_NEAR(number(steps, 1, "mean"), (75 + 77.5 + 97.5) / 3, 1e-9);
  EXPECT_NEAR(number(seconds, 0, "mean"), (75 + 77.5 + 82.5) / 30, 1e-9);
  EXPECT_NEAR(number(seconds, 1, "mean"), (75 + 77.5 + 97.5) / 60, 1e-9);
  EXPECT_EQ(word(seconds, 1, "verdict"), "better");
  const auto never = asked({.against = "dense", .target = 1.2});
  EXPECT_THAT(never.notes, ElementsAre("run 3, 6: never reached 1.2"));
  EXPECT_EQ(word(never.table, 1, "verdict"), "2 pairs: no verdict");
  EXPECT_THAT(asked({.against = "dense", .target = 9.0}).notes,
              ElementsAre(HasSubstr("was at 9 or lower at its first validation")));
}

TEST_F(Against, the_fairness_card_flags_what_differs) {
  const auto add_with = [&](const char* attention, store::Facts facts, double rate, const char* parts) {
    for (int seed = 0; seed < 3; ++seed) {
      auto all = digests("w", "b");
      all.insert(all.end(), facts.begin(), facts.end());
      const auto id = add_run(store_, {.attention = attention, .seed = seed, .facts = all, .parts = parts, .rate = rate});
      store_.started(id, store::Owner::of_this_process(), {{"host", attention == kDensePlugin ? "one" : "two"}, {"cpu", "fast"}}, {});
    }
  };
  add_with(kDensePlugin, {{"validated", "200 of 200 sequences"}}, 0.001, R"({"engine":"1","plugin":"1"})");
  add_with(kHash, {{"validated", "100 of 200 sequences"}, {"shared", "1"}}, 0.01, R"({"engine":"2","plugin":"2"})");
  EXPECT_EQ(finding("parameters"), "= 123,456");
  EXPECT_EQ(finding("initial weights"), "= equal bits in every pair");
  EXPECT_EQ(finding("data order"), "= the same batches in every pair");
  EXPECT_EQ(finding("operations a token"), "? not stored by dense, hash_sparse");
  EXPECT_EQ(finding("config"), "≠ hash_sparse: train.learning_rate 0.01 instead of 0.001");
  EXPECT_EQ(finding("code and data"), "≠ hash_sparse: other engine");
  EXPECT_EQ(finding("precision"), "= float32");
  EXPECT_EQ(finding("validated"), "≠ dense: 200 of 200 sequences, hash_sparse: 100 of 200 sequences");
  EXPECT_EQ(finding("hardware"), "≠ dense: one, fast (cpu), hash_sparse: two, fast (cpu)");
  EXPECT_EQ(finding("shared machine"), "≠ other runs ran beside hash_sparse: times are theirs too");
  EXPECT_EQ(finding("seeds"), "= the same for all");
}

TEST_F(Against, a_papers_table_is_bold_where_it_is_significantly_better) {
  add(kDensePlugin, {1.0, 1.5, 2.0, 1.2});
  add(kHash, {0.9, 1.41, 1.9, 1.1});
  add(R"({"name":"q_k","drop":0.5})", {0.9, 1.6, 1.7, 1.2});  // lower on average, but not surely
  const auto markdown = to_markdown(all()[0]);
  EXPECT_THAT(markdown, HasSubstr("| hash_sparse | **1.328 ± 0.436** | -0.0975 | [-0.105, -0.0895] |"));
  EXPECT_THAT(markdown, HasSubstr("| q_k | 1.350 ± "));
  EXPECT_THAT(markdown, HasSubstr("<!--\ndense: runs 1, 2, 3, 4\nhash_sparse: runs 5, 6, 7, 8\n"));
  const auto latex = to_latex(all()[0]);
  EXPECT_THAT(latex, HasSubstr("\\begin{tabular}{lrrrrrrl}\n\\toprule\nattention & bits/dim (val) &"));
  EXPECT_THAT(latex, HasSubstr("hash\\_sparse & \\textbf{1.328 $\\pm$ 0.436} & -0.0975 &"));
  EXPECT_THAT(latex, HasSubstr("\nq\\_k & 1.350"));
  EXPECT_THAT(latex, HasSubstr("% hash_sparse: runs 5, 6, 7, 8\n"));
}

}  // namespace
}  // namespace attnlab::report
