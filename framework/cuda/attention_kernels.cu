// Compiled once per head dim, with ATTNLAB_HEAD_DIM = 32, 64, 96 or 128.
#include "framework/cuda/attention_kernels.h"

#include "framework/cuda/backward_key.cuh"
#include "framework/cuda/backward_query.cuh"
#include "framework/cuda/forward.cuh"
#include "framework/cuda/plain_backward.cuh"
#include "framework/cuda/plain_forward.cuh"

namespace attnlab::cuda {
namespace {

#if defined(__CUDACC__)
template <class Kernel>
__global__ void __launch_bounds__(Kernel::kThreads, Kernel::kBlocks)
    entry(const __grid_constant__ typename Kernel::Params params) {
  Kernel::run(params);
}
#else
template <class Kernel>
void entry(typename Kernel::Params params) {
  Kernel::run(params);
}
#endif

template <class Kernel>
Status start(std::int64_t blocks, const typename Kernel::Params& params, void* stream) {
  static_assert(Kernel::kSharedBytes <= kMostSharedBytes);
  return launch(entry<Kernel>, {blocks, Kernel::kThreads, Kernel::kSharedBytes}, stream, params);
}

// More rows a warp read less shared memory a product, as long as the registers suffice.
template <int D>
constexpr int kRowTiles = D <= 64 ? 2 : 1;

template <class T, int D>
Status forward(const ForwardParams& params, void* stream) {
  using Kernel = Forward<T, D, 4, kRowTiles<D>>;
  static_assert(Kernel::kQueries == query_tile_rows(kAttnlabBfloat16, D));
  return start<Kernel>(params.tiles.most, params, stream);
}

template <int D>
Status plain_backward(const BackwardParams& params, void* stream) {
  if (const auto status = start<PlainBackwardKey<D>>(params.key_tiles.most, params, stream)) {
    return status;
  }
  return start<PlainBackwardQuery<D>>(params.query_tiles.most, params, stream);
}

template <class T, int D>
Status backward(const BackwardParams& params, void* stream) {
  using Queries = BackwardQuery<T, D, 4, kRowTiles<D>>;
  using Keys = BackwardKey<T, D, 4, kRowTiles<D>>;
  using AtomicKeys = BackwardKey<T, D, 4, 1, true>;
  static_assert(Queries::kQueries == query_tile_rows(kAttnlabBfloat16, D));
  if (params.grad_query_sums != nullptr) {
    return start<AtomicKeys>(AtomicKeys::blocks(params), params, stream);
  }
  if (const auto status = start<Keys>(Keys::blocks(params), params, stream)) return status;
  return start<Queries>(params.query_tiles.most, params, stream);
}

}  // namespace

template <int D>
Status launch_forward(const ForwardParams& params, AttnlabElement element, void* stream) {
  if (element == kAttnlabFloat32) {
    return start<PlainForward<D>>(params.tiles.most, params, stream);
  }
  return element == kAttnlabBfloat16 ? forward<Bf16, D>(params, stream)
                                     : forward<F16, D>(params, stream);
}
template <int D>
Status launch_backward(const BackwardParams& params, AttnlabElement element, void* stream) {
  if (element == kAttnlabFloat32) return plain_backward<D>(params, stream);
  return element == kAttnlabBfloat16 ? backward<Bf16, D>(params, stream)
                                     : backward<F16, D>(params, stream);
}

template Status launch_forward<ATTNLAB_HEAD_DIM>(const ForwardParams&, AttnlabElement, void*);
template Status launch_backward<ATTNLAB_HEAD_DIM>(const BackwardParams&, AttnlabElement, void*);

}  // namespace attnlab::cuda
