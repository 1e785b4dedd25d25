// What launchers need and refuse, and that all of it runs under the sanitizers; emulated only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <climits>

#include "framework/cuda/backward_key.cuh"
#include "framework/cuda/backward_query.cuh"
#include "framework/cuda/forward.cuh"
#include "framework/cuda/group_backward_key.cuh"
#include "framework/cuda/group_backward_query.cuh"
#include "framework/cuda/group_forward.cuh"
#include "framework/cuda/launch.h"
#include "framework/cuda/plain_backward.cuh"
#include "framework/cuda/plain_forward.cuh"
#include "tests/cuda/attention_case.h"

namespace attnlab::cuda::test {
namespace {

template <class... Kernels>
void expect_to_fit(int dim) {
  for (const auto bytes : {Kernels::kSharedBytes...}) {
    EXPECT_LE(bytes, 99U * 1024) << "D " << dim;
    EXPECT_GE(bytes, 16U * 1024) << "D " << dim;
  }
}
template <int D>
void expect_all_to_fit() {
  constexpr int kRowTiles = D <= 64 ? 2 : 1;
  expect_to_fit<Forward<Bf16, D, 4, kRowTiles>, BackwardQuery<Bf16, D, 4, kRowTiles>,
                BackwardKey<Bf16, D, 4, kRowTiles>,
                BackwardKey<Bf16, D, 4, 1, (D > 96 ? 32 : 64), true>, PlainForward<D>,
                PlainBackwardQuery<D>, PlainBackwardKey<D>>(D);
}

TEST(SharedMemory, of_every_kernel_fits_compute_capability_8_6) {
  expect_all_to_fit<32>();
  expect_all_to_fit<64>();
  expect_all_to_fit<96>();
  expect_all_to_fit<128>();
}

template <class... Kernels>
void expect_four_blocks_to_fit() {
  for (const auto bytes : {Kernels::kSharedBytes...}) EXPECT_LE(4 * (bytes + 1024), 164U * 1024);
  for (const auto blocks : {Kernels::kBlocks...}) EXPECT_EQ(blocks, 4);
}
TEST(SharedMemory, of_small_tiles_fits_compute_capability_8_0_four_times) {
  expect_four_blocks_to_fit<Forward<Bf16, 64, 2, 2, 32>, BackwardQuery<Bf16, 64, 2, 2, 32>,
                            BackwardKey<Bf16, 64, 2, 2, 32>>();
}

TEST(SharedMemory, of_kernels_by_warpgroups_fits_compute_capability_9_0) {
  for (const auto bytes :
       {GroupForward<Bf16, 64>::kSharedBytes, GroupForward<Bf16, 128>::kSharedBytes,
        GroupBackwardQuery<Bf16, 64>::kSharedBytes, GroupBackwardQuery<Bf16, 128>::kSharedBytes,
        GroupBackwardKey<Bf16, 64>::kSharedBytes, GroupBackwardKey<Bf16, 128>::kSharedBytes}) {
    EXPECT_LE(bytes, 227U * 1024);
    EXPECT_GE(bytes, 99U * 1024) << "else it could be one of the others";
  }
}

TEST(SharedMemory, that_a_device_lacks_is_told) {
  const auto plan = random_plan(PlanKind::buckets, {1, 1, 20}, 1);
  const auto in = random_input<Bf16>(plan.plan, 128, 1);
  DeviceAttention<Bf16> attention(in, plan, {});
  const std::uint32_t before = emulator::shared_limit();
  emulator::set_shared_limit(64 * 1024);
  const int status = attention.try_launch(nullptr);
  EXPECT_STREQ(attnlab_cuda_error(status),
               "the device lets a block have 65536 bytes of shared memory; expected at least "
               "101376, as since compute capability 8.0");
  emulator::set_shared_limit(before);
  EXPECT_EQ(attention.try_launch(nullptr), 0);
}

/// Memory that nobody touches: 16 GiB of addresses.
TEST(Offsets, have_64_bits) {
  constexpr std::size_t kBytes = std::size_t{1} << 34;
  void* const base =
      mmap(nullptr, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(base, MAP_FAILED);
  constexpr std::int64_t kBatch = (std::int64_t{1} << 31) + 64, kRow = (std::int64_t{1} << 30) + 8;
  const Rows rows{base, kBatch, 128, kRow};
  const GroupRows<Bf16> group(rows, GroupPlace(4, 7));  // batch 1, head 3
  EXPECT_EQ(group.row(5) - static_cast<Bf16*>(base), kBatch + 3 * 128 + 5 * kRow);
  EXPECT_EQ(munmap(base, kBytes), 0);
}

TEST(Offsets, of_neighbouring_rows_beyond_31_bits_are_refused) {
  ForwardParams forward;
  forward.head_dim = 64;
  forward.key.row = std::int64_t{1} << 31;
  EXPECT_NE(attnlab_cuda_attention_forward(&forward, kAttnlabBfloat16, nullptr), 0);
  BackwardParams backward;
  backward.head_dim = 64;
  backward.grad_out.row = std::int64_t{1} << 31;
  EXPECT_NE(attnlab_cuda_attention_backward(&backward, kAttnlabBfloat16, nullptr), 0);
}

#if !defined(__SANITIZE_ADDRESS__)
#error "tests/cuda is compiled with -fsanitize=address,undefined"
#endif

TEST(SanitizersDeathTest, see_a_kernel_leave_an_array_that_the_emulator_does_not_know) {
  const std::vector<int> array(32);
  const auto sum = [&](int past) {
    emulator::run({1, 32, 0}, [&] {
      // Volatile: a value that nobody uses is never loaded.
      [[maybe_unused]] volatile const int value = gpu::load(array.data() + gpu::lane() + past);
    });
  };
  sum(0);
  EXPECT_DEATH(sum(1), "heap-buffer-overflow");
}

TEST(SanitizersDeathTest, see_a_kernel_leave_its_registers) {
  const auto write = [](int past) {
    emulator::run({1, 32, 0}, [&] {
      volatile float registers[4] = {};
      registers[gpu::lane() % 4 + past] = 1;
      EXPECT_EQ(registers[gpu::lane() % 4], 1);
    });
  };
  write(0);
  EXPECT_DEATH(write(1), "out of bounds|stack-buffer-overflow");
}

TEST(SanitizersDeathTest, see_a_kernel_overflow) {
  const auto add = [](int start) {
    emulator::run({1, 32, 0}, [&] {
      volatile int sum = start;
      sum = sum + gpu::lane();
    });
  };
  add(0);
  EXPECT_DEATH(add(INT_MAX), "signed integer overflow");
}

}  // namespace
}  // namespace attnlab::cuda::test
