// Compiled once per head dim, with ATTNLAB_HEAD_DIM = 32, 64, 96 or 128.
#include "framework/cuda/attention_kernels.h"
#include "framework/cuda/forward.cuh"

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
  return launch(entry<Kernel>, {blocks, Kernel::kThreads, Kernel::kSharedBytes}, stream, params);
}

template <class T, int D>
Status forward(const ForwardParams& params, void* stream) {
  // More rows a warp read less shared memory a product, as long as the registers suffice.
  constexpr int kRowTiles = D <= 64 ? 2 : 1;
  return start<Forward<T, D, 4, kRowTiles>>(params.tiles.most, params, stream);
}

}  // namespace

template <int D>
Status launch_forward(const ForwardParams& params, AttnlabElement element, void* stream) {
  return element == kAttnlabBfloat16 ? forward<Bf16, D>(params, stream)
                                     : forward<F16, D>(params, stream);
}
template Status launch_forward<ATTNLAB_HEAD_DIM>(const ForwardParams&, AttnlabElement, void*);

}  // namespace attnlab::cuda
