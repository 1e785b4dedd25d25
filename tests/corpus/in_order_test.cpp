#include "framework/corpus/in_order.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <stdexcept>

namespace attnlab::corpus {
namespace {

using Numbers = InOrder<int, int>;

std::optional<int> below(int& next, int count) {
  return next < count ? std::optional(next++) : std::nullopt;
}

Numbers::Work slow_square(unsigned seed) {
  return [seed](int& number) {
    std::this_thread::sleep_for(std::chrono::microseconds((number * 7919u + seed) % 300));
    return number * number;
  };
}

TEST(InOrder, gives_results_in_the_order_of_the_input) {
  int next = 0;
  std::vector<int> taken;
  Numbers order([&] { return below(next, 500); }, [](const int&) { return std::size_t{1}; }, 16);
  order.run({slow_square(1), slow_square(2), slow_square(3)},
            [&](int result) { taken.push_back(result); });
  ASSERT_EQ(taken.size(), 500u);
  for (int i = 0; i < 500; ++i) ASSERT_EQ(taken[static_cast<std::size_t>(i)], i * i);
}

TEST(InOrder, holds_no_more_than_the_limit) {
  int next = 0;
  std::atomic<int> held{0}, most{0};
  Numbers order(
      [&]() -> std::optional<int> {
        const auto item = below(next, 200);
        if (item) most = std::max(most.load(), ++held);
        return item;
      },
      [](const int&) { return std::size_t{10}; }, 40);
  order.run({slow_square(1), slow_square(2)}, [&](int) { --held; });
  EXPECT_LE(most, 6);  // four, one that waits at the gate, one that is being taken
  EXPECT_EQ(held, 0);
}

TEST(InOrder, lets_an_item_through_that_outweighs_the_limit) {
  int next = 0, sum = 0;
  Numbers order([&] { return below(next, 5); }, [](const int&) { return std::size_t{1000}; }, 40);
  order.run({slow_square(1), slow_square(2)}, [&](int result) { sum += result; });
  EXPECT_EQ(sum, 30);
}

TEST(InOrder, throws_what_reading_threw_after_all_results_before_it) {
  int next = 0, taken = 0;
  Numbers order(
      [&]() -> std::optional<int> {
        if (next == 100) throw std::runtime_error("torn");
        return next++;
      },
      [](const int&) { return std::size_t{1}; }, 16);
  EXPECT_THROW(order.run({slow_square(1), slow_square(2)}, [&](int) { ++taken; }),
               std::runtime_error);
  EXPECT_EQ(taken, 100);
}

TEST(InOrder, ends_when_work_or_taking_throws) {
  for (const bool in_work : {true, false}) {
    int next = 0, taken = 0;
    Numbers order([&] { return below(next, 1 << 20); }, [](const int&) { return std::size_t{1}; },
                  16);
    const Numbers::Work work = [&](int& number) {
      if (in_work && number == 50) throw std::runtime_error("spoilt");
      return number;
    };
    EXPECT_THROW(order.run({work, work},
                           [&](int result) {
                             if (!in_work && result == 50) throw std::runtime_error("full");
                             ++taken;
                           }),
                 std::runtime_error);
    EXPECT_EQ(taken, 50);
  }
}

}  // namespace
}  // namespace attnlab::corpus
