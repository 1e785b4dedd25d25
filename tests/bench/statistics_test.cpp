#include <gtest/gtest.h>

#include <cmath>

#include "framework/bench/bench.h"
#include "framework/bench/measures.h"
#include "tests/bench/support.h"

namespace attnlab::bench {
namespace {

TEST(Spread, has_the_quartiles_of_its_samples) {
  const auto s = spread({5, 1, 4, 2, 3});
  EXPECT_EQ(s.least, 1);
  EXPECT_EQ(s.q1, 2);
  EXPECT_EQ(s.median, 3);
  EXPECT_EQ(s.q3, 4);
  EXPECT_EQ(s.most, 5);
  EXPECT_EQ(spread({1, 2}).median, 1.5);
  EXPECT_EQ(spread({}).median, 0);
}

TEST(GrowthExponent, is_the_power_of_a_power_law) {
  std::vector<double> x, y;
  for (double T = 64; T < 5000; T *= 2) x.push_back(T), y.push_back(3e-9 * std::pow(T, 1.7));
  EXPECT_NEAR(growth_exponent(x, y), 1.7, 1e-9);
}

TEST(GrowthExponent, is_unknown_from_one_length_or_a_time_of_zero) {
  EXPECT_TRUE(std::isnan(growth_exponent({10}, {1})));
  EXPECT_TRUE(std::isnan(growth_exponent({10, 10}, {1, 2})));
  EXPECT_TRUE(std::isnan(growth_exponent({10, 20}, {1, 0})));
}

double value(const std::vector<Metric>& metrics, const std::string& name) {
  for (const auto& metric : metrics) {
    if (metric.key.name == name) return metric.value;
  }
  ADD_FAILURE() << "no metric " << name;
  return 0;
}

TEST(Measures, compare_with_the_fastest_peer) {
  Measured m{.length = 8, .head_dim = 2, .pass = config::Pass::both, .pairs = 100};
  m.pairs_in_tiles = 400;
  for (const char* name : {"attention", "sdpa_flash", "sdpa_cudnn"}) m.sides.push_back({name, {}});
  m.sides[0].both = {1, 1, 2};
  m.sides[1].both = {9, 9, 9};
  m.sides[2].both = {4, 6, 5};
  for (auto& side : m.sides) side.forward = side.backward = side.both;
  const auto metrics = metrics_of(m);
  EXPECT_EQ(value(metrics, "ratio"), 5);
  EXPECT_EQ(value(metrics, "ratio_of_best"), 4);
  EXPECT_EQ(value(metrics, "ratio_q1"), 3.25);  // of 4/1, 6/1, 5/2
  EXPECT_EQ(value(metrics, "sdpa_flash/seconds_median"), 9);
  EXPECT_EQ(value(metrics, "tile_efficiency"), 0.25);
  EXPECT_EQ(value(metrics, "flop_rate"), 100 * 14 * 2);
}

TEST(Measures, count_what_a_pass_must_compute_and_move) {
  EXPECT_EQ(flop_per_pair(64, config::Pass::forward), 256);
  EXPECT_EQ(flop_per_pair(64, config::Pass::backward), 640);
  EXPECT_EQ(least_bytes(10, 64, 2, config::Pass::both), 12 * 10 * 64 * 2);
}

TEST(Lengths, are_sorted_and_each_taken_once) {
  EXPECT_EQ(config::lengths_of("4096,16,4096"), (std::vector<std::int64_t>{16, 4096}));
  EXPECT_EQ(config::lengths_problem("4096,16,4096"), "");
}

TEST(Lengths, that_are_none_are_refused) {
  for (const char* text : {"", "16,", ",16", "4k", "-3", "0", "1.5", "16 ,32", "99999999999999999999",
                           "2000000000000", "nan", "1e3", "+5"}) {
    EXPECT_TRUE(config::lengths_of(text).empty()) << text;
    EXPECT_THAT(config::lengths_problem(text),
                testing::HasSubstr("is no sequence length; expected positive integers with commas"))
        << text;
  }
}

struct Facts final : MetricSink {
  std::vector<std::string> lines;
  void add(MetricEvent) override {}
  void fact(std::string_view name, std::string_view text) override {
    lines.push_back(std::string(name) + ": " + std::string(text));
  }
};

TEST(Lengths, that_are_refused_are_left_out_and_the_others_timed) {
  Facts facts;
  std::vector<std::int64_t> timed;
  const auto odd = [](std::int64_t length) { return length % 2 == 1 ? "odd" : ""; };
  const auto result = over_lengths("3,2,5,4", facts, odd, [&](auto length, auto after) {
    timed.push_back(length);
    return after != 0;
  });
  EXPECT_EQ(timed, (std::vector<std::int64_t>{2, 4}));
  EXPECT_EQ(facts.lines, (std::vector<std::string>{"left out T=3: odd", "left out T=5: odd"}));
  EXPECT_EQ(result.timed, 2);
  EXPECT_FALSE(result.stopped);
  EXPECT_EQ(result.left_out, "T = 5: odd");
  EXPECT_TRUE(over_lengths("2,4", facts, odd, [](auto, auto) { return false; }).stopped);
  EXPECT_EQ(over_lengths("1", facts, odd, [](auto, auto) { return true; }).timed, 0);
}

}  // namespace
}  // namespace attnlab::bench
