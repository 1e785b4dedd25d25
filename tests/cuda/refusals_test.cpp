// What the launchers of the attention kernels refuse, emulated or on a GPU.
#include <gtest/gtest.h>

#include "framework/cuda/attention_launch.h"

namespace attnlab::cuda::test {
namespace {

TEST(AttentionLaunch, refuses_a_max_distance_below_one) {
  ForwardParams forward;
  BackwardParams backward;
  forward.head_dim = backward.head_dim = 64;
  for (const std::int64_t distance : {std::int64_t{1}, std::int64_t{0}, std::int64_t{-7}}) {
    forward.plan.max_distance = backward.plan.max_distance = distance;
    EXPECT_EQ(attnlab_cuda_attention_forward(&forward, kAttnlabBfloat16, nullptr) == 0,
              distance == 1);
    EXPECT_EQ(attnlab_cuda_attention_backward(&backward, kAttnlabBfloat16, nullptr) == 0,
              distance == 1);
  }
}

TEST(AttentionLaunch, refuses_small_tiles_where_there_are_none) {
  ForwardParams forward;
  BackwardParams backward;
  forward.shape = backward.shape = TileShape::small;
  forward.plan.max_distance = backward.plan.max_distance = 1;
  const auto launches = [&](int dim, AttnlabElement element) {
    forward.head_dim = backward.head_dim = dim;
    const bool both = attnlab_cuda_attention_forward(&forward, element, nullptr) == 0;
    EXPECT_EQ(attnlab_cuda_attention_backward(&backward, element, nullptr) == 0, both);
    return both;
  };
  for (const int dim : {8, 32, 40, 64, 72, 128}) {
    EXPECT_EQ(launches(dim, kAttnlabBfloat16), dim <= 64) << dim;
    EXPECT_FALSE(launches(dim, kAttnlabFloat32)) << dim;
  }
  float sums = 0;
  backward.head_dim = 64;
  backward.grad_query_sums = &sums;
  EXPECT_NE(attnlab_cuda_attention_backward(&backward, kAttnlabBfloat16, nullptr), 0) << "atomic";
}

TEST(AttentionLaunch, refuses_head_dims_without_a_kernel) {
  ForwardParams params;
  params.plan.max_distance = 1;
  for (const int dim : {0, 4, 20, 136}) {
    params.head_dim = dim;
    EXPECT_NE(attnlab_cuda_attention_forward(&params, kAttnlabBfloat16, nullptr), 0) << dim;
  }
}

}  // namespace
}  // namespace attnlab::cuda::test
