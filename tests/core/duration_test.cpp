#include "framework/core/duration.h"

#include <gtest/gtest.h>

namespace attnlab {
namespace {

TEST(Duration, reads_what_people_write) {
  EXPECT_EQ(duration_from("30s"), 30);
  EXPECT_EQ(duration_from("10m"), 600);
  EXPECT_EQ(duration_from("3h"), 10800);
  EXPECT_EQ(duration_from("2d"), 172800);
  EXPECT_EQ(duration_from("1h30m"), 5400);
  EXPECT_EQ(duration_from("1.5h"), 5400);
  EXPECT_EQ(duration_from("0s"), 0);
}

TEST(Duration, refuses_everything_else) {
  for (const auto* text : {"", "10", "m", "10 m", "-1m", "10mm", "1h30", "inf", "nans", "1e3s", "99999999d", "10M", "1h x"}) {
    EXPECT_EQ(duration_from(text), std::nullopt) << text;
  }
}

TEST(Interval, is_steps_or_a_time_or_never) {
  EXPECT_EQ(interval_from("500")->steps, 500);
  EXPECT_EQ(interval_from("10m")->seconds, 600);
  EXPECT_TRUE(interval_from("0")->never());
  for (const auto* text : {"", "-1", "1.5", "0s", "often", "10 steps", "99999999999999999999"}) {
    EXPECT_FALSE(interval_from(text)) << text;
  }
}

}  // namespace
}  // namespace attnlab
