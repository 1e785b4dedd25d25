// Levels of looks against published boundaries, against simulation by scipy, and by what they promise.
#include "framework/report/sequential.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/report/statistics.h"

namespace attnlab::report {
namespace {

using Looks = std::vector<std::int64_t>;

/// Made by make_sequential_reference.py: millions of simulated studies; no formula is shared.
const nlohmann::json& reference() {
  static const auto json = [] {
    std::ifstream file(std::string(std::getenv("ATTNLAB_SOURCE")) + "/tests/report/sequential_reference.json");
    return nlohmann::json::parse(file);
  }();
  return json;
}

/// The normal deviate that is as improbable as the level.
double deviate_of(double level) {
  double low = 0, high = 40;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::sqrt(2)) > level ? low : high) = middle;
  }
  return high;
}

Looks looks_up_to(std::int64_t most) {
  Looks looks(static_cast<std::size_t>(most) - 2);
  std::iota(looks.begin(), looks.end(), 3);
  return looks;
}

// Lan and DeMets 1983, five equal looks, two-sided 5 %, for the normal distribution: what Student's t with
// so many pairs comes close to.
TEST(Sequential, with_many_pairs_the_boundaries_are_the_published_ones) {
  const Looks looks{20, 40, 60, 80, 100};
  const auto compare = [&](Spending spending, const std::array<double, 5>& published, double within) {
    const auto levels = sequential_levels(spending, 0.05, looks);
    for (std::size_t i = 0; i < looks.size(); ++i) {
      EXPECT_NEAR(deviate_of(levels[i]), published[i], within) << to_text(spending) << ", look " << i + 1;
    }
  };
  compare(Spending::obrien_fleming, {4.877, 3.357, 2.680, 2.290, 2.031}, 0.006);
  compare(Spending::pocock, {2.438, 2.427, 2.410, 2.397, 2.386}, 0.011);
}

TEST(Sequential, what_may_be_spent_is_what_lan_and_demets_give) {
  EXPECT_NEAR(spent_until_share(Spending::obrien_fleming, 0.05, 0.5), 0.00305, 5e-6);
  EXPECT_NEAR(spent_until_share(Spending::pocock, 0.05, 0.5), 0.0310, 5e-5);
  for (const auto spending : {Spending::pocock, Spending::obrien_fleming}) {
    EXPECT_EQ(spent_until_share(spending, 0.05, 0), 0);
    EXPECT_NEAR(spent_until_share(spending, 0.05, 1), 0.05, 1e-15);
    EXPECT_EQ(spending_from(to_text(spending)), spending);
  }
  EXPECT_THROW((void)spending_from("haybittle"), Error);
}

TEST(Sequential, levels_of_few_pairs_are_those_of_simulated_studies) {
  ASSERT_EQ(reference().at("designs").size(), 5U);
  for (const auto& design : reference()["designs"]) {
    const auto looks = design["looks"].get<Looks>();
    const auto levels = sequential_levels(spending_from(design["spending"]), reference()["alpha"], looks);
    ASSERT_EQ(levels.size(), looks.size());
    for (std::size_t i = 0; i < looks.size(); ++i) {
      const double level = design["levels"][i]["level"], error = design["levels"][i]["error"];
      EXPECT_NEAR(levels[i], level, level * (3.5 * error + 0.003)) << design["spending"] << ", " << looks[i] << " pairs";
    }
  }
}

TEST(Sequential, a_smaller_alpha_is_stricter_at_every_look) {
  for (const auto spending : {Spending::pocock, Spending::obrien_fleming}) {
    const auto levels = holm_levels(spending, 0.05, looks_up_to(15), 6);
    ASSERT_EQ(levels.size(), 6U);
    for (std::size_t k = 1; k < levels.size(); ++k) {
      const auto alone = sequential_levels(spending, 0.05 / static_cast<double>(k + 1), looks_up_to(15));
      for (std::size_t i = 0; i < levels[k].size(); ++i) {
        EXPECT_LE(levels[k][i], levels[k - 1][i]);
        EXPECT_EQ(levels[k][i], alone[i]) << "so Holm's method may be used without taking anything away";
      }
    }
  }
}

TEST(Sequential, one_look_is_the_ordinary_test) {
  EXPECT_NEAR(sequential_levels(Spending::pocock, 0.05, Looks{7}).at(0), 0.05, 1e-12);
  EXPECT_NEAR(sequential_levels(Spending::obrien_fleming, 0.05, Looks{7}).at(0), 0.05, 1e-12);
}

