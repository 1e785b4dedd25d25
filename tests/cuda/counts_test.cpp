// What the emulator counts while the attention kernels run.
#include <gtest/gtest.h>

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
    emulator::reset_counts();
    (void)attend_on_device<Bf16>(random_input<Bf16>(plan.plan, dim, 2), plan, {});
    EXPECT_GT(emulator::counts().matrix_loads, 100);
    EXPECT_EQ(emulator::counts().bank_conflicts, 0) << "D " << dim;
  }
}

}  // namespace
}  // namespace attnlab::cuda::test
