#include "framework/data/epoch_order.h"

#include <gtest/gtest.h>

#include <set>

namespace attnlab::data {
namespace {

TEST(EpochOrder, is_a_permutation_for_any_count) {
  for (const std::uint64_t count : {1, 2, 3, 4, 5, 17, 64, 1000, 4097}) {
    std::set<std::uint64_t> seen;
    const EpochOrder order(1, 2, count);
    for (std::uint64_t place = 0; place < count; ++place) seen.insert(order.at(place));
    EXPECT_EQ(seen.size(), count);
    EXPECT_LT(*seen.rbegin(), count);
  }
}

TEST(EpochOrder, leaves_few_numbers_where_they_were) {
  const EpochOrder order(1, 0, 10'000);
  int fixed = 0, neighbours = 0;
  for (std::uint64_t place = 0; place + 1 < 10'000; ++place) {
    fixed += order.at(place) == place;
    neighbours += order.at(place) + 1 == order.at(place + 1);
  }
  EXPECT_LT(fixed, 12);  // one is expected, of a Poisson distribution
  EXPECT_LT(neighbours, 12);
}

}  // namespace
}  // namespace attnlab::data
