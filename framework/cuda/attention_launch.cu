#include "framework/cuda/attention_launch.h"

#include "framework/cuda/attention_kernels.h"
#include "framework/cuda/rows.cuh"

namespace attnlab::cuda {
namespace {

template <class Params>
Status launch_for(Status (*const (&of)[4])(const Params&, AttnlabElement, void*),
                  const Params& params, AttnlabElement element, void* stream) {
  const int made_for = kernel_head_dim(params.head_dim);
  if (made_for == 0 || params.plan.max_distance < 1) return kInvalidValue;
  return of[made_for / 32 - 1](params, element, stream);
}

/// Packed keys sorted by row, then every row's sums in packed order.
Status add_up(const BackwardParams& p, AttnlabElement element, void* stream) {
  SortParams sort;
  sort.keys = p.plan.key_rows;
  sort.counts = p.key_counts;
  sort.rows = p.key_order;
  sort.start = p.key_start;
  sort.groups = p.plan.groups;
  sort.length = p.plan.keys;
  sort.buckets = static_cast<std::int32_t>(p.plan.length);
  if (const auto status = attnlab_cuda_sort(&sort, kAttnlabI32, stream)) return status;
  const std::int64_t blocks = RowKernel::blocks(p.plan.groups * p.plan.length * p.head_dim);
  return element == kAttnlabFloat32    ? start<AddUp<float>>(blocks, p, stream)
         : element == kAttnlabBfloat16 ? start<AddUp<Bf16>>(blocks, p, stream)
                                       : start<AddUp<F16>>(blocks, p, stream);
}

/// Kernels multiply a row's number by its stride in 32 bits each.
template <class... All>
bool have_rows_within_reach(const All&... rows) {
  return ((rows.row >= 0 && rows.row < (std::int64_t{1} << 31)) && ...);
}

}  // namespace
}  // namespace attnlab::cuda

using namespace attnlab::cuda;

int attnlab_cuda_attention_forward(const ForwardParams* params, AttnlabElement element,
                                   void* stream) {
  const ForwardParams& p = *params;
  if (!have_rows_within_reach(p.query, p.key, p.value, p.out)) return kInvalidValue;
  if (p.shape == TileShape::small && !has_small_tiles(element, p.head_dim)) return kInvalidValue;
  if (p.shape == TileShape::groups) {
    if (!has_group_kernels(element, p.head_dim) || p.plan.max_distance < 1) return kInvalidValue;
    return p.head_dim > 64 ? launch_group_forward<128>(p, element, stream)
                           : launch_group_forward<64>(p, element, stream);
  }
  constexpr Status (*kOf[])(const ForwardParams&, AttnlabElement, void*) = {
      launch_forward<32>, launch_forward<64>, launch_forward<96>, launch_forward<128>};
  return launch_for(kOf, p, element, stream);
}

int attnlab_cuda_attention_backward(const BackwardParams* params, AttnlabElement element,
                                    void* stream) {
  const BackwardParams& p = *params;
  if (!have_rows_within_reach(p.query, p.key, p.value, p.out, p.grad_out, p.grad_query, p.grad_key,
                              p.grad_value) ||
      (element == kAttnlabFloat32 && p.grad_query_sums != nullptr)) {
    return kInvalidValue;
  }
  constexpr Status (*kOf[])(const BackwardParams&, AttnlabElement, void*) = {
      launch_backward<32>, launch_backward<64>, launch_backward<96>, launch_backward<128>};
  const bool groups = p.shape == TileShape::groups;
  const bool can = groups ? has_group_kernels(element, p.head_dim) && p.plan.max_distance >= 1
                          : has_small_tiles(element, p.head_dim);
  if (p.shape != TileShape::large && (!can || p.grad_query_sums != nullptr)) return kInvalidValue;
  const auto status = !groups           ? launch_for(kOf, p, element, stream)
                      : p.head_dim > 64 ? launch_group_backward<128>(p, element, stream)
                                        : launch_group_backward<64>(p, element, stream);
  if (status != 0) return status;
  return p.packed_grad_key == nullptr ? 0 : add_up(p, element, stream);
}
