// verdicts_test.cpp: when a comparison says nothing: numbers that are infinite, variants without a partner, seeds that were
// added by looking.
#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <limits>

#include "framework/report/until_significant.h"
#include "tests/report/versus_support.h"

namespace attnlab::report {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr char kDenseAttention[] = R"({"name":"dense"})";
constexpr char kNoAttention[] = R"({"name":"none"})";
constexpr char kSparseAttention[] = R"({"name":"hash_sparse","buckets":8})";

using Verdicts = Against;

// A run that diverged has an infinite loss. It is no proof of anything, nor does it blur the other variants.
TEST_F(Verdicts, an_infinite_score_gives_no_verdict) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  struct Case {
    std::array<double, 4> dense, hash;
  };
  int studies = 0;
  for (const auto& [dense, hash] : {Case{{5, 5.1, 5.2, 5.3}, {1, 1.1, kInfinite, 1.3}},
                                    Case{{5, 5.1, kInfinite, 5.3}, {1, 1.1, 1.2, 1.3}},
                                    Case{{5, 5.1, kInfinite, 5.3}, {1, 1.1, kInfinite, 1.3}}}) {
    const auto study = std::to_string(++studies);
    for (std::size_t i = 0; i < 4; ++i) {
      add_run(store_, {.attention = kDenseAttention, .seed = static_cast<int>(i), .score = dense[i], .parts = study}, study);
      add_run(store_, {.attention = kSparseAttention, .seed = static_cast<int>(i), .score = hash[i], .parts = study}, study);
    }
    const auto question = versus(store::Reader(path_), study, {.against = "dense"}).at(0).questions.at(0);
    EXPECT_EQ(word(question.table, 1, "verdict"), "no verdict: infinite");
    EXPECT_TRUE(std::isnan(number(question.table, 1, "p")));
    EXPECT_THAT(question.notes, Contains(HasSubstr("seed 2: an infinite number, of which no test is made")));
    EXPECT_THAT(question.words, HasSubstr("needs three pairs"));
  }
}

TEST_F(Verdicts, variants_without_a_partner_are_named) {
  add(kDenseAttention, {1, 1, 1});
  add_run(store_, {.attention = kDenseAttention, .seed = 0, .score = 1, .rate = 0.002});
  add(kSparseAttention, {2, 2, 2});
  add_run(store_, {.attention = kNoAttention, .seed = 0, .score = 1, .rate = 0.003});
  EXPECT_THAT(asked().notes, Contains("none: not compared, because no dense has its config; the nearest differs in train.learning_rate"));
}

// Five looks at 5 % each are wrong more often than once in twenty: the looks' own levels decide, and only
// what they were planned for.
TEST_F(Verdicts, where_seeds_were_added_by_looking_the_looks_give_the_verdict) {
  add(kDenseAttention, {1.0, 1.5, 2.0});
  add(kSparseAttention, {1.11, 1.59, 2.1});
  add(kNoAttention, {3.0, 3.5, 4.1});
  EXPECT_EQ(word(asked().table, 1, "verdict"), "worse");
  const auto question = [&](double p, bool decided, std::vector<std::int64_t> looks, const std::string& metric = "val/bits_per_dim") {
    auto sequence = sequence_of({.study = "demo", .looks = std::move(looks), .variants = {{"hash_sparse", "dense", metric, ""}}});
    sequence.looks.push_back({.pairs = 3, .tested = {{"hash_sparse", 0.1, 0.07, 0.13, p, 0.01, decided}}, .refused = {}, .notes = {}});
    store_.add_study_facts("demo", facts_of(sequence));
    return asked();
  };
  auto found = question(0.02, false, {3, 4});
  EXPECT_THAT(found.words, HasSubstr("Seeds were added by looking at results"));
  EXPECT_EQ(word(found.table, 1, "verdict"), "open: seeds are being added");
  EXPECT_EQ(number(found.table, 1, "low"), 0.07);
  EXPECT_TRUE(std::isnan(number(found.table, 1, "p")));
  EXPECT_EQ(word(found.table, 2, "verdict"), "no verdict: seeds were added by looking") << "of none nothing was planned";
  EXPECT_EQ(word(question(0.02, false, {3}).table, 1, "verdict"), "no difference shown");
  EXPECT_EQ(word(question(0.001, true, {3}).table, 1, "verdict"), "worse");
  EXPECT_EQ(word(question(0.001, true, {3}, "val/loss").table, 1, "verdict"), "no verdict: seeds were added by looking");
  EXPECT_THAT(to_latex(all().at(0)), Not(HasSubstr("textbf")));
}

// Two kernels of dense are two partners, and a table of one of them alone is no answer to the question.
TEST_F(Verdicts, of_several_with_the_chosen_name_one_must_be_named) {
  add(kSparseAttention, {1, 1.1, 1.2});
  add(R"({"name":"hash_sparse","buckets":16})", {1.4, 1.5, 1.9});
  add(kDenseAttention, {2, 2.1, 2.2});
  EXPECT_EQ(message_of([&] { (void)all({.against = "hash_sparse"}); }),
            "the study 'demo' has several variants 'hash_sparse': hash_sparse buckets=8, hash_sparse buckets=16. Name the one "
            "that is meant, for instance --against 'hash_sparse buckets=8'.");
  const auto named = asked({.against = "hash_sparse buckets=16"});
  EXPECT_THAT(named.words, HasSubstr("each variant minus hash_sparse buckets=16,"));
  for (std::size_t row = 0; row < 3; ++row) EXPECT_EQ(word(named.table, row, "against"), "hash_sparse buckets=16");
}