TEST(Sequential, each_decision_makes_the_next_easier) {
  const std::vector levels{0.03, 0.02, 0.01};
  using testing::ElementsAre;
  EXPECT_THAT(decided_at(std::vector{0.009, 0.015, 0.025}, levels), ElementsAre(true, true, true));
  EXPECT_THAT(decided_at(std::vector{0.025, 0.015, 0.009}, levels), ElementsAre(true, true, true));
  EXPECT_THAT(decided_at(std::vector{0.011, 0.015, 0.025}, levels), ElementsAre(false, false, false));
  EXPECT_THAT(decided_at(std::vector{0.009, 0.021, 0.025}, levels), ElementsAre(true, false, false));
  EXPECT_THAT(decided_at(std::vector<double>{NAN, 0.009, 0.021}, levels), ElementsAre(false, true, false));
}

/// Studies that add seeds until every variant is decided: `shift` is what each differs from the one that all
/// are compared with, in standard deviations of a difference. Luck of a seed is shared by all of them.
struct Studies {
  int any = 0, all = 0;    // with a verdict on any variant, on all
  double mean_seeds = 0;
};

Studies simulate(int studies, std::size_t variants, double shift, const Looks& looks, Spending spending) {
  const auto levels = holm_levels(spending, 0.05, looks, variants);
  std::mt19937_64 draw(2023);
  std::normal_distribution<double> normal;
  Studies result;
  for (int study = 0; study < studies; ++study) {
    std::vector<std::vector<double>> differences(variants);
    std::vector<bool> decided(variants);
    std::int64_t seeds = 0;
    for (std::size_t look = 0; look < looks.size() && std::ranges::count(decided, false) > 0; ++look) {
      for (; seeds < looks[look]; ++seeds) {
        const double other = normal(draw);
        for (auto& of_one : differences) of_one.push_back(normal(draw) - other + shift * std::sqrt(2));
      }
      std::vector<double> p, here;
      for (const auto& of_any : levels) here.push_back(of_any[look]);
      std::vector<std::size_t> open;
      for (std::size_t i = 0; i < variants; ++i) {
        if (decided[i]) continue;
        open.push_back(i);
        const auto [count, mean, deviation] = sample_of(differences[i]);
        const auto n = static_cast<double>(count);
        p.push_back(student_two_sided(mean / deviation * std::sqrt(n), n - 1));
      }
      const auto now = decided_at(p, here);
      for (std::size_t i = 0; i < open.size(); ++i) decided[open[i]] = now[i];
    }
    const auto count = std::ranges::count(decided, true);
    result.any += count > 0 ? 1 : 0;
    result.all += count == static_cast<std::ptrdiff_t>(variants) ? 1 : 0;
    result.mean_seeds += static_cast<double>(seeds) / studies;
  }
  return result;
}

constexpr int kStudies = 2000;

// Of a true 5 % in 2,000 studies outside of 68 to 132 once in 900; the draws are fixed.
TEST(Sequential, equal_variants_are_called_different_as_often_as_promised) {
  for (const auto spending : {Spending::pocock, Spending::obrien_fleming}) {
    const auto wrong = simulate(kStudies, 1, 0, looks_up_to(20), spending).any;
    EXPECT_GE(wrong, 68) << to_text(spending);
    EXPECT_LE(wrong, 132) << to_text(spending);
    RecordProperty("false_verdicts_of_2000_" + to_text(spending), wrong);
  }
}

// Looking eighteen times at 5 % each would be wrong in a quarter of them.
TEST(Sequential, three_equal_variants_are_together_wrong_as_often_as_promised) {
  const auto wrong = simulate(kStudies, 3, 0, looks_up_to(20), Spending::pocock).any;
  EXPECT_LE(wrong, 132);
  EXPECT_GE(wrong, 40) << "Bonferroni over three that share what they are compared with gives something away";
  RecordProperty("false_verdicts_of_2000", wrong);
}

// The reference has 400,000 studies of its own. Looking on the way costs a few of those that one look at all
// twenty seeds would decide (noncentral t), and saves half of the seeds where the difference is one standard
// deviation.
TEST(Sequential, a_planted_difference_is_found_with_fewer_seeds) {
  ASSERT_EQ(reference().at("power").size(), 3U);
  for (const auto& expected : reference()["power"]) {
    const double effect = expected["effect"], share = expected["found"];
    const auto found = simulate(kStudies, 1, effect, looks_up_to(20), Spending::pocock);
    EXPECT_NEAR(found.all, share * kStudies, 0.5 + 3.3 * std::sqrt(kStudies * share * (1 - share))) << effect;
    EXPECT_NEAR(found.mean_seeds, expected["mean_seeds"], 3.3 * 6 / std::sqrt(kStudies)) << effect;
    EXPECT_LT(found.all, kStudies * expected["found_by_one_look"].get<double>() + 1) << effect;
    RecordProperty("found_of_2000_at_" + exact_number(effect), found.all);
    RecordProperty("mean_seeds_at_" + exact_number(effect), std::to_string(found.mean_seeds));
  }
}

}  // namespace
}  // namespace attnlab::report
