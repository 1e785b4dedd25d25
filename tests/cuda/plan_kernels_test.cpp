#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "framework/cuda/plan_launch.h"
#include "framework/cuda/sort.cuh"
#include "tests/cuda/device_arrays.h"

namespace attnlab::cuda::test {
namespace {

std::mt19937 random_stream{7};

struct Sorted {
  std::vector<std::int32_t> rows, start, parts;
};
constexpr std::int32_t kPart = 100;

template <class Key>
constexpr AttnlabKey kKeyOf = std::is_same_v<Key, Keep>            ? kAttnlabKeep
                              : std::is_same_v<Key, std::uint8_t>  ? kAttnlabU8
                              : std::is_same_v<Key, std::uint16_t> ? kAttnlabU16
                                                                   : kAttnlabI32;

template <class Key>
Sorted sort_emulated(const std::vector<Key>& keys, std::int64_t groups, std::int32_t buckets) {
  SortParams p;
  p.groups = groups;
  p.length = static_cast<std::int64_t>(keys.size()) / groups;
  p.buckets = buckets;
  const Device<Key> device_keys(keys);
  const Device<std::int32_t> rows(keys.size()), parts(keys.size()),
      start(static_cast<std::size_t>(groups * (buckets + 1))),
      counts(static_cast<std::size_t>(sort_scratch(groups, p.length, buckets)));
  p.keys = device_keys.data();
  p.counts = counts.data();
  p.rows = rows.data();
  p.start = start.data();
  p.parts = parts.data();
  p.part = kPart;
  EXPECT_EQ(attnlab_cuda_sort(&p, kKeyOf<Key>, nullptr), 0);
  return {rows.copy(), start.copy(), parts.copy()};
}

/// Rows of bucket `buckets` are those without one: they come last.
template <class Key>
void expect_stable_sort(const std::vector<Key>& keys, std::int64_t groups, std::int32_t buckets) {
  const Sorted sorted = sort_emulated(keys, groups, buckets);
  const std::int64_t length = static_cast<std::int64_t>(keys.size()) / groups;
  for (std::int64_t g = 0; g < groups; ++g) {
    std::vector<std::int32_t> rows, start;
    for (std::int32_t n = 0; n <= buckets; ++n) {
      start.push_back(static_cast<std::int32_t>(rows.size()));
      for (std::int64_t t = 0; t < length; ++t) {
        if (sort_bucket(keys[g * length + t], buckets) == n) {
          rows.push_back(static_cast<std::int32_t>(t));
        }
      }
    }
    for (std::size_t place = 0; place < rows.size(); ++place) {
      EXPECT_EQ(sorted.parts[g * length + rows[place]], static_cast<int>(place) / kPart);
    }
    EXPECT_TRUE(std::equal(rows.begin(), rows.end(), sorted.rows.begin() + g * length));
    EXPECT_TRUE(std::equal(start.begin(), start.end(), sorted.start.begin() + g * (buckets + 1)));
  }
}

template <class Key>
std::vector<Key> random_keys(std::int64_t count, std::uint32_t below) {
  std::vector<Key> keys(count);
  for (auto& key : keys) key = static_cast<Key>(random_stream() % below);
  return keys;
}

TEST(SortKernels, rows_are_grouped_by_bucket_in_order_of_position) {
  for (const std::int64_t length : {1, 31, 33, 1000, 1025, 2500}) {
    expect_stable_sort(random_keys<std::uint8_t>(3 * length, 16), 3, 16);
  }
}

TEST(SortKernels, more_buckets_than_threads_and_than_shared_memory_holds) {
  expect_stable_sort(random_keys<std::uint16_t>(2 * 700, 300), 2, 300);
  expect_stable_sort(random_keys<std::uint16_t>(2 * 5000, 2500), 2, 2500);
}

TEST(SortKernels, one_bucket_and_empty_buckets) {
  expect_stable_sort(std::vector<std::uint8_t>(200, 0), 1, 1);
  expect_stable_sort(std::vector<std::uint8_t>(200, 5), 2, 9);
}

TEST(SortKernels, rows_whose_key_is_no_bucket_come_last) {
  expect_stable_sort(std::vector<std::int32_t>{3, -1, 0, 4, 1, 9}, 1, 4);
}

TEST(SortKernels, compaction_keeps_the_kept_rows_in_order) {
  std::vector<Keep> keep(2 * 1500);
  for (auto& row : keep) row.kept = random_stream() % 3 == 0;
  expect_stable_sort(keep, 2, 1);
  expect_stable_sort(std::vector<Keep>(40), 1, 1);
}

struct HashCase {
  std::int32_t head_dim, half;
  std::int64_t projection_heads = 2, offset_heads = 0;  // 0: no offsets
};
constexpr std::int64_t kRounds = 2, kBatch = 2, kHeads = 2, kLength = 150;

std::vector<float> normal_numbers(std::int64_t count) {
  std::normal_distribution<float> normal;
  std::vector<float> numbers(static_cast<std::size_t>(count));
  for (auto& x : numbers) x = normal(random_stream);
  return numbers;
}

template <class Element, class Bucket>
void expect_buckets(AttnlabElement element, AttnlabKey key, const HashCase& c) {
  const std::int64_t groups = kRounds * kBatch * kHeads, D = (c.head_dim + 7) / 8 * 8;
  std::vector<Element> rows;  // [B, T, H, D]
  for (const float x : normal_numbers(kBatch * kLength * kHeads * D)) {
    rows.push_back(rounded<Element>(x));
  }
  const auto matrix = normal_numbers(kRounds * c.projection_heads * c.head_dim * c.half);
  auto offset = normal_numbers(kRounds * c.offset_heads * c.half);
  for (auto& x : offset) x *= 3;
  const Device<Element> device_rows(rows);
  const Device<float> projections(matrix), offsets(offset);
  const Device<Bucket> buckets(static_cast<std::size_t>(groups * kLength));
  HashParams p;
  p.rows = device_rows.data();
  p.projections = projections.data();
  p.offsets = offsets.data();
  p.buckets = buckets.data();
  p.batch_stride = kLength * kHeads * D;
  p.head_stride = D;
  p.row_stride = kHeads * D;
  p.batch = kBatch;
  p.heads = kHeads;
  p.rounds = kRounds;
  p.length = kLength;
  p.projection_heads = c.projection_heads;
  p.offset_heads = c.offset_heads;
  p.head_dim = static_cast<std::int32_t>(D);
  p.matrix_rows = c.head_dim;
  p.half = c.half;
  ASSERT_EQ(attnlab_cuda_hash(&p, element, key, nullptr), 0);
  for (std::int64_t i = 0; i < groups * kLength; ++i) {
    std::vector<double> scores(2 * c.half);
    const std::int64_t t = i % kLength, h = i / kLength % kHeads, b = i / kLength / kHeads % kBatch;
    const std::int64_t round = i / kLength / kHeads / kBatch;
    const std::int64_t of = round * c.projection_heads + h % c.projection_heads;
    for (std::int32_t n = 0; n < c.half; ++n) {
      for (std::int32_t d = 0; d < c.head_dim; ++d) {
        scores[n] += double{gpu::to_float(rows[((b * kLength + t) * kHeads + h) * D + d])} *
                     matrix[(of * c.head_dim + d) * c.half + n];
      }
      if (c.offset_heads > 0) {
        scores[n] -= offset[(round * c.offset_heads + h % c.offset_heads) * c.half + n];
      }
      scores[c.half + n] = -scores[n];
    }
    const double best = *std::max_element(scores.begin(), scores.end());
    const auto bucket = buckets.data()[i];
    ASSERT_LT(bucket, 2 * c.half);
    EXPECT_GE(scores[bucket], best - 1e-4) << "row " << i;
  }
}

TEST(HashKernel, the_bucket_is_the_largest_projection_less_its_offset_or_its_opposite) {
  for (const std::int64_t projection_heads : {std::int64_t{1}, kHeads}) {
    for (const std::int64_t offset_heads : {std::int64_t{0}, std::int64_t{1}, kHeads}) {
      const auto check = [&]<class Element, class Bucket>(Element, Bucket, AttnlabElement element,
                                                          AttnlabKey key, std::int32_t head_dim,
                                                          std::int32_t half) {
        SCOPED_TRACE(head_dim);
        expect_buckets<Element, Bucket>(element, key,
                                        {head_dim, half, projection_heads, offset_heads});
      };
      check(float{}, std::uint8_t{}, kAttnlabFloat32, kAttnlabU8, 60, 8);
      check(Bf16{}, std::uint8_t{}, kAttnlabBfloat16, kAttnlabU8, 64, 5);
      check(F16{}, std::uint8_t{}, kAttnlabFloat16, kAttnlabU8, 13, 1);
    }
  }
  expect_buckets<Bf16, std::uint16_t>(kAttnlabBfloat16, kAttnlabU16, {128, 200});
  expect_buckets<Bf16, std::int32_t>(kAttnlabBfloat16, kAttnlabI32, {8, 9, 1, 1});
}

TEST(HashKernel, equal_projections_choose_the_first) {
  const Device<float> row(std::vector<float>(8, 0.0F)), matrix(std::vector<float>(8 * 4, 1.0F));
  const Device<std::uint8_t> bucket(1);
  HashParams p;
  p.rows = row.data();
  p.projections = matrix.data();
  p.buckets = bucket.data();
  p.length = 1;
  p.head_dim = p.matrix_rows = 8;
  p.half = 4;
  ASSERT_EQ(attnlab_cuda_hash(&p, kAttnlabFloat32, kAttnlabU8, nullptr), 0);
  EXPECT_EQ(*bucket.data(), 0);
}

}  // namespace
}  // namespace attnlab::cuda::test