TEST_F(Verdicts, partners_that_differ_between_rows_are_named_and_a_row_of_several_is_not_compared) {
  for (const double rate : {0.001, 0.01}) {
    for (const auto* attention : {kDenseAttention, kSparseAttention}) {
      add_run(store_, {.attention = attention, .seed = 0, .score = rate, .rate = rate});
    }
  }
  add_run(store_, {.attention = R"({"name":"dense","kernel":"engine"})", .seed = 0, .score = 2, .rate = 0.01});
  const auto question = asked();
  EXPECT_THAT(question.words, HasSubstr("each variant minus dense train.learning_rate=0.001, paired"));
  EXPECT_THAT(question.notes, Contains(HasSubstr("hash_sparse train.learning_rate=0.01: not compared, because several have its config: dense")));
  EXPECT_EQ(word(question.table, 3, "against"), "dense train.learning_rate=0.001");
  add_run(store_, {.attention = kNoAttention, .seed = 0, .score = 3, .rate = 0.01});
  add_run(store_, {.attention = kDenseAttention, .seed = 1, .score = 3, .parts = R"({"engine":"2"})"}, "codes");
  add_run(store_, {.attention = kDenseAttention, .seed = 0, .score = 3, .parts = R"({"engine":"1"})"}, "codes");
  add_run(store_, {.attention = kNoAttention, .seed = 0, .score = 3, .parts = R"({"engine":"1"})"}, "codes");
  const auto codes = versus(store::Reader(path_), "codes", {.against = "dense"}).at(0).questions.at(0);
  EXPECT_EQ(word(codes.table, 2, "against"), "dense engine=1") << "of several with its config the one of its code";
}

TEST_F(Verdicts, partners_stand_in_every_form_where_rows_have_different_ones) {
  for (const double rate : {0.001, 0.01}) {
    for (const auto* attention : {kDenseAttention, kSparseAttention}) {
      add_run(store_, {.attention = attention, .seed = 0, .score = rate, .rate = rate});
    }
  }
  const auto found = all().at(0);
  const auto partner = testing::ContainsRegex("hash_sparse train.learning_rate=0.01 .*dense train.learning_rate=0.01");
  EXPECT_THAT(to_text(found), partner);
  EXPECT_THAT(to_markdown(found), partner);
  EXPECT_THAT(to_latex(found), HasSubstr("1 pair: no verdict & dense train.learning\\_rate=0.01"));
  EXPECT_THAT(found.questions[0].words, HasSubstr("each variant minus the dense of its own config (against), paired"));
}

TEST_F(Verdicts, a_data_set_without_the_chosen_variant_is_named) {
  add(kDenseAttention, {1, 1.1, 1.2});
  add_run(store_, {.attention = kSparseAttention, .seed = 0, .score = 3, .dataset = "digits"});
  EXPECT_THAT(asked().notes, Contains("digits: not compared, because dense was not run on it"));
}

// Seeds that diverged are the bad ones: what is left looks better than the variant is.
TEST_F(Verdicts, survivors_of_runs_that_failed_are_called_so) {
  for (int seed = 0; seed < 6; ++seed) {
    add_run(store_, {.attention = kDenseAttention, .seed = seed, .score = 5 + 0.1 * seed});
    const bool fails = seed > 2;
    add_run(store_, {.attention = kSparseAttention, .seed = seed, .score = fails ? NAN : 1 + 0.11 * seed,
                     .status = fails ? Status::failed : Status::done, .reason = fails ? "the loss is not finite" : ""});
  }
  const auto found = all().at(0);
  const auto& question = found.questions.at(0);
  EXPECT_EQ(word(question.table, 1, "verdict"), "better where both have a number");
  const std::string note = "hash_sparse, seed 3, 4, 5: failed. What is said of hash_sparse holds only where both have a number";
  EXPECT_THAT(question.notes, Contains(note));
  EXPECT_EQ(number(question.table, 0, "runs"), 6);
  EXPECT_EQ(number(question.table, 1, "runs"), 3);
  const auto latex = to_latex(found);
  for (const auto& text : {to_text(found), to_markdown(found), latex}) {
    EXPECT_THAT(text, HasSubstr(note));
    EXPECT_THAT(text, HasSubstr("failed: hash_sparse (3, 4, 5)"));
    EXPECT_THAT(text, Not(HasSubstr("without a partner")));
    EXPECT_THAT(text, HasSubstr("better where both have a number"));
  }
  EXPECT_THAT(latex, Not(HasSubstr("textbf")));
  EXPECT_THAT(to_json(question.table), HasSubstr("better where both have a number"));
  add_run(store_, {.attention = kSparseAttention, .seed = 6, .score = 1});
  EXPECT_THAT(to_text(all().at(0)), HasSubstr("without a partner: hash_sparse (6); failed: hash_sparse (3, 4, 5)"));
}

TEST_F(Verdicts, those_that_never_reached_the_target_are_named) {
  add(kDenseAttention, {1.0, 1.1, 1.2, 1.3}, 0.1);
  add(kSparseAttention, {1.0, 1.1, 1.2, 2.9}, 0.05);
  const auto found = all({.against = "dense", .target = 2.0}).at(0);
  const auto& question = found.questions.at(0);
  EXPECT_EQ(word(question.table, 1, "verdict"), "better where both have a number");
  EXPECT_THAT(question.notes, Contains(HasSubstr("hash_sparse, seed 3: never reached 2. What is said")));
  EXPECT_THAT(to_text(found), HasSubstr("never reached 2: hash_sparse (3)"));
}

}  // namespace
}  // namespace attnlab::report
