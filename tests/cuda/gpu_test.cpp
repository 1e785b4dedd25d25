// What only a GPU can show of the launchers.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "tests/cuda/attention_judge.h"

namespace attnlab::cuda::test {
namespace {

void expect_same_bits(const Attended& a, const Attended& b) {
  EXPECT_EQ(a.out, b.out);
  EXPECT_EQ(a.lse, b.lse);
  EXPECT_EQ(a.grad_query, b.grad_query);
  EXPECT_EQ(a.grad_key, b.grad_key);
  EXPECT_EQ(a.grad_value, b.grad_value);
}

template <class T>
class OnGpu : public testing::Test {};
using Types = testing::Types<Bf16, F16, float>;
TYPED_TEST_SUITE(OnGpu, Types);

TYPED_TEST(OnGpu, is_the_same_bit_for_bit_every_time) {
  const auto plan = random_plan(PlanKind::windows, {4, 8, 1000}, 3);
  const auto in = random_input<TypeParam>(plan.plan, 64, 2);
  const Attended first = attend_on_device<TypeParam>(in, plan, {.packed = true});
  for (int i = 0; i < 5; ++i) {
    expect_same_bits(attend_on_device<TypeParam>(in, plan, {.packed = true}), first);
  }
}

/// Lists, sorts, both passes and the sums of repeated keys, captured once and replayed.
TYPED_TEST(OnGpu, can_be_captured_in_a_graph) {
  const auto plan = random_plan(PlanKind::look_back, {2, 4, 300}, 6);
  const auto in = random_input<TypeParam>(plan.plan, 64, 7);
  const Attended expected = attend_on_device<TypeParam>(in, plan, {.packed = true});
  DeviceAttention<TypeParam> attention(in, plan, {.packed = true});
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t step = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  attention.launch(stream);
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&step, graph, 0), cudaSuccess);
  for (int replay = 0; replay < 3; ++replay) {
    ASSERT_EQ(cudaGraphLaunch(step, stream), cudaSuccess);
    expect_same_bits(attention.results(), expected);
  }
  EXPECT_EQ(cudaGraphExecDestroy(step), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

}  // namespace
}  // namespace attnlab::cuda::test
