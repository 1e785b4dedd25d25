// Compiled once per head dim, with ATTNLAB_HEAD_DIM = 32, 64, 96 or 128.
#include "framework/cuda/attention_kernels.h"

#include "framework/cuda/backward_key.cuh"
#include "framework/cuda/backward_query.cuh"
#include "framework/cuda/forward.cuh"
#include "framework/cuda/plain_backward.cuh"
#include "framework/cuda/plain_forward.cuh"
#include "framework/cuda/rows.cuh"

namespace attnlab::cuda {
namespace {

// More rows a warp read less shared memory a product, as long as the registers suffice.
template <int D>
constexpr int kRowTiles = D <= 64 ? 2 : 1;

template <class T, int D>
Status forward(const ForwardParams& params, void* stream) {
  using Kernel = Forward<T, D, 4, kRowTiles<D>>;
  static_assert(Kernel::kQueries == query_tile_rows(kAttnlabBfloat16, D));
  return start<Kernel>(params.tiles.most, params, stream);
}

// The query pass first: it fills the shifts that the key pass needs.
template <class Queries, class Keys>
Status both(std::int64_t key_blocks, const BackwardParams& params, void* stream) {
  if (const auto status = start<Queries>(params.query_tiles.most, params, stream)) return status;
  return start<Keys>(key_blocks, params, stream);
}

template <class T, int D>
Status backward(const BackwardParams& params, void* stream) {
  using Queries = BackwardQuery<T, D, 4, kRowTiles<D>>;
  using Keys = BackwardKey<T, D, 4, kRowTiles<D>>;
  using AtomicKeys = BackwardKey<T, D, 4, 1, true>;
  static_assert(Queries::kQueries == query_tile_rows(kAttnlabBfloat16, D));
  if (params.grad_query_sums == nullptr) {
    return both<Queries, Keys>(Keys::blocks(params), params, stream);
  }
  const std::int64_t rows = params.plan.groups * params.plan.length;
  const std::int64_t lanes = RowKernel::blocks(rows * RowSum<T>::kLanes);
  if (const auto status = start<FillShift<T>>(lanes, params, stream)) return status;
  if (const auto status = start<AtomicKeys>(AtomicKeys::blocks(params), params, stream)) {
    return status;
  }
  return start<RoundSums<T>>(RowKernel::blocks(rows * params.head_dim), params, stream);
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
  if (element == kAttnlabFloat32) {
    return both<PlainBackwardQuery<D>, PlainBackwardKey<D>>(params.key_tiles.most, params, stream);
  }
  return element == kAttnlabBfloat16 ? backward<Bf16, D>(params, stream)
                                     : backward<F16, D>(params, stream);
}

template Status launch_forward<ATTNLAB_HEAD_DIM>(const ForwardParams&, AttnlabElement, void*);
template Status launch_backward<ATTNLAB_HEAD_DIM>(const BackwardParams&, AttnlabElement, void*);

}  // namespace attnlab::cuda
