#include "framework/report/statistics.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

namespace attnlab::report {
namespace {

using Json = nlohmann::json;

/// Made by make_statistics_reference.py.
const Json& scipy_reference() {
  static const Json json = [] {
    std::ifstream file(std::string(std::getenv("ATTNLAB_SOURCE")) +
                       "/tests/report/statistics_reference.json");
    return Json::parse(file);
  }();
  return json;
}

void expect_close(double found, double expected, const std::string& what) {
  EXPECT_LE(std::abs(found - expected), 1e-12 * std::abs(expected) + 1e-300)
      << what << ": " << found << " instead of " << expected;
}

TEST(Statistics, tails_of_students_t_are_scipys) {
  ASSERT_GT(scipy_reference()["student"].size(), 200U);
  for (const auto& [t, freedom, p] : scipy_reference()["student"].get<std::vector<std::array<double, 3>>>()) {
    const auto what = "t = " + std::to_string(t) + ", " + std::to_string(freedom) + " degrees";
    expect_close(student_two_sided(t, freedom), p, what);
    EXPECT_EQ(student_two_sided(t, freedom), student_two_sided(-t, freedom)) << what;
  }
  EXPECT_EQ(student_two_sided(INFINITY, 4), 0);
  EXPECT_TRUE(std::isnan(student_two_sided(NAN, 4)));
}

TEST(Statistics, critical_values_are_scipys) {
  for (const auto& [alpha, freedom, t] : scipy_reference()["critical"].get<std::vector<std::array<double, 3>>>()) {
    expect_close(student_critical(alpha, freedom), t,
                 std::to_string(alpha) + ", " + std::to_string(freedom));
  }
}

TEST(Statistics, paired_tests_are_scipys) {
  for (const auto& each : scipy_reference()["pairs"]) {
    std::vector<double> differences;
    for (std::size_t i = 0; i < each["first"].size(); ++i) {
      differences.push_back(each["second"][i].get<double>() - each["first"][i].get<double>());
    }
    const auto test = paired_test(differences, 0.05);
    expect_close(test.p, each["p"], "p");
    expect_close(test.low, each["low"], "low");
    expect_close(test.high, each["high"], "high");
  }
}

TEST(Statistics, holms_correction_is_statsmodels) {
  for (const auto& each : scipy_reference()["holm"]) {
    const auto adjusted = holm(each["p"].get<std::vector<double>>());
    for (std::size_t i = 0; i < adjusted.size(); ++i) {
      expect_close(adjusted[i], each["adjusted"][i], each.dump());
    }
  }
}

TEST(Statistics, questions_that_were_not_asked_make_no_p_larger) {
  EXPECT_THAT(holm(std::vector<double>{0.01, NAN, 0.03}),
              testing::ElementsAre(0.02, testing::IsNan(), 0.03));
}

TEST(Statistics, fewer_than_three_pairs_have_no_interval) {
  for (const auto& few : {std::vector<double>{}, {1.0}, {1.0, 2.0}}) {
    const auto test = paired_test(few, 0.05);
    EXPECT_TRUE(std::isnan(test.low) && std::isnan(test.high) && std::isnan(test.p)) << few.size();
    EXPECT_EQ(test.differences.count, few.size());
  }
}

TEST(Statistics, equal_differences_need_no_spread) {
  const auto same = paired_test(std::vector{0.0, 0.0, 0.0}, 0.05);
  EXPECT_EQ(same.p, 1);
  const auto tenth = paired_test(std::vector{0.1, 0.1, 0.1}, 0.05);  // whose sum is not 0.3
  EXPECT_EQ(tenth.p, 0);
  EXPECT_EQ(tenth.low, 0.1);
  EXPECT_EQ(tenth.high, 0.1);
}

}  // namespace
}  // namespace attnlab::report
