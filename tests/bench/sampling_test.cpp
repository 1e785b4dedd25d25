// What is timed, how often and in which order; never how fast.
#include "framework/bench/sampling.h"

#include "tests/bench/support.h"

namespace attnlab::bench {
namespace {

constexpr std::int64_t kT = 8;

TEST(Sampling, alternates_between_the_sides_and_times_both_passes) {
  std::string order;
  const auto noting = [&](char name) {
    return FunctionSubject(
        [&order, name](const Inputs& in) {
          order += name;
          return attend(in, causal(kT));
        },
        {});
  };
  auto a = noting('a'), b = noting('b');
  std::vector<Side> sides{{"attention", &a}, {"sdpa", &b}};
  const auto in = small_inputs(kT);
  EXPECT_TRUE(sample(sides, in, config::Pass::both, {.most = 4, .least = 4, .seconds = 0},
                     [](auto...) { return true; }));
  EXPECT_EQ(order.substr(order.size() - 8), "abababab");
  for (const auto& side : sides) {
    ASSERT_EQ(side.both.size(), 4U);
    EXPECT_EQ(side.of(config::Pass::forward).size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(side.both[i], side.forward[i] + side.backward[i]);
      EXPECT_GT(side.backward[i], 0);
    }
  }
}

TEST(Sampling, of_the_forward_pass_records_no_graph) {
  bool graph = true;
  FunctionSubject subject(
      [&](const Inputs& in) {
        const auto out = attend(in, causal(kT));
        graph = out.requires_grad();
        return out;
      },
      {});
  std::vector<Side> sides{{"attention", &subject}};
  EXPECT_TRUE(sample(sides, small_inputs(kT), config::Pass::forward, {.most = 2, .least = 1},
                     [](auto...) { return true; }));
  EXPECT_FALSE(graph);
  EXPECT_TRUE(sides[0].both.empty());
}

TEST(Sampling, takes_the_least_number_however_long_it_takes_and_stops_when_told) {
  FunctionSubject subject([](const Inputs& in) { return attend(in, causal(kT)); }, {});
  std::vector<Side> sides{{"attention", &subject}};
  const auto in = small_inputs(kT);
  EXPECT_TRUE(sample(sides, in, config::Pass::both, {.seconds = 0}, [](auto...) { return true; }));
  EXPECT_EQ(sides[0].both.size(), 3U);
  sides = {{"attention", &subject}};
  EXPECT_FALSE(sample(sides, in, config::Pass::both, {.seconds = 1},
                      [](std::int64_t done, auto, auto) { return done < 2; }));
  EXPECT_EQ(sides[0].both.size(), 2U);
}

TEST(Sampling, leaves_no_gradient_on_the_inputs) {
  FunctionSubject subject([](const Inputs& in) { return attend(in, causal(kT)); }, {});
  const auto in = small_inputs(kT);
  run_once(subject, in, config::Pass::both);
  EXPECT_FALSE(in.query.grad().defined());
}

TEST(Clock, has_one_lap_less_than_marks_and_starts_anew) {
  Clock clock(at::kCPU);
  for (int i = 0; i < 3; ++i) clock.mark();
  EXPECT_EQ(clock.laps().size(), 2U);
  clock.start();
  clock.mark();
  EXPECT_TRUE(clock.laps().empty());
}

}  // namespace
}  // namespace attnlab::bench
