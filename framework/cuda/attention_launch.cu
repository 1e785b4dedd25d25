#include "framework/cuda/attention_launch.h"

#include "framework/cuda/attention_kernels.h"
#include "framework/cuda/rows.cuh"

namespace attnlab::cuda {
namespace {

GPU_KERNEL(kRowThreads) fill_kernel(FillParams p) { fill(p); }
template <class T>
GPU_KERNEL(kRowThreads)
clear_kernel(ClearParams<T> p) {
  clear_rows(p);
}

constexpr std::int64_t row_blocks(std::int64_t threads) {
  return (threads + kRowThreads - 1) / kRowThreads;
}

Status fill_with(float* values, std::int64_t count, float value, void* stream) {
  return launch(fill_kernel, {row_blocks(count), kRowThreads, 0}, stream,
                FillParams{values, count, value});
}

template <class T>
Status clear_unseen(const Plan& plan, const Rows& rows, const float* lse, int head_dim,
                    void* stream) {
  const ClearParams<T> params{rows, lse, plan.groups, plan.heads, plan.length, head_dim};
  return launch(clear_kernel<T>, {row_blocks(plan.groups * plan.length * 8), kRowThreads, 0},
                stream, params);
}

template <class Params>
Status launch_for(int head_dim, Status (*const (&of)[4])(const Params&, AttnlabElement, void*),
                  const Params& params, AttnlabElement element, void* stream) {
  const int made_for = kernel_head_dim(head_dim);
  return made_for == 0 ? kInvalidValue : of[made_for / 32 - 1](params, element, stream);
}

Status forward(const ForwardParams& p, AttnlabElement element, void* stream) {
  const std::int64_t rows = p.plan.groups * p.plan.length;
  if (const auto status = fill_with(p.lse, rows, -kInfinity, stream)) return status;
  constexpr Status (*kOf[])(const ForwardParams&, AttnlabElement, void*) = {
      launch_forward<32>, launch_forward<64>, launch_forward<96>, launch_forward<128>};
  if (const auto status = launch_for(p.head_dim, kOf, p, element, stream)) return status;
  return clear_unseen<Bf16>(p.plan, p.out, p.lse, p.head_dim, stream);
}

}  // namespace
}  // namespace attnlab::cuda

int attnlab_cuda_attention_forward(const attnlab::cuda::ForwardParams* params,
                                   AttnlabElement element, void* stream) {
  return attnlab::cuda::forward(*params, element, stream);
}
