// Hashing, drop draws, sorting and compaction: against their definitions, and in any blocks.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "framework/sparse/hashing.h"
#include "framework/sparse/plans.h"

namespace attnlab::sparse {
namespace {

/// argmax of [xP - c ; c - xP] in float64, int32 [R, B, H, T], and the gap to the second best.
/// c: [R, H or 1, half].
std::pair<at::Tensor, at::Tensor> exact_buckets(const at::Tensor& rows, const at::Tensor& P,
                                                const at::Tensor& c) {
  const auto sums = rows.to(at::kDouble).unsqueeze(0).matmul(P.to(at::kDouble).unsqueeze(1)) -
                    c.to(at::kDouble).unsqueeze(1).unsqueeze(3);
  const auto best = at::cat({sums, -sums}, -1).topk(2, -1);
  const auto& values = std::get<0>(best);
  return {std::get<1>(best).select(-1, 0).to(at::kInt),
          values.select(-1, 0) - values.select(-1, 1)};
}

struct HashCase {
  std::int64_t T, D, half, rounds;
  at::ScalarType dtype;
};
void PrintTo(const HashCase& c, std::ostream* out) {
  *out << "T " << c.T << ", D " << c.D << ", half " << c.half << ", R " << c.rounds << ", "
       << c.dtype;
}
class HashBuckets : public testing::TestWithParam<HashCase> {};

TEST_P(HashBuckets, are_the_argmax_of_projections_and_their_negatives) {
  const auto [T, D, half, rounds, dtype] = GetParam();
  at::manual_seed(T);
  const auto rows = at::randn({2, 3, T, D}).to(dtype);
  const auto P = at::randn({rounds, 3, D, half});
  const auto none = at::zeros({rounds, 1, half});
  for (const auto& c : {none, 3 * at::randn({rounds, 3, half}), at::randn({rounds, 1, half})}) {
    const auto [expected, margin] = exact_buckets(rows, P, c);
    const auto found = hash_buckets(rows, P, c);
    // Rows that float32 sums cannot place are few, and are placed somewhere in range.
    const auto certain = margin > 1e-4;
    EXPECT_TRUE(found.eq(expected).logical_or(certain.logical_not()).all().item<bool>());
    EXPECT_GT(certain.to(at::kDouble).mean().item<double>(), 0.98);
    EXPECT_GE(found.min().item<int>(), 0);
    EXPECT_LT(found.max().item<int>(), 2 * half);
  }
  EXPECT_TRUE(hash_buckets(rows, P, none).equal(hash_buckets(rows, P)));
}

TEST(HashBuckets, in_the_whitened_space_of_rows_are_even) {
  // gpu_day_1: rows that share one large part. c = mP moves the origin to their mean.
  at::manual_seed(3);
  const auto common = 10 * at::randn({1, 2, 1, 16}), P = at::randn({1, 2, 16, 4});
  const auto rows = common + at::randn({4, 2, 500, 16});
  const auto c =
      rows.mean(at::IntArrayRef{0, 2}).unsqueeze(1).matmul(P[0]).squeeze(1);  // [H, half]
  const auto largest_share = [&](const at::Tensor& buckets) {
    return at::bincount(buckets.flatten(), {}, 8).max().item<double>() / 4000;
  };
  EXPECT_GT(largest_share(hash_buckets(rows, P)), 0.4);
  EXPECT_LT(largest_share(hash_buckets(rows, P, c.unsqueeze(0))), 0.25);
}

TEST(HashBuckets, refuse_offsets_of_another_kind) {
  const auto rows = at::zeros({1, 3, 5, 8}), P = at::zeros({2, 3, 8, 4});
  for (const auto& c : {at::zeros({3, 4}), at::zeros({2, 2, 4}), at::zeros({2, 3, 5}),
                        at::zeros({1, 3, 4}), at::zeros({2, 3, 4}, at::kDouble)}) {
    EXPECT_THROW((void)hash_buckets(rows, P, c), c10::Error) << c.sizes();
  }
}

TEST_P(HashBuckets, do_not_depend_on_strides_neighbours_or_threads) {
  const auto [T, D, half, rounds, dtype] = GetParam();
  at::manual_seed(T);
  const auto rows = at::randn({2, 3, T, D}).to(dtype);
  const auto P = at::randn({rounds, 3, D, half});
  const auto found = hash_buckets(rows, P);
  const auto as_in_model = rows.transpose(1, 2).contiguous().transpose(1, 2);
  EXPECT_TRUE(hash_buckets(as_in_model, P).equal(found)) << "[B, T, H, D] in memory";
  const auto columns_first = rows.transpose(2, 3).contiguous().transpose(2, 3);
  EXPECT_TRUE(hash_buckets(columns_first, P).equal(found)) << "[B, H, D, T] in memory";
  const std::int64_t cut = T / 3;
  EXPECT_TRUE(hash_buckets(rows.slice(2, cut), P).equal(found.slice(3, cut))) << "rows cut off";
  EXPECT_TRUE(hash_buckets(rows.slice(0, 1), P).equal(found.slice(1, 1))) << "one sequence";
  at::set_num_threads(3);
  EXPECT_TRUE(hash_buckets(rows, P).equal(found)) << "three threads";
  at::set_num_threads(1);
}

INSTANTIATE_TEST_SUITE_P(
    sizes, HashBuckets,
    testing::Values(HashCase{1, 1, 1, 1, at::kFloat}, HashCase{33, 16, 8, 2, at::kFloat},
                    HashCase{100, 20, 5, 1, at::kFloat}, HashCase{64, 7, 17, 3, at::kDouble},
                    HashCase{1500, 64, 8, 1, at::kFloat}, HashCase{200, 64, 33, 2, at::kBFloat16},
                    HashCase{77, 128, 8, 1, at::kBFloat16}, HashCase{77, 24, 4, 1, at::kHalf}));

TEST(HashBuckets, give_ties_to_the_first_bucket) {
  const auto P = at::ones({1, 1, 1, 9});
  const auto rows = at::tensor({2.0F, -2.0F, 0.0F, -0.0F}).view({1, 1, 4, 1});
  EXPECT_TRUE(hash_buckets(rows, P).flatten().equal(at::tensor({0, 9, 0, 0}, at::kInt)));
  const auto both = at::tensor({-1.0F, 1.0F, -1.0F}).view({1, 1, 1, 3});  // |x| everywhere
  EXPECT_TRUE(hash_buckets(rows, both).flatten().equal(at::tensor({1, 0, 0, 0}, at::kInt)));
}

TEST(HashBuckets, of_rows_that_are_no_numbers_stay_in_range) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const auto rows = at::tensor({nan, infinity, -infinity, 1.0F}).view({1, 1, 4, 1});
  const auto found = hash_buckets(rows, at::tensor({0.0F, 1.0F}).view({1, 1, 1, 2}));
  EXPECT_TRUE(found.flatten().equal(at::tensor({0, 1, 3, 1}, at::kInt))) << found;
}

TEST(HashBuckets, take_one_projection_for_all_heads) {
  at::manual_seed(1);
  const auto rows = at::randn({1, 3, 40, 8}), P = at::randn({2, 1, 8, 4});
  EXPECT_TRUE(hash_buckets(rows, P).equal(hash_buckets(rows, P.expand({2, 3, 8, 4}))));
}

TEST(HashBuckets, refuse_projections_of_another_size) {
  try {
    (void)hash_buckets(at::zeros({1, 3, 5, 8}), at::zeros({1, 2, 8, 4}));
    FAIL() << "accepted";
  } catch (const c10::Error& error) {
    EXPECT_STREQ(error.what_without_backtrace(),
                 "[hash_buckets] projections is Float [1, 2, 8, 4] on cpu; expected Float "
                 "[-1, 3, 8, -1] on cpu");
  }
}

TEST(DrawKeep, keeps_where_the_streams_uniform_number_reaches_the_rate) {
  const RandomStream stream(3, "keep", {1, 2});
  for (const double rate : {0.0, 0.3, 0.5, 1.0}) {
    for (const std::int64_t T : {1, 3, 64, 65, 1000}) {
      std::vector<std::uint8_t> keep(static_cast<std::size_t>(T) + 1, 7);
      draw_keep(stream, rate, T, reinterpret_cast<bool*>(keep.data()));
      for (std::int64_t t = 0; t < T; ++t) {
        EXPECT_EQ(keep[t], stream.uniform(t) >= rate) << "rate " << rate << ", t " << t;
      }
      EXPECT_EQ(keep[T], 7) << "wrote past the end";
    }
  }
}

TEST(DrawKeep, refuses_what_is_no_rate) {
  const RandomStream stream(3, "keep", {1, 2});
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  for (const double rate : {-1e-9, 1.0 + 1e-9, -1.0, kInfinite, -kInfinite, std::nan("")}) {
    EXPECT_THROW(draw_keep(stream, rate, 0, nullptr), c10::Error) << rate;
  }
  EXPECT_THROW(draw_keep(stream, 0.5, -1, nullptr), c10::Error);
}

// Longer than a block of rows, so that the blocks of one group meet.
TEST(SortByBucket, is_stable_over_blocks_of_a_single_head) {
  at::manual_seed(5);
  for (const std::int64_t N : {1, 16, 6000}) {
    const auto buckets = at::randint(N, {1, 1, 13000}, at::kInt);
    const auto expected = at::argsort(buckets, /*stable=*/true, -1, false).to(at::kInt);
    const auto sizes = at::bincount(buckets.flatten(), {}, N).cumsum(0).to(at::kInt);
    for (const int threads : {1, 3}) {
      at::set_num_threads(threads);
      const auto sorted = sort_by_bucket(buckets, N);
      EXPECT_TRUE(sorted.rows.equal(expected)) << N << " buckets";
      EXPECT_TRUE(sorted.start.flatten().slice(0, 1).equal(sizes)) << N << " buckets";
      EXPECT_EQ(sorted.start.flatten()[0].item<int>(), 0);
    }
  }
  at::set_num_threads(1);
}

TEST(Compact, keeps_order_over_blocks_and_zeros_the_rest) {
  at::manual_seed(6);
  for (const double rate : {0.0, 0.5, 0.999, 1.0}) {
    const auto keep = at::rand({1, 2, 9000}).ge(rate);
    for (const int threads : {1, 3}) {
      at::set_num_threads(threads);
      const auto kept = compact(keep);
      for (std::int64_t h = 0; h < 2; ++h) {
        const auto rows = keep[0][h].nonzero().flatten().to(at::kInt);
        const auto found = kept.rows[0][h];
        EXPECT_TRUE(found.slice(0, 0, rows.size(0)).equal(rows)) << "rate " << rate;
        EXPECT_TRUE(found.slice(0, rows.size(0)).eq(0).all().item<bool>()) << "rate " << rate;
        EXPECT_EQ(kept.start[0][h][1].item<std::int64_t>(), rows.size(0));
      }
    }
  }
  at::set_num_threads(1);
}

TEST(SortIntoChunks, numbers_the_chunk_of_every_row) {
  at::manual_seed(7);
  const auto buckets = at::randint(5, {2, 1, 3, 5000}, at::kInt);
  const auto rounds = sort_into_chunks(buckets, 5, 64);
  EXPECT_TRUE(rounds.order.equal(at::argsort(buckets, /*stable=*/true, -1, false).to(at::kInt)));
  const auto place = at::argsort(rounds.order.to(at::kLong), /*stable=*/true, -1, false);
  EXPECT_TRUE(rounds.chunks.equal(place.div(64, "floor").to(at::kInt)));
}

TEST(SortIntoChunks, refuses_buckets_out_of_range) {
  try {
    (void)sort_into_chunks(at::full({1, 1, 1, 3}, 4, at::kInt), 4, 2);
    FAIL() << "accepted";
  } catch (const c10::Error& error) {
    EXPECT_STREQ(error.what_without_backtrace(), "[plans] buckets from 4 to 4; expected 0 to 3");
  }
}

}  // namespace
}  // namespace attnlab::sparse
