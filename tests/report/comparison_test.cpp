#include "framework/report/comparison.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "framework/store/open.h"
#include "tests/report/study_support.h"

namespace attnlab::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kDense[] = R"({"name":"dense"})";
constexpr char kNone[] = R"({"name":"none"})";
constexpr char kHash8[] = R"({"name":"hash_sparse","buckets":8})";
constexpr char kHash16[] = R"({"name":"hash_sparse","buckets":16})";

class Comparing : public store::InStore {
 protected:
  [[nodiscard]] Comparison compared() const { return compare(store::Reader(path_), "demo").at(0); }
  [[nodiscard]] store::Value value(std::size_t row, const std::string& name) const {
    const auto table = compared().table;
    const auto column = std::ranges::find(table.columns, name, &Column::name);
    return table.rows.at(row).at(static_cast<std::size_t>(column - table.columns.begin())).value;
  }
  [[nodiscard]] std::vector<std::string> labels() const {
    std::vector<std::string> labels;
    for (const auto& row : compared().table.rows) {
      labels.push_back(std::get<std::string>(row[0].value));
    }
    return labels;
  }
};

TEST_F(Comparing, the_table_as_the_demo_prints_it) {
  add_run(store_, {kNone, 0, 2.5});
  add_run(store_, {kDense, 0, 1.1});
  add_run(store_, {kDense, 1, 1.2, Status::done, "", {{"shared", "true"}}});
  Seeded hash{kHash8, 0, 1.5, Status::done, "", {{"pattern_sees_future", "true"}}};
  hash.own = 1234;
  hash.over_even = 4.321;
  add_run(store_, hash);
  EXPECT_EQ(
      to_text(compared()),
      "data: mnist, T = 784\n"
      "model: 2 layers, width 64, 4 heads, strict causality; 100 steps of 8 sequences; seeds 0, "
      "1; float32 on cpu\n"
      "\n"
      "attention      parameters  over dense  bits/dim (val)  n  pairs / even       tokens/s  allocator peak  "
      "process peak  what ran  status\n"
      "─────────────  ──────────  ──────────  ──────────────  ─  ────────────  ─────────────  ──────────────  "
      "────────────  ────────  ──────\n"
      "dense             123,456           0   1.150 ± 0.071  2                12,000 shared         1.0 MiB  "
      "     3.0 MiB  flash     done\n"
      "hash_sparse †     124,690      +1,234           1.500  1          4.32         12,000         1.0 MiB  "
      "     3.0 MiB  flash     done\n"
      "none              123,456           0           2.500  1                       12,000         1.0 MiB  "
      "     3.0 MiB  flash     done\n"
      "\n"
      "shared: other runs were on the machine meanwhile\n"
      "†: which keys a token sees depends on later tokens; their values never reach it\n");
}

TEST_F(Comparing, best_first_and_the_floor_last_even_when_it_wins) {
  add_run(store_, {kNone, 0, 0.5});
  add_run(store_, {kHash8, 0, 1.5});
  add_run(store_, {kDense, 0, 1.1});
  EXPECT_THAT(labels(), ElementsAre("dense", "hash_sparse", "none"));
}

TEST_F(Comparing, a_label_names_what_varies_within_one_attention) {
  add_run(store_, {kHash8, 0, 1.5});
  add_run(store_, {kHash16, 0, 1.6});
  add_run(store_, {kDense, 0, 1.1});
  EXPECT_THAT(labels(), ElementsAre("dense", "hash_sparse buckets=8", "hash_sparse buckets=16"));
}

TEST_F(Comparing, runs_that_did_not_end_well_are_counted_and_explained) {
  add_run(store_, {kDense, 0, 1.1});
  const auto bad = add_run(store_, {kDense, 1, 9.9, Status::failed, "loss is NaN at step 12"});
  const auto comparison = compared();
  const auto text = to_text(comparison);
  EXPECT_THAT(text, HasSubstr("1.100 ")) << "the failed run's metric stays out of the mean";
  EXPECT_THAT(text, HasSubstr("done 1, failed 1"));
  EXPECT_THAT(comparison.notes, ElementsAre("dense (run " + std::to_string(bad) +
                                            ") failed: loss is NaN at step 12"));
}

