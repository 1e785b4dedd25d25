// Compiled once per head dim, with ATTNLAB_HEAD_DIM = 64 or 128. For compute capability 8.0 the
// kernels are empty, and nobody starts them there.
#include "framework/cuda/attention_kernels.h"
#include "framework/cuda/group_backward_key.cuh"
#include "framework/cuda/group_backward_query.cuh"
#include "framework/cuda/group_forward.cuh"

namespace attnlab::cuda {
namespace {

template <class T, int D>
Status forward(const ForwardParams& params, void* stream) {
  using Kernel = GroupForward<T, D>;
  static_assert(Kernel::kQueries == query_tile_rows(kAttnlabBfloat16, D, TileShape::groups));
  return start_groups<Kernel>(params.tiles.most, params, stream);
}

// The query pass first: it fills the shifts that the key pass needs.
template <class T, int D>
Status backward(const BackwardParams& params, void* stream) {
  using Queries = GroupBackwardQuery<T, D>;
  using Keys = GroupBackwardKey<T, D>;
  static_assert(Queries::kQueries == query_tile_rows(kAttnlabBfloat16, D, TileShape::groups));
  static_assert(Keys::kKeys == key_tile_rows(kAttnlabBfloat16, D, TileShape::groups));
  if (const auto status = start_groups<Queries>(params.query_tiles.most, params, stream)) {
    return status;
  }
  return start_groups<Keys>(params.key_tiles.most, params, stream);
}

}  // namespace

template <int D>
Status launch_group_forward(const ForwardParams& params, AttnlabElement element, void* stream) {
  return element == kAttnlabBfloat16 ? forward<Bf16, D>(params, stream)
                                     : forward<F16, D>(params, stream);
}

template <int D>
Status launch_group_backward(const BackwardParams& params, AttnlabElement element, void* stream) {
  return element == kAttnlabBfloat16 ? backward<Bf16, D>(params, stream)
                                     : backward<F16, D>(params, stream);
}

template Status launch_group_forward<ATTNLAB_HEAD_DIM>(const ForwardParams&, AttnlabElement, void*);
template Status launch_group_backward<ATTNLAB_HEAD_DIM>(const BackwardParams&, AttnlabElement,
                                                        void*);

}  // namespace attnlab::cuda
