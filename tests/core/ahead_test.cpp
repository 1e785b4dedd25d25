#include "framework/core/ahead.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>

namespace attnlab {
namespace {

using Integers = Ahead<int>;
const auto one = [](const int&) { return std::size_t{1}; };

TEST(Ahead, gives_every_item_in_order_and_then_the_end) {
  int next = 0;
  Integers numbers([&] { return next < 300 ? std::optional(next++) : std::nullopt; }, one, 4);
  for (int i = 0; i < 300; ++i) ASSERT_EQ(numbers.next(), i);
  EXPECT_EQ(numbers.next(), std::nullopt);
  EXPECT_EQ(numbers.next(), std::nullopt);
}

TEST(Ahead, reads_up_to_the_limit_and_no_further) {
  std::atomic<int> read{0};
  Integers numbers([&]() -> std::optional<int> { return ++read; }, one, 4);
  for (int i = 1; i < 50; ++i) {
    ASSERT_EQ(numbers.next(), i);
    ASSERT_LE(read, i + 5);  // four that wait and one at the gate
  }
  while (read < 54) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST(Ahead, lets_an_item_through_that_outweighs_the_limit) {
  int next = 0;
  Integers numbers([&] { return next < 3 ? std::optional(next++) : std::nullopt; },
                  [](const int&) { return std::size_t{100}; }, 4);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(numbers.next(), i);
}

TEST(Ahead, throws_what_reading_threw_after_all_items_before_it) {
  int next = 0;
  Integers numbers(
      [&]() -> std::optional<int> {
        if (next == 3) throw std::runtime_error("no more");
        return next++;
      },
      one, 10);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(numbers.next(), i);
  EXPECT_THROW(static_cast<void>(numbers.next()), std::runtime_error);
}

TEST(Ahead, ends_when_nobody_takes_any_more) {
  Integers numbers([]() -> std::optional<int> { return 1; }, one, 2);
  EXPECT_EQ(numbers.next(), 1);
}

}  // namespace
}  // namespace attnlab