// A mean of one seed beside one of three, and scores on the test split that only some have.
TEST_F(Comparing, rows_say_of_how_many_runs_they_are_where_that_differs) {
  for (int seed = 0; seed < 2; ++seed) add_run(store_, {kDense, seed, 1.0});
  const auto run = add_run(store_, {kNone, 0, 2.0});
  add_run(store_, {kNone, 1, 2.0});
  const auto shown = [&](const std::string& name) {
    const auto columns = compared().table.columns;
    return !std::ranges::find(columns, name, &Column::name)->machine_only;
  };
  EXPECT_FALSE(shown("score_runs"));
  EXPECT_FALSE(shown("test_score_runs"));
  store_.add_events(run, {{102, 0, 11, {{{"test/bits_per_dim", "bits", Goal::minimise}, 2.5}}}});
  EXPECT_FALSE(shown("score_runs"));
  EXPECT_TRUE(shown("test_score_runs"));
  EXPECT_EQ(std::get<std::int64_t>(value(1, "test_score_runs")), 1);
  EXPECT_TRUE(store::is_null(value(0, "test_score_runs")));
  add_run(store_, {kDense, 2, 1.0});
  EXPECT_TRUE(shown("score_runs"));
  EXPECT_EQ(std::get<std::int64_t>(value(0, "score_runs")), 3);
  EXPECT_THAT(to_latex(compared()), HasSubstr("bits/dim (val) & n & bits/dim (test) & n &"));
}

TEST_F(Comparing, a_variant_without_numbers_still_has_its_line) {
  add_run(store_, {kDense, 0, NAN, Status::skipped, "causal only"});
  const auto text = to_text(compared());
  EXPECT_THAT(text, HasSubstr("dense"));
  EXPECT_THAT(text, HasSubstr("skipped: causal only"));
}

TEST_F(Comparing, synthetic_and_partial_data_are_named) {
  add_run(store_, {kDense,
                   0,
                   1.1,
                   Status::done,
                   "",
                   {{"data", "digits"}, {"data_synthetic", "true"}, {"data_partial", "true"}}});
  EXPECT_THAT(compared().caption, HasSubstr("data: digits (synthetic, prefix), T = 784"));
}

TEST_F(Comparing, a_description_that_says_so_itself_is_not_doubled) {
  add_run(store_, {kDense,
                   0,
                   1.1,
                   Status::done,
                   "",
                   {{"data", "synthetic digits"}, {"data_synthetic", "true"}}});
  EXPECT_THAT(compared().caption, HasSubstr("data: synthetic digits, T"));
}

TEST_F(Comparing, a_cell_run_again_with_new_code_counts_once) {
  add_run(store_, {kDense, 0, 1.9}, "demo", "old code");
  add_run(store_, {kDense, 0, 1.1}, "demo", "new code");
  ASSERT_EQ(labels(), std::vector<std::string>{"dense"});
  EXPECT_EQ(std::get<double>(value(0, "score")), 1.1);
  EXPECT_EQ(std::get<std::int64_t>(value(0, "seeds")), 1);
}

// A's row is of the seeds that A ran, whichever of them the changed code has run since.
TEST_F(Comparing, code_of_which_some_seeds_were_run_again_keeps_all_of_its_seeds) {
  const auto add = [&](int seed, double score, const std::string& plugin, Status status = Status::done) {
    add_run(store_, {.attention = kDense, .seed = seed, .score = score, .status = status, .parts = R"({"plugin":")" + plugin + "\"}"});
  };
  for (int seed = 0; seed < 3; ++seed) add(seed, 1 + seed, "a");
  for (int seed = 2; seed < 4; ++seed) add(seed, 10 + seed, "b");
  EXPECT_THAT(labels(), ElementsAre("dense plugin=a", "dense plugin=b"));
  EXPECT_EQ(std::get<std::int64_t>(value(0, "seeds")), 3);
  EXPECT_EQ(std::get<double>(value(0, "score")), 2);
  add(0, NAN, "b", Status::failed);
  add(1, 11, "b");
  EXPECT_EQ(labels().size(), 2U) << "a seed that failed replaces none";
  add(0, 10, "c");
  EXPECT_EQ(std::get<std::int64_t>(value(0, "seeds")), 1);
  EXPECT_THAT(labels(), ElementsAre("dense plugin=c", "dense plugin=b")) << "all of a's seeds were run again";
}

