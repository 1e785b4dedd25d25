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

template <class T>
GPU_KERNEL(kRowThreads)
shift_kernel(BackwardParams p) {
  fill_shift<T>(p);
}
template <class T>
GPU_KERNEL(kRowThreads)
round_kernel(BackwardParams p) {
  round_sums<T>(p);
}
template <class T>
GPU_KERNEL(kRowThreads)
add_up_kernel(AddUpParams<T> p) {
  add_up(p);
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

template <class T>
Status forward(const ForwardParams& p, AttnlabElement element, void* stream) {
  const std::int64_t rows = p.plan.groups * p.plan.length;
  if (const auto status = fill_with(p.lse, rows, -kInfinity, stream)) return status;
  if (element == kAttnlabFloat32) {
    if (const auto status = set_bytes(p.total, 0, rows * 4, stream)) return status;
    if (const auto status = fill_with(p.largest, rows, -kInfinity, stream)) return status;
  }
  constexpr Status (*kOf[])(const ForwardParams&, AttnlabElement, void*) = {
      launch_forward<32>, launch_forward<64>, launch_forward<96>, launch_forward<128>};
  if (const auto status = launch_for(p.head_dim, kOf, p, element, stream)) return status;
  return clear_unseen<T>(p.plan, p.out, p.lse, p.head_dim, stream);
}

/// Packed keys sorted by row, for sums in packed order.
Status sort_keys(const BackwardParams& p, void* stream) {
  SortParams<void> sort;
  sort.keys = p.plan.key_rows;
  sort.counts = p.key_counts;
  sort.rows = p.key_order;
  sort.start = p.key_start;
  sort.groups = p.plan.groups;
  sort.length = p.plan.keys;
  sort.buckets = static_cast<std::int32_t>(p.plan.length);
  return attnlab_cuda_sort(&sort, kAttnlabI32, stream);
}

template <class T>
Status add_packed(const BackwardParams& p, const Rows& to, const float* packed, void* stream) {
  const Plan& plan = p.plan;
  const AddUpParams<T> params{to,         packed,      p.key_order, p.key_start, plan.groups,
                              plan.heads, plan.length, plan.keys,   p.head_dim};
  return launch(add_up_kernel<T>,
                {row_blocks(plan.groups * plan.length * p.head_dim), kRowThreads, 0}, stream,
                params);
}

/// Keys that no segment sees get 0, wherever the others' gradients go.
template <class T>
Status clear_keys(const BackwardParams& p, void* stream) {
  const std::int64_t packed = p.plan.groups * p.plan.keys * p.head_dim * 4;
  for (float* sums : {p.packed_grad_key, p.packed_grad_value}) {
    const auto status = sums == nullptr ? 0 : set_bytes(sums, 0, packed, stream);
    if (status != 0) return status;
  }
  if (p.packed_grad_key != nullptr) return 0;
  for (const Rows& rows : {p.grad_key, p.grad_value}) {
    if (const auto status = clear_unseen<T>(p.plan, rows, nullptr, p.head_dim, stream)) {
      return status;
    }
  }
  return 0;
}

/// Rows of no segment get 0; sums that atomics made are rounded.
template <class T>
Status finish_queries(const BackwardParams& p, void* stream) {
  if (p.grad_query_sums == nullptr) {
    return clear_unseen<T>(p.plan, p.grad_query, p.lse, p.head_dim, stream);
  }
  const std::int64_t elements = p.plan.groups * p.plan.length * p.head_dim;
  return launch(round_kernel<T>, {row_blocks(elements), kRowThreads, 0}, stream, p);
}

template <class T>
Status backward(const BackwardParams& p, AttnlabElement element, void* stream) {
  const std::int64_t lanes = p.plan.groups * p.plan.length * RowSum<T>::kLanes;
  if (const auto status = launch(shift_kernel<T>, {row_blocks(lanes), kRowThreads, 0}, stream, p)) {
    return status;
  }
  if (const auto status = clear_keys<T>(p, stream)) return status;
  if (p.grad_query_sums != nullptr) {
    const std::int64_t bytes = p.plan.groups * p.plan.length * p.head_dim * 4;
    if (const auto status = set_bytes(p.grad_query_sums, 0, bytes, stream)) return status;
  }
  constexpr Status (*kOf[])(const BackwardParams&, AttnlabElement, void*) = {
      launch_backward<32>, launch_backward<64>, launch_backward<96>, launch_backward<128>};
  if (const auto status = launch_for(p.head_dim, kOf, p, element, stream)) return status;
  if (const auto status = finish_queries<T>(p, stream)) return status;
  if (p.packed_grad_key == nullptr) return 0;
  if (const auto status = sort_keys(p, stream)) return status;
  if (const auto status = add_packed<T>(p, p.grad_key, p.packed_grad_key, stream)) return status;
  return add_packed<T>(p, p.grad_value, p.packed_grad_value, stream);
}

/// Kernels multiply a row's number by its stride in 32 bits each.
template <class... All>
bool have_rows_within_reach(const All&... rows) {
  return ((rows.row >= 0 && rows.row < (std::int64_t{1} << 31)) && ...);
}

}  // namespace
}  // namespace attnlab::cuda

int attnlab_cuda_attention_forward(const attnlab::cuda::ForwardParams* params,
                                   AttnlabElement element, void* stream) {
  using namespace attnlab::cuda;
  if (!have_rows_within_reach(params->query, params->key, params->value, params->out)) {
    return kInvalidValue;
  }
  switch (element) {
    case kAttnlabFloat32:
      return forward<float>(*params, element, stream);
    case kAttnlabBfloat16:
      return forward<Bf16>(*params, element, stream);
    case kAttnlabFloat16:
      return forward<F16>(*params, element, stream);
  }
  return kInvalidValue;
}

int attnlab_cuda_attention_backward(const attnlab::cuda::BackwardParams* params,
                                    AttnlabElement element, void* stream) {
  using namespace attnlab::cuda;
  const BackwardParams& p = *params;
  if (!have_rows_within_reach(p.query, p.key, p.value, p.out, p.grad_out, p.grad_query, p.grad_key,
                              p.grad_value)) {
    return kInvalidValue;
  }
  switch (element) {
    case kAttnlabFloat32:
      return params->grad_query_sums != nullptr ? kInvalidValue
                                                : backward<float>(*params, element, stream);
    case kAttnlabBfloat16:
      return backward<Bf16>(*params, element, stream);
    case kAttnlabFloat16:
      return backward<F16>(*params, element, stream);
  }
  return kInvalidValue;
}
