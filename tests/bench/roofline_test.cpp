#include "framework/bench/roofline.h"

#include <gtest/gtest.h>

#include "framework/bench/bench.h"

namespace attnlab::bench {
namespace {

Measured measured(double pairs, double in_tiles) {
  Measured m{.length = 8, .head_dim = 1, .pass = config::Pass::both};
  m.pairs = pairs;
  m.pairs_in_tiles = in_tiles;
  m.bytes = 30;
  return m;
}

constexpr Rates kRates{.large_gemm = 14, .tile_gemm = 7, .exponentials = 2, .bytes = 10};

TEST(Roofline, adds_products_and_exponentials_of_all_tiles_on_a_cpu) {
  const auto b = bound(kRates, measured(100, 200), /*on_cpu=*/true);
  EXPECT_EQ(b.gemm_seconds, 200);  // 14 FLOP a pair at the better rate
  EXPECT_EQ(b.exp_seconds, 200);   // one in each direction
  EXPECT_EQ(b.memory_seconds, 3);
  EXPECT_EQ(b.seconds, 400);
}

TEST(Roofline, lets_them_overlap_on_a_gpu_and_counts_pairs_where_tiles_are_unknown) {
  EXPECT_EQ(bound(kRates, measured(100, 0), /*on_cpu=*/false).seconds, 100);
}

TEST(Roofline, is_memory_where_little_is_computed) {
  EXPECT_EQ(bound(kRates, measured(1, 0), /*on_cpu=*/true).seconds, 3);
}

TEST(Roofline, rates_are_measured_in_every_dtype) {
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const auto rates = measure_rates(at::kCPU, dtype, 16);
    EXPECT_GT(std::min({rates.large_gemm, rates.tile_gemm, rates.exponentials, rates.bytes}), 0);
  }
}

TEST(FlopPerToken, of_the_paper_model_is_six_times_its_weights_and_attention) {
  const config::ModelConfig paper{.layers = 12, .width = 768, .heads = 12};
  // 12 layers of 11 C^2 (query, value, output, MLP) and the head; 12 C L for each key.
  const double weights = 12 * 11 * 768.0 * 768.0 + 50304.0 * 768.0;
  EXPECT_EQ(flop_per_token(paper, 50304, 100), 6 * weights + 12 * 768.0 * 12 * 100);
}

}  // namespace
}  // namespace attnlab::bench