// One config on three corpora: dataset.path is cosmetic, what lies there is not.
TEST_F(Comparing, corpora_are_never_mixed) {
  const std::string digests[]{std::string(64, 'a'), std::string(64, 'b'), std::string(64, 'c')};
  for (const bool same_seed : {true, false}) {
    const std::string study = same_seed ? "one seed" : "three seeds";
    for (int i = 0; i < 3; ++i) {
      Seeded run{kDense, same_seed ? 0 : i, 100.0 * (i + 1)};
      run.path = std::string("/data/") + static_cast<char>('A' + i);
      run.parts = R"({"data":")" + digests[i] + R"("})";
      add_run(store_, run, study);
    }
    const auto comparisons = compare(store::Reader(path_), study);
    ASSERT_EQ(comparisons.size(), 3U) << study;
    for (std::size_t i = 0; i < 3; ++i) {
      ASSERT_EQ(comparisons[i].table.rows.size(), 1U);
      EXPECT_EQ(std::get<double>(comparisons[i].table.rows[0][3].value), 100.0 * (i + 1.0));
      EXPECT_THAT(comparisons[i].caption, HasSubstr(", digest " + digests[i].substr(0, 8) + "\n"));
    }
    EXPECT_THAT(groups_of(runs_of_study(store::Reader(path_), study)),
                testing::Contains(testing::Field(&Group::label, "dense data=bbbbbbbb")));
  }
}

// Digests that a config explains, as those of generated data of two lengths do, part no table.
TEST_F(Comparing, a_digest_that_follows_from_the_config_parts_no_table) {
  add_run(store_, {.attention = kDense, .dataset = "copy", .parts = R"({"data":"x"})"});
  add_run(store_, {.attention = kNone, .dataset = "copy", .parts = R"({"data":"x"})"});
  EXPECT_THAT(labels(), ElementsAre("dense", "none"));
}

TEST_F(Comparing, a_mean_is_over_equal_code_and_device) {
  for (const char* part : {"engine", "plugin", "compiler", "torch", "device"}) {
    const std::string study = part;
    const auto parts = [&](const char* value) {
      return R"({"config":"any","data":"d",")" + study + R"(":")" + value + R"("})";
    };
    add_run(store_, {.attention = kDense, .seed = 0, .score = 1, .parts = parts("x")}, study);
    add_run(store_, {.attention = kDense, .seed = 1, .score = 2, .parts = parts("y")}, study);
    add_run(store_, {.attention = kNone, .seed = 0, .score = 3, .parts = parts("y")}, study);
    const auto comparison = compare(store::Reader(path_), study).at(0);
    ASSERT_EQ(comparison.table.rows.size(), 3U) << part;
    EXPECT_EQ(std::get<std::string>(comparison.table.rows[0][0].value), "dense " + study + "=x");
    EXPECT_EQ(std::get<std::string>(comparison.table.rows[1][0].value), "dense " + study + "=y");
    const auto note =
        "rows differ in " + study + ": x (dense " + study + "=x), y (dense " + study + "=y, none)";
    EXPECT_EQ(std::ranges::count(comparison.notes, note), study == "plugin" ? 0 : 1)
        << testing::PrintToString(comparison.notes);
  }
}

TEST_F(Comparing, keys_that_change_nothing_part_no_seeds) {
  add_run(store_, {kDense, 0, 1.0});
  add_run(store_, {.attention = kDense, .seed = 1, .score = 2.0, .path = "/elsewhere"});
  add_run(store_, {.attention = kDense, .seed = 2, .score = 3.0, .log_every = 1});
  EXPECT_THAT(labels(), ElementsAre("dense"));
  EXPECT_EQ(std::get<std::int64_t>(value(0, "seeds")), 3);
  EXPECT_EQ(std::get<double>(value(0, "score")), 2.0);
}

