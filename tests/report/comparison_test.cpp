#include "framework/report/comparison.h"

#include <gmock/gmock.h>

#include "tests/report/study_support.h"

namespace attnlab::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kDense[] = R"({"name":"dense"})";
constexpr char kNone[] = R"({"name":"none"})";
constexpr char kHash8[] = R"({"name":"hash_sparse","buckets":8})";
constexpr char kHash16[] = R"({"name":"hash_sparse","buckets":16})";

class Comparing : public testing::Test {
 protected:
  [[nodiscard]] Comparison compared() const { return compare(store::Reader(path_), "demo").at(0); }
  [[nodiscard]] std::vector<std::string> labels() const {
    std::vector<std::string> labels;
    for (const auto& row : compared().table.rows) {
      labels.push_back(std::get<std::string>(row[0].value));
    }
    return labels;
  }
  store::FreshFolder folder_;
  std::string path_ = folder_ / "runs.db";
  store::Store store_{path_};
};

TEST_F(Comparing, the_table_as_the_demo_prints_it) {
  add_run(store_, {kNone, 0, 2.5});
  add_run(store_, {kDense, 0, 1.1});
  add_run(store_, {kDense, 1, 1.2, Status::done, "", {{"shared", "true"}}});
  add_run(store_, {kHash8, 0, 1.5, Status::done, "", {{"pattern_sees_future", "true"}}});
  EXPECT_EQ(
      to_text(compared()),
      "data: mnist, T = 784\n"
      "model: 2 layers, width 64, 4 heads, strict causality; 100 steps of 8 sequences; seeds 0, "
      "1; float32 on cpu\n"
      "\n"
      "attention      parameters  bits/dim (val)       tokens/s  allocator peak  process peak  "
      "what ran  status\n"
      "─────────────  ──────────  ──────────────  ─────────────  ──────────────  ────────────  "
      "────────  ──────\n"
      "dense             123,456   1.150 ± 0.071  12,000 shared         1.0 MiB       3.0 MiB  "
      "flash     done\n"
      "hash_sparse †     123,456           1.500         12,000         1.0 MiB       3.0 MiB  "
      "flash     done\n"
      "none              123,456           2.500         12,000         1.0 MiB       3.0 MiB  "
      "flash     done\n"
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
  const auto table = compared().table;
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(std::get<double>(table.rows[0][2].value), 1.1);
  EXPECT_EQ(std::get<std::int64_t>(table.rows[0][10].value), 1) << "seeds";
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
  EXPECT_EQ(store::message_of([&] { (void)compare(store::Reader(path_), "dem"); }),
            "there is no study 'dem' in the database. Did you mean 'demo'?");
}

TEST_F(Comparing, the_newest_study_is_found) {
  EXPECT_EQ(store::message_of([&] { (void)newest_study(store::Reader(path_)); }),
            "the database holds no runs yet. Start one: attnlab run --help");
  add_run(store_, {kDense, 0, 1.1}, "one");
  add_run(store_, {kDense, 1, 1.1}, "two");
  EXPECT_EQ(newest_study(store::Reader(path_)), "two");
}

}  // namespace
}  // namespace attnlab::report
