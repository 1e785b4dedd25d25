// Compiled once per head dim, with ATTNLAB_HEAD_DIM = 64 or 128. For compute capability 8.0 the kernels
// are empty, and nobody starts them there.
#include "framework/cuda/attention_kernels.h"
#include "framework/cuda/group_forward.cuh"

namespace attnlab::cuda {
namespace {

template <class T, int D>
Status forward(const ForwardParams& params, void* stream) {
  using Kernel = GroupForward<T, D>;
  static_assert(Kernel::kQueries == query_tile_rows(kAttnlabBfloat16, D, true));
  return start_groups<Kernel>(params.tiles.most, params, stream);
}

}  // namespace

template <int D>
Status launch_group_forward(const ForwardParams& params, AttnlabElement element, void* stream) {
  return element == kAttnlabBfloat16 ? forward<Bf16, D>(params, stream)
                                     : forward<F16, D>(params, stream);
}

template Status launch_group_forward<ATTNLAB_HEAD_DIM>(const ForwardParams&, AttnlabElement, void*);

}  // namespace attnlab::cuda
