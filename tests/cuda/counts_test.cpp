// What the emulator counts while the attention kernels run.
#include <gtest/gtest.h>

#include "tests/cuda/attention_case.h"

namespace attnlab::cuda::test {
namespace {

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
