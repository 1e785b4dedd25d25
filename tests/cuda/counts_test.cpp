// What the emulator counts while the attention kernels run.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/cuda/attention_case.h"

namespace attnlab::cuda::test {
namespace {

TEST(EmulatorCounts, are_those_of_a_kernel) {
  const std::vector<Vector16> numbers(1);
  const auto load = [&](std::uint32_t stride) {
    emulator::reset_counts();
    emulator::run({1, 32, 512 * 8}, [&] {
      const auto row = static_cast<std::uint32_t>(gpu::lane()) * 16 * stride;
      gpu::copy_async(row, numbers.data(), true);
      gpu::copy_commit();
      gpu::copy_wait<0>();
      gpu::sync_warp();
      std::uint32_t dealt[4];
      gpu::load_matrices(dealt, row);
    });
    EXPECT_EQ(emulator::counts().matrix_loads, 1);
    return emulator::counts().bank_conflicts;
  };
  EXPECT_EQ(load(1), 0);
  EXPECT_EQ(load(2), 4);
  EXPECT_EQ(load(8), 28);
}

TEST(AttentionCounts, meets_in_no_bank_of_shared_memory) {
  for (const std::int64_t dim : {32, 64, 96, 128}) {
    const auto plan = random_plan(PlanKind::windows, {1, 1, 150}, 3);
    for (const auto shape : {TileShape::large, TileShape::small}) {
      if (shape == TileShape::small && !has_small_tiles(kAttnlabBfloat16, static_cast<int>(dim))) {
        continue;
      }
      emulator::reset_counts();
      (void)attend_on_device<Bf16>(random_input<Bf16>(plan.plan, dim, 2), plan, {.shape = shape});
      EXPECT_GT(emulator::counts().matrix_loads, 100);
      EXPECT_EQ(emulator::counts().bank_conflicts, 0) << "D " << dim;
    }
  }
}

/// Rows of queries and keys in buckets at random, 128 in the mean, as of T = 8192 with 64 buckets.
struct Buckets {
  explicit Buckets(std::int64_t count) {
    std::mt19937 random(7);
    std::vector<Numbers> buckets(static_cast<std::size_t>(count));
    const auto length = static_cast<std::int32_t>(count * 128);
    for (std::int32_t t = 0; t < length; ++t) buckets[random() % buckets.size()].push_back(t);
    plan.query_start = {0};
    for (const auto& rows : buckets) {
      sizes.push_back(static_cast<std::int64_t>(rows.size()));
      plan.key_begin.push_back(plan.query_start.back());
      append(plan.query_rows, rows, rows.size(), 0);
      plan.query_start.push_back(static_cast<std::int32_t>(plan.query_rows.size()));
      plan.key_end.push_back(plan.query_start.back());
    }
    plan.key_rows = plan.query_rows;
    plan.plan.length = plan.plan.queries = plan.plan.keys = length;
    plan.plan.segments = count;
    plan.plan.groups = 1;
    plan.plan.ascending = true;
    plan.plan.max_distance = length;
  }
  /// Of tiles of so many rows by columns, `step` rows at a time at the end, that hold a pair. The
  /// queries that the keys of a block see begin behind its first key.
  [[nodiscard]] std::int64_t pairs(std::int64_t rows, std::int64_t columns, std::int64_t step,
                                   std::int64_t block_of_keys = 0) const {
    std::int64_t all = 0;
    for (const auto size : sizes) {
      for (std::int64_t row = 0; row < size; row += rows) {
        const std::int64_t end = std::min(row + rows, size);
        const std::int64_t height = (end - row + step - 1) / step * step;
        const bool keys = block_of_keys > 0;
        const std::int64_t from = keys ? row / block_of_keys * block_of_keys + 1 : 0;
        for (std::int64_t column = from; column < size; column += columns) {
          const std::int64_t last = std::min(column + columns, size) - 1;
          const bool seen = keys ? row < last : column < end - 1;
          all += seen ? height * columns : 0;
        }
      }
    }
    return all;
  }
  [[nodiscard]] double useful() const {
    double all = 0;
    for (const auto size : sizes) all += static_cast<double>(size * (size - 1)) / 2;
    return all;
  }
  HostPlan plan;
  std::vector<std::int64_t> sizes;
};

/// A pair takes 2 products forward, 3 in the pass for queries and 4 in that for keys.
TEST(AttentionCounts, of_products_are_those_of_the_tiles_that_the_benchmark_counts) {
  const Buckets buckets(16);
  const auto in = random_input<Bf16>(buckets.plan.plan, 64, 2);
  constexpr std::int64_t kEach =
      16 * 8 * 16 / 64;  // pairs of D = 64 that an instruction multiplies
  const auto computed = [&](TileShape shape, std::int64_t block) {
    emulator::reset_counts();
    (void)attend_on_device<Bf16>(in, buckets.plan, {.all = true, .shape = shape});
    std::int64_t shifts = 0;  // 4 instructions for 8 rows of queries
    for (const auto size : buckets.sizes) shifts += (size + block - 1) / block * block / 8 * 4;
    return (emulator::counts().multiplies - shifts) * kEach;
  };
  EXPECT_EQ(computed(TileShape::large, 128), 2 * buckets.pairs(32, 64, 32) +
                                                 3 * buckets.pairs(32, 32, 32) +
                                                 4 * buckets.pairs(32, 32, 32, 128));
  const auto small = computed(TileShape::small, 64);
  EXPECT_EQ(small, 5 * buckets.pairs(32, 32, 16) + 4 * buckets.pairs(32, 32, 16, 64));
  EXPECT_GT(9 * buckets.useful() / static_cast<double>(small), 0.65);
}

/// One of wgmma's instructions multiplies 64 rows with the columns of a tile, 16 deep; each of four
/// warps counts it.
TEST(AttentionCounts, of_products_by_warpgroups_are_those_of_the_tiles_that_the_benchmark_counts) {
  const Buckets buckets(4);
  for (const std::int64_t dim : {64, 128}) {
    SCOPED_TRACE(dim);
    emulator::reset_counts();
    (void)attend_on_device<Bf16>(random_input<Bf16>(buckets.plan.plan, dim, 2), buckets.plan,
                                 {.all = true, .shape = TileShape::groups});
    const std::int64_t keys = dim == 64 ? 128 : 64, others = dim == 64 ? 64 : 32;
    const std::int64_t deep = dim / 16;
    std::int64_t blocks = 0;  // two shifts each
    for (const auto size : buckets.sizes) blocks += (size + 127) / 128;
    const std::int64_t forward = buckets.pairs(64, keys, 64) / (64 * keys);
    const std::int64_t of_queries = buckets.pairs(64, others, 64) / (64 * others);
    const std::int64_t of_keys = buckets.pairs(64, others, 64, 128) / (64 * others);
    EXPECT_EQ(emulator::counts().products,
              4 * (forward * (deep + keys / 16) + of_queries * (2 * deep + others / 16) +
                   of_keys * 2 * (deep + others / 16) + blocks * 2 * deep));
  }
}

}  // namespace
}  // namespace attnlab::cuda::test
