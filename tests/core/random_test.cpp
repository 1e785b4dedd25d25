#include "framework/core/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace attnlab {
namespace {

using Block = std::array<std::uint32_t, 4>;

// Known answers of Random123's kat_vectors, philox4x32 with 10 rounds.
TEST(Philox, gives_the_known_answers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, is_a_pure_function_of_its_coordinates) {
  const RandomStream one(7, "hash", {1, 2, 3}), same(7, "hash", {1, 2, 3});
  const double late = one.normal(1000);
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(one.bits(i), same.bits(i));
  EXPECT_EQ(same.normal(1000), late);
}

TEST(RandomStream, changes_with_seed_name_coordinates_and_their_order) {
  const std::vector<RandomStream> streams{
      {7, "hash", {1, 2}}, {8, "hash", {1, 2}}, {7, "hush", {1, 2}},    {7, "hash", {2, 1}},
      {7, "hash", {1, 3}}, {7, "hash", {1}},    {7, "hash", {1, 2, 0}}, {7, "", {1, 2}}};
  std::set<std::uint64_t> firsts;
  for (const auto& stream : streams) {
    firsts.insert((std::uint64_t{stream.bits(0)} << 32) | stream.bits(1));
  }
  EXPECT_EQ(firsts.size(), streams.size());
}

TEST(RandomStream, draws_uniform_numbers) {
  const RandomStream stream(1, "uniform");
  constexpr int kDraws = 100000, kBins = 10;
  std::array<int, kBins> counts{};
  for (int i = 0; i < kDraws; ++i) {
    const double x = stream.uniform(static_cast<std::uint64_t>(i));
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
    ++counts.at(static_cast<std::size_t>(x * kBins));
  }
  for (const int count : counts) EXPECT_NEAR(count, kDraws / kBins, 5 * std::sqrt(kDraws / kBins));
}

TEST(RandomStream, fills_with_the_same_normal_numbers) {
  const RandomStream stream(1, "normal");
  for (const std::size_t count : {0, 1, 2, 7}) {
    std::vector<double> normals(count);
    stream.fill_normal(normals);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(normals[i], stream.normal(i));
  }
}
TEST(RandomStream, draws_normal_numbers) {
  const RandomStream stream(1, "normal");
  constexpr int kDraws = 100000;
  double sum = 0, squares = 0, fourth = 0, neighbours = 0, last = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = stream.normal(static_cast<std::uint64_t>(i));
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
    neighbours += x * last;
    last = x;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.02);
  EXPECT_NEAR(squares / kDraws, 1, 0.03);
  EXPECT_NEAR(fourth / kDraws, 3, 0.2);
  EXPECT_NEAR(neighbours / kDraws, 0, 0.02);
}

TEST(RandomStream, draws_every_number_below_a_bound) {
  const RandomStream stream(1, "below");
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    seen.insert(stream.below(7, i));
    EXPECT_EQ(stream.below(1, i), 0u);
  }
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6}));
}

}  // namespace
}  // namespace attnlab
