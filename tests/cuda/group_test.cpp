// The kernels that multiply by warpgroups, emulated or on a GPU, against float64.
#include <gtest/gtest.h>

#include "tests/cuda/attention_judge.h"

namespace attnlab::cuda::test {
namespace {

class GroupKernels : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_group_device()) GTEST_SKIP() << "not compute capability 9.0";
    emulator::reset_counts();
  }
  /// Rows that were computed once more because they were not finite; only the emulator counts.
  [[nodiscard]] static std::int64_t careful() { return emulator::counts().careful; }
};

struct Case {
  PlanKind kind;
  std::int64_t length, dim;
  bool half = false;  // float16
};
void expect_exact(const Case& c, const HostPlan& plan, std::uint32_t seed) {
  emulator::set_seed(seed);
  const Manner manner{.packed = c.kind == PlanKind::look_back,
                      .all = holds_all_rows(c.kind),
                      .shape = TileShape::groups};
  const auto with = [&]<class T>(T) {
    expect_exact<T>(plan, random_input<T>(plan.plan, c.dim, seed), manner);
  };
  c.half ? with(F16{}) : with(Bf16{});
}

TEST_F(GroupKernels, equal_the_float64_reference) {
  for (const Case& c : {Case{PlanKind::buckets, 333, 64}, Case{PlanKind::buckets, 1, 64},
                        Case{PlanKind::buckets, 129, 56, true}, Case{PlanKind::windows, 150, 64},
                        Case{PlanKind::look_back, 130, 40}, Case{PlanKind::kept, 200, 64, true},
                        Case{PlanKind::chunks, 140, 64}, Case{PlanKind::buckets, 180, 128},
                        Case{PlanKind::windows, 100, 104, true}, Case{PlanKind::look_back, 90, 128},
                        Case{PlanKind::look_back, 80, 104}, Case{PlanKind::buckets, 90, 72},
                        Case{PlanKind::kept, 150, 128, true}}) {
    SCOPED_TRACE(testing::PrintToString(static_cast<int>(c.kind)) + ", T " +
                 std::to_string(c.length) + ", D " + std::to_string(c.dim));
    const auto seed = static_cast<std::uint32_t>(c.length * 1000 + c.dim);
    auto plan = random_plan(c.kind, {1, 2, c.length, c.length > 300 ? 1U : 0U}, seed);
    plan.plan.include_self = c.length % 2 == 0;
    expect_exact(c, plan, seed);
  }
  EXPECT_EQ(careful(), 0) << "everything was finite";
}

void expect_masks_respected(const Case& c) {
  const auto plan = random_plan(c.kind, {1, 1, c.length, 1}, 5);
  std::mt19937 random(11);
  const auto labels = [&](unsigned count, std::int64_t layers = 1) {
    Numbers numbers(static_cast<std::size_t>(layers * plan.plan.groups * c.length));
    for (auto& x : numbers) x = static_cast<std::int32_t>(random() % count);
    return numbers;
  };
  const auto check = [&](const char* what, const auto& change) {
    SCOPED_TRACE(what);
    auto changed = plan;
    change(changed);
    expect_exact(c, changed, 7);
  };
  check("distance", [](HostPlan& p) { p.plan.max_distance = 40; });
  check("future", [](HostPlan& p) { p.plan.causal = false, p.plan.include_self = true; });
  check("all but itself", [](HostPlan& p) { p.plan.causal = false, p.plan.max_distance = 20; });
  check("labels", [&](HostPlan& p) { p.query_labels = labels(3), p.key_labels = labels(3); });
  check("rounds", [&](HostPlan& p) {
    p.chunks = labels(6, 3);
    p.round_labels = labels(2, 3);
    p.plan.round = 2;
  });
}
TEST_F(GroupKernels, respect_every_mask) {
  expect_masks_respected({PlanKind::buckets, 140, 64});
  expect_masks_respected({PlanKind::buckets, 80, 128});
  EXPECT_EQ(careful(), 0);
}

TEST_F(GroupKernels, are_the_same_bit_for_bit_in_whatever_order_warps_run) {
  const auto plan = random_plan(PlanKind::windows, {1, 2, 150}, 3);
  for (const int dim : {64, 128}) {
    const auto in = random_input<Bf16>(plan.plan, dim, 2);
    Attended first;
    for (std::uint32_t seed = 0; seed < 2; ++seed) {
      emulator::set_seed(seed);
      const Attended again =
          attend_on_device<Bf16>(in, plan, {.packed = true, .shape = TileShape::groups});
      if (seed == 0) first = again;
      EXPECT_EQ(again.out, first.out);
      EXPECT_EQ(again.grad_query, first.grad_query);
      EXPECT_EQ(again.grad_key, first.grad_key);
      EXPECT_EQ(again.grad_value, first.grad_value);
    }
  }
}

TEST(GroupLaunch, refuses_what_it_has_no_kernels_for) {
  ForwardParams forward;
  BackwardParams backward;
  forward.shape = backward.shape = TileShape::groups;
  forward.plan.max_distance = backward.plan.max_distance = 1;
  for (const int dim : {8, 32, 136}) {
    forward.head_dim = backward.head_dim = dim;
    EXPECT_NE(attnlab_cuda_attention_forward(&forward, kAttnlabBfloat16, nullptr), 0) << dim;
    EXPECT_NE(attnlab_cuda_attention_backward(&backward, kAttnlabBfloat16, nullptr), 0) << dim;
  }
  forward.head_dim = backward.head_dim = 64;
  EXPECT_NE(attnlab_cuda_attention_forward(&forward, kAttnlabFloat32, nullptr), 0);
  EXPECT_NE(attnlab_cuda_attention_backward(&backward, kAttnlabFloat32, nullptr), 0);
  float sums = 0;
  backward.grad_query_sums = &sums;
  EXPECT_NE(attnlab_cuda_attention_backward(&backward, kAttnlabBfloat16, nullptr), 0) << "atomic";
}

}  // namespace
}  // namespace attnlab::cuda::test
