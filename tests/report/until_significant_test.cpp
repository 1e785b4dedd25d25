#include "framework/report/until_significant.h"

#include <gmock/gmock.h>

#include <cmath>

#include "framework/report/statistics.h"
#include "tests/report/study_support.h"

namespace attnlab::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

SequentialPlan plan_of(std::vector<std::int64_t> looks = {3, 4, 5, 6}) {
  return {"demo", Spending::pocock, 0.05, 7, std::move(looks),
          {{"hash_sparse", "dense", "val/loss", "aa"}, {"qk_drop", "dense", "val/loss", "bb"}}};
}

/// As many differences of that mean, with a standard deviation of about one.
Differences around(const std::string& variant, double mean, std::size_t pairs, Goal goal = Goal::minimise) {
  std::vector<double> values;
  for (std::size_t i = 0; i < pairs; ++i) values.push_back(mean + (i % 2 == 0 ? 1 : -1));
  return {variant, values, goal};
}

std::string cell(const Table& table, std::size_t row, const std::string& column) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].name == column) return exact(table.rows.at(row).at(i).value);
  }
  return "no column " + column;
}

TEST(UntilSignificant, what_is_decided_is_asked_no_more) {
  auto sequence = sequence_of(plan_of());
  EXPECT_FALSE(sequence.over());
  sequence.looks.push_back(sequence.look_at({around("hash_sparse", -100, 3), around("qk_drop", 0.1, 3)}));
  EXPECT_EQ(sequence.looks[0].pairs, 3);
  EXPECT_THAT(sequence.undecided(), ElementsAre("qk_drop"));
  const auto& [first, second] = std::tie(sequence.looks[0].tested[0], sequence.looks[0].tested[1]);
  EXPECT_EQ(first.level, sequence.levels[1][0]) << "two were undecided";
  EXPECT_EQ(second.level, sequence.levels[0][0]) << "one was left";
  const auto test = paired_test(std::vector{-99.0, -101.0, -99.0}, sequence.levels[0][0]);
  EXPECT_EQ(first.low, test.low) << "the interval is wide enough for all looks";
  EXPECT_EQ(first.p, test.p);

  sequence.looks.push_back(sequence.look_at({around("qk_drop", 100, 4)}));
  EXPECT_TRUE(sequence.over());
  const auto table = answer_table(sequence);
  EXPECT_EQ(cell(table, 0, "verdict"), "better");
  EXPECT_EQ(cell(table, 0, "pairs"), "3");
  EXPECT_EQ(cell(table, 1, "verdict"), "worse");
  EXPECT_EQ(cell(table, 1, "pairs"), "4");
  EXPECT_THAT(answer_words(sequence).at(0), HasSubstr("Decided after 4 of at most 6 seeds"));
}

TEST(UntilSignificant, more_is_better_where_the_metric_says_so) {
  auto sequence = sequence_of(plan_of());
  sequence.looks.push_back(sequence.look_at(
      {around("hash_sparse", 100, 3, Goal::maximise), around("qk_drop", 100, 3, Goal::none)}));
  EXPECT_EQ(cell(answer_table(sequence), 0, "verdict"), "better");
  EXPECT_EQ(cell(answer_table(sequence), 1, "verdict"), "higher");
}

TEST(UntilSignificant, the_last_look_ends_it_without_a_verdict) {
  auto sequence = sequence_of(plan_of({3, 4}));
  for (const std::size_t pairs : {3U, 4U}) {
    EXPECT_FALSE(sequence.over());
    sequence.looks.push_back(sequence.look_at({around("hash_sparse", 0, pairs), around("qk_drop", 0, pairs)}));
  }
  EXPECT_TRUE(sequence.over());
  EXPECT_DOUBLE_EQ(sequence.looks.back().spent, 0.05);
  EXPECT_EQ(cell(answer_table(sequence), 0, "verdict"), "no difference shown");
}

TEST(UntilSignificant, a_refused_variant_counts_and_is_not_asked_again) {
  auto sequence = sequence_of(plan_of());
  auto look = sequence.look_at({around("hash_sparse", -100, 3)});
  EXPECT_EQ(look.tested[0].level, sequence.levels[1][0]);
  look.refused = {"qk_drop"};
  sequence.looks.push_back(look);
  EXPECT_TRUE(sequence.over());
  EXPECT_EQ(cell(answer_table(sequence), 1, "verdict"), "not compared");
}

TEST(UntilSignificant, the_store_gives_back_what_it_was_given) {
  const store::FreshFolder folder;
  const auto path = folder / "runs.db";
  store::Store results(path);
  add_run(results, {.attention = R"({"name":"dense"})"});
  EXPECT_FALSE(stored_sequence(store::Reader(path), "demo"));
  auto sequence = sequence_of(plan_of());
  sequence.looks.push_back(sequence.look_at({around("hash_sparse", -100, 3), around("qk_drop", 0.1, 3)}));
  sequence.looks[0].notes = {"seed 7: other batches"};
  results.add_study_facts("demo", facts_of(sequence));
  sequence.looks.push_back(sequence.look_at({around("qk_drop", 0.1, 4)}));
  results.add_study_facts("demo", facts_of(sequence));

  const store::Reader reader(path);
  const auto stored = stored_sequence(reader, "demo");
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->plan, sequence.plan);
  EXPECT_EQ(stored->levels, sequence.levels);
  EXPECT_EQ(to_json(*stored), to_json(sequence));
  EXPECT_FALSE(stored_sequence(reader, "another"));
  const auto rows = reader.query("SELECT look, pairs, variant, against, decided, p <= level FROM looks WHERE study = 'demo' "
                                 "ORDER BY look, variant").rows;
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(exact(rows[0][2]) + " " + exact(rows[0][3]) + " " + exact(rows[0][4]) + " " + exact(rows[0][5]),
            "hash_sparse dense 1 1");
  EXPECT_EQ(exact(rows[2][0]) + " " + exact(rows[2][1]) + " " + exact(rows[2][4]) + " " + exact(rows[2][5]), "2 4 0 0");
}

TEST(UntilSignificant, what_differs_between_plans_is_named) {
  const auto before = plan_of();
  EXPECT_THAT(differences_of(before, before), IsEmpty());
  auto now = before;
  now.alpha = 0.01;
  now.looks.push_back(7);
  EXPECT_THAT(differences_of(before, now), ElementsAre("alpha: 0.05 before, 0.01 now",
                                                       "looks after seeds: 3, 4, 5, 6 before, 3, 4, 5, 6, 7 now"));
  now = before;
  now.variants[1].cells = "cc";
  EXPECT_THAT(differences_of(before, now), ElementsAre(HasSubstr("qk_drop: its runs are others than before")));
}

TEST(UntilSignificant, the_plan_shows_what_each_look_may_spend) {
  const auto table = plan_table(sequence_of(plan_of()));
  ASSERT_EQ(table.rows.size(), 4U);
  EXPECT_EQ(cell(table, 3, "spent"), "0.05");
  const double p = number(table.rows[1][3].value), t = number(table.rows[1][4].value);
  EXPECT_NEAR(student_two_sided(t, 3), p, 1e-12) << "four pairs have three degrees of freedom";
}

}  // namespace
}  // namespace attnlab::report
