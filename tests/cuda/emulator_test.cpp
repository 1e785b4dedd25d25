// The emulator: warp-wide operations are right, and kernels that a GPU might let pass are caught.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "framework/cuda/gpu.h"
#include "tests/cuda/caught.h"

namespace attnlab::cuda {
namespace {

using emulator::Grid;
using testing::HasSubstr;

std::vector<F16> small_numbers(std::size_t count, int step) {
  std::vector<F16> numbers;
  for (std::size_t i = 0; i < count; ++i) {
    numbers.push_back(
        {gpu::round_to<F16>(static_cast<float>(static_cast<int>(i) * step % 17 - 8))});
  }
  return numbers;
}

/// Rows of 16 bytes, copied by as many lanes.
void copy_rows(std::uint32_t to, const std::vector<F16>& from) {
  for (std::uint32_t row = static_cast<std::uint32_t>(gpu::lane()); row < from.size() / 8;
       row += kWarp) {
    gpu::copy_async(to + 16 * row, from.data() + 8 * row, true);
  }
  gpu::copy_commit();
}

TEST(Emulator, multiplies_matrices_that_ldmatrix_dealt) {
  const auto a = small_numbers(16 * 16, 5), b = small_numbers(16 * 8, 3);  // [row][k], [k][column]
  std::array<float, 16 * 8> product{};
  emulator::run({1, 32, 1024}, [&] {
    copy_rows(0, a);
    copy_rows(512, b);
    gpu::copy_wait<0>();
    gpu::sync_warp();
    const auto lane = static_cast<std::uint32_t>(gpu::lane());
    std::uint32_t left[4], right[4];
    gpu::load_matrices(left, lane % 16 * 32 + lane / 16 * 16);
    gpu::load_matrices_transposed(right, 512 + lane % 16 * 16);
    float sum[4] = {0, 0, 0, 1};
    gpu::multiply<F16>(sum, left, right[0], right[1]);
    for (std::uint32_t i = 0; i < 4; ++i) {
      product[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sum[i];
    }
  });
  for (std::size_t row = 0; row < 16; ++row) {
    for (std::size_t column = 0; column < 8; ++column) {
      float expected = row >= 8 && column % 2 == 1 ? 1 : 0;
      for (std::size_t k = 0; k < 16; ++k) {
        expected += gpu::to_float(a[row * 16 + k]) * gpu::to_float(b[k * 8 + column]);
      }
      EXPECT_EQ(product[row * 8 + column], expected) << row << ", " << column;
    }
  }
}

TEST(Emulator, exchanges_values_between_lanes) {
  std::array<std::uint32_t, 32> shuffled{}, crossed{}, votes{}, equal{};
  std::array<std::int32_t, 32> least{}, most{};
  emulator::run({1, 32, 0}, [&] {
    const auto lane = static_cast<std::uint32_t>(gpu::lane());
    shuffled[lane] = gpu::shuffle(lane * 10, static_cast<int>(31 - lane));
    crossed[lane] = gpu::shuffle_xor(lane, 5);
    votes[lane] = gpu::ballot(lane % 3 == 0);
    equal[lane] = gpu::match(lane % 4);
    least[lane] = gpu::warp_min(static_cast<std::int32_t>(lane) - 7);
    most[lane] = gpu::warp_max(static_cast<std::int32_t>(lane) - 40);
  });
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(shuffled[lane], (31 - lane) * 10);
    EXPECT_EQ(crossed[lane], lane ^ 5);
    EXPECT_EQ(votes[lane], 0x49249249U);
    EXPECT_EQ(equal[lane], 0x11111111U << lane % 4);
    EXPECT_EQ(least[lane], -7);
    EXPECT_EQ(most[lane], -9);
  }
}

TEST(Emulator, rounds_as_the_hardware_does) {
  EXPECT_EQ(gpu::pack<Bf16>(1.0F, -2.0F), 0xc0003f80U);
  EXPECT_EQ(gpu::pack<F16>(1.0F, -2.0F), 0xc0003c00U);
  EXPECT_EQ(gpu::round_to<Bf16>(1.00390625F), 0x3f80);  // a tie goes to the even neighbour
  EXPECT_EQ(gpu::round_to<Bf16>(1.01171875F), 0x3f82);
  EXPECT_EQ(gpu::exp2_fast(-INFINITY), 0.0F);
  EXPECT_EQ(gpu::exp2_fast(-130.0F), 0.0F);
  EXPECT_TRUE(std::isnan(gpu::exp2_fast(NAN)));
}

/// Every thread reads what its neighbour in another warp wrote.
void exchange_through_shared(bool barrier) {
  const auto at = [](int thread) { return static_cast<std::uint32_t>(thread) * 4; };
  gpu::shared_store(at(gpu::thread()), gpu::thread());
  if (barrier) gpu::sync_threads();
  EXPECT_EQ(gpu::shared_load<int>(at(gpu::thread() ^ 32)), gpu::thread() ^ 32);
}

TEST(Emulator, catches_a_missing_barrier) {
  const Grid grid{3, 64, 256};
  EXPECT_EQ(caught(grid, [] { exchange_through_shared(true); }), "");
  for (std::uint32_t seed = 0; seed < 8; ++seed) {
    emulator::set_seed(seed);
    EXPECT_NE(caught(grid, [] { exchange_through_shared(false); }), "") << seed;
  }
}

TEST(Emulator, catches_a_race_in_whatever_order_threads_run) {
  const auto write_late = [](bool barrier) {
    gpu::shared_store(static_cast<std::uint32_t>(gpu::thread()) * 4, 1);
    gpu::sync_threads();
    if (gpu::warp() == 0) (void)gpu::shared_load<int>(static_cast<std::uint32_t>(gpu::lane()) * 4);
    if (barrier) gpu::sync_threads();
    if (gpu::warp() == 1) gpu::shared_store(static_cast<std::uint32_t>(gpu::lane()) * 4, 2);
  };
  EXPECT_EQ(caught({1, 64, 256}, [&] { write_late(true); }), "");
  for (std::uint32_t seed = 0; seed < 8; ++seed) {
    emulator::set_seed(seed);
    EXPECT_THAT(caught({1, 64, 256}, [&] { write_late(false); }), HasSubstr("race: thread"));
  }
}

TEST(Emulator, catches_lanes_that_exchange_without_sync_warp) {
  const auto reverse = [](bool sync) {
    gpu::shared_store(static_cast<std::uint32_t>(gpu::lane()) * 4, gpu::lane());
    if (sync) gpu::sync_warp();
    (void)gpu::ballot(true);  // meets, but orders no memory
    EXPECT_EQ(gpu::shared_load<int>(static_cast<std::uint32_t>(31 - gpu::lane()) * 4),
              31 - gpu::lane());
  };
  EXPECT_EQ(caught({1, 32, 128}, [&] { reverse(true); }), "");
  EXPECT_THAT(caught({1, 32, 128}, [&] { reverse(false); }), HasSubstr("no barrier lies between"));
}

TEST(Emulator, catches_a_missing_wait) {
  const auto numbers = small_numbers(32 * 8, 3);
  const auto copy = [&](bool wait) {
    copy_rows(0, numbers);
    if (wait) gpu::copy_wait<0>();
    gpu::sync_warp();
    const auto first =
        gpu::shared_load<std::uint16_t>(static_cast<std::uint32_t>(gpu::lane()) * 16);
    EXPECT_EQ(first, numbers[static_cast<std::size_t>(gpu::lane()) * 8].bits);
  };
  EXPECT_EQ(caught({1, 32, 512}, [&] { copy(true); }), "");
  EXPECT_THAT(caught({1, 32, 512}, [&] { copy(false); }),
              HasSubstr("to which an asynchronous copy is still under way"));
}

TEST(Emulator, waits_only_for_the_older_groups) {
  const auto numbers = small_numbers(32 * 8, 3);
  const auto copy_twice = [&](std::uint32_t read) {
    copy_rows(0, numbers);
    copy_rows(512, numbers);
    gpu::copy_wait<1>();
    (void)gpu::shared_load<std::uint16_t>(read + static_cast<std::uint32_t>(gpu::lane()) * 16);
  };
  EXPECT_EQ(caught({1, 32, 1024}, [&] { copy_twice(0); }), "");
  EXPECT_THAT(caught({1, 32, 1024}, [&] { copy_twice(512); }), HasSubstr("still under way"));
}

TEST(Emulator, delivers_what_the_source_holds_at_the_wait) {
  alignas(16) std::array<std::uint32_t, 4> source{1, 1, 1, 1};
  emulator::run({1, 32, 512}, [&] {
    gpu::copy_async(static_cast<std::uint32_t>(gpu::lane()) * 16, source.data(), gpu::lane() != 3);
    gpu::copy_commit();
    gpu::sync_warp();
    source[0] = 2;
    gpu::copy_wait<0>();
    EXPECT_EQ(gpu::shared_load<int>(static_cast<std::uint32_t>(gpu::lane()) * 16),
              gpu::lane() == 3 ? 0 : 2);
  });
}

TEST(Emulator, catches_an_index_past_shared_memory) {
  const auto store = [](std::uint32_t past) {
    gpu::shared_store(static_cast<std::uint32_t>(gpu::lane()) * 4 + past, 0);
  };
  EXPECT_EQ(caught({1, 32, 128}, [&] { store(0); }), "");
  EXPECT_THAT(caught({1, 32, 128}, [&] { store(4); }), HasSubstr("out of range"));
}

TEST(Emulator, catches_an_index_past_an_array) {
  std::vector<int> array(32);
  const emulator::KnownArray known(array.data(), array.size() * sizeof(int));
  const auto store = [&](int past) { gpu::store(array.data() + gpu::lane() + past, 1); };
  EXPECT_EQ(caught({1, 32, 0}, [&] { store(0); }), "");
  EXPECT_THAT(caught({1, 32, 0}, [&] { store(1); }), HasSubstr("4 bytes past the end"));
  EXPECT_THAT(caught({1, 32, 0}, [&] { store(-1); }), HasSubstr("before every known array"));
}

TEST(Emulator, catches_a_global_access_that_is_not_aligned) {
  alignas(16) char array[64] = {};
  const auto load = [&](int at) { (void)gpu::load(reinterpret_cast<const Vector16*>(array + at)); };
  EXPECT_EQ(caught({1, 32, 0}, [&] { load(16); }), "");
  EXPECT_THAT(caught({1, 32, 0}, [&] { load(8); }), HasSubstr("16 bytes is not aligned to 16"));
  const auto copy = [&](int at) {
    gpu::copy_async(static_cast<std::uint32_t>(gpu::lane()) * 16, array + at, true);
  };
  EXPECT_THAT(caught({1, 32, 512}, [&] { copy(8); }), HasSubstr("16 bytes is not aligned to 16"));
}

TEST(Emulator, takes_shared_values_of_more_than_one_access_where_each_is_aligned) {
  struct alignas(16) Wide {
    int words[20];
  };
  const auto store = [](std::uint32_t at) { gpu::shared_store(at, Wide{}); };
  EXPECT_EQ(caught({1, 32, 128},
                   [&] {
                     if (gpu::lane() == 0) store(16);
                   }),
            "");
  EXPECT_THAT(caught({1, 32, 128}, [&] { store(8); }), HasSubstr("multiple of the 16 bytes"));
  EXPECT_THAT(caught({1, 32, 128}, [] { gpu::shared_store(0, std::uint16_t{1}); }),
              HasSubstr("fewer than 4 bytes"));
}

TEST(Emulator, catches_reads_of_shared_memory_that_nobody_wrote) {
  EXPECT_THAT(caught({1, 32, 128}, [] { (void)gpu::shared_load<int>(0); }),
              HasSubstr("which nobody wrote"));
}

TEST(Emulator, forgets_shared_memory_from_block_to_block) {
  const auto write_first = [] {
    if (gpu::lane() == 0) gpu::shared_store(0, 1);
    gpu::sync_warp();
    (void)gpu::shared_load<int>(0);
  };
  EXPECT_EQ(caught({5, 32, 128}, write_first), "");
  const auto once = [] {
    if (gpu::block() == 0) {
      gpu::shared_store(static_cast<std::uint32_t>(gpu::lane()) * 4, 1);
    } else if (gpu::lane() == 0) {
      (void)gpu::shared_load<int>(0);
    }
  };
  EXPECT_THAT(caught({40, 32, 128}, once), HasSubstr("which nobody wrote"));
}

TEST(Emulator, catches_threads_that_wait_for_ever) {
  const auto part = [] {
    if (gpu::warp() == 0) gpu::sync_threads();
  };
  EXPECT_THAT(caught({1, 64, 0}, part), HasSubstr("thread 0 at a block barrier"));
  const auto diverge = [] {
    if (gpu::lane() < 16) gpu::sync_warp();
  };
  EXPECT_THAT(caught({1, 32, 0}, diverge), HasSubstr("thread 16 has ended"));
  const auto differ = [] { gpu::lane() < 16 ? gpu::sync_warp() : (void)gpu::ballot(true); };
  EXPECT_THAT(caught({1, 32, 0}, differ), HasSubstr("meet in different operations"));
}

TEST(Emulator, adds_to_global_memory) {
  float total = 0;
  emulator::run({3, 64, 0},
                [&] { (void)gpu::atomic_add(&total, static_cast<float>(gpu::thread())); });
  EXPECT_EQ(total, 3 * 64 * 63 / 2);
}

}  // namespace
}  // namespace attnlab::cuda