TEST_F(Comparing, values_that_are_close_stay_apart_and_are_written_out) {
  add_run(store_, {.attention = kDense, .score = 1, .rate = 0.0003});
  add_run(store_, {.attention = kDense, .score = 2, .rate = 0.00030000001});
  EXPECT_THAT(labels(), ElementsAre("dense train.learning_rate=0.0003",
                                    "dense train.learning_rate=0.00030000001"));
}

TEST_F(Comparing, pairs_are_a_share_of_those_of_dense) {
  const auto run = add_run(store_, {kDense, 0, 1.0});
  const auto half = add_run(store_, {kHash8, 0, 2.0});
  add_run(store_, {kNone, 0, 3.0});
  const MetricKey pairs{"attention/pairs_per_query", "keys", Goal::none};
  store_.add_events(run, {{102, 0, 11, {{pairs, 783.0 / 2}}}});  // strict, T = 784
  store_.add_events(half, {{102, 0, 11, {{pairs, 783.0 / 4}}}});
  EXPECT_EQ(std::get<double>(value(0, "pairs_share")), 1);
  EXPECT_EQ(std::get<double>(value(1, "pairs_share")), 0.5);
  EXPECT_TRUE(store::is_null(value(2, "pairs_share"))) << "it is not known";
  EXPECT_THAT(to_text(compared()), testing::ContainsRegex("hash_sparse +123,456 +0 +2.000 +50.0 %"));
}

// Quadratic work would take hours here.
TEST(Groups, many_take_no_time) {
  constexpr int kMany = 20'000;
  Runs runs(kMany);
  for (int i = 0; i < kMany; ++i) {
    runs[static_cast<std::size_t>(i)].values["attention"] = "dense";
    runs[static_cast<std::size_t>(i)].config = {{"attention.n", std::to_string(i)}, {"k", "v"}};
  }
  const auto groups = groups_of(runs);
  ASSERT_EQ(groups.size(), 20'000U);
  EXPECT_EQ(groups.back().label, "dense n=19999");
  EXPECT_EQ(listed(runs, "attention"), "dense");
}

TEST(Listed, names_a_few_of_many) {
  const std::vector<std::string> many(1000, "x");
  EXPECT_EQ(listed({"0", "1", "2", "3", "4", "5"}), "0, 1, 2, 3, 4, 5");
  EXPECT_EQ(listed(many), "x, x, x, x, x and 995 more");
}

TEST_F(Comparing, a_study_shows_cells_that_another_study_had_run) {
  add_run(store_, {kDense, 0, 1.1}, "earlier");
  add_run(store_, {kDense, 0, 1.1}, "demo");
  EXPECT_THAT(labels(), ElementsAre("dense"));
}

TEST_F(Comparing, every_data_set_has_its_own_table) {
  add_run(store_, {kDense, 0, 1.1});
  add_run(store_, {kDense, 0, 3.1, Status::done, "", {}, "digits"});
  const auto comparisons = compare(store::Reader(path_), "demo");
  ASSERT_EQ(comparisons.size(), 2u);
  EXPECT_THAT(comparisons[0].caption, HasSubstr("mnist"));
  EXPECT_THAT(comparisons[1].caption, HasSubstr("digits"));
}

TEST_F(Comparing, an_unknown_study_is_refused_with_the_nearest) {
  add_run(store_, {kDense, 0, 1.1});
  EXPECT_EQ(message_of([&] { (void)compare(store::Reader(path_), "dem"); }),
            "there is no study 'dem' in the database. Did you mean 'demo'?");
}

TEST_F(Comparing, the_newest_study_is_found) {
  EXPECT_EQ(message_of([&] { (void)newest_study(store::Reader(path_)); }),
            "the database holds no runs yet. Start one: attnlab run --help");
  add_run(store_, {kDense, 0, 1.1}, "one");
  store::open_for_writing(path_).execute("UPDATE run_attempts SET kind = 'time'");
  EXPECT_THAT(message_of([&] { (void)newest_study(store::Reader(path_)); }),
              testing::StartsWith("the study 'one' holds no training runs; its timings: attnlab query "));
  add_run(store_, {kDense, 0, 1.2}, "one");
  add_run(store_, {kDense, 1, 1.1}, "two");
  EXPECT_EQ(newest_study(store::Reader(path_)), "two");
}

}  // namespace
}  // namespace attnlab::report
