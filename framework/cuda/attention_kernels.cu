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
  if constexpr (has_small_tiles(kAttnlabBfloat16, D)) {
    using Small = Forward<T, D, 2, 2, 32>;
    static_assert(Small::kQueries == query_tile_rows(kAttnlabBfloat16, D, TileShape::small));
    if (params.shape == TileShape::small) return start<Small>(params.tiles.most, params, stream);
  }
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
  using AtomicKeys = BackwardKey<T, D, 4, 1, (D > 96 ? 32 : 64), true>;  // as shared memory allows
  static_assert(Queries::kQueries == query_tile_rows(kAttnlabBfloat16, D));
  static_assert(Keys::kKeys == key_tile_rows(kAttnlabBfloat16, D));
  if constexpr (has_small_tiles(kAttnlabBfloat16, D)) {
    using SmallQueries = BackwardQuery<T, D, 2, 2, 32>;
    using SmallKeys = BackwardKey<T, D, 2, 2, 32>;
    static_assert(SmallQueries::kQueries == query_tile_rows(kAttnlabBfloat16, D, TileShape::small));
    static_assert(SmallKeys::kKeys == key_tile_rows(kAttnlabBfloat16, D, TileShape::small));
    if (params.shape == TileShape::small) {
      return both<SmallQueries, SmallKeys>(SmallKeys::blocks(params), params, stream);
    }
  }
  if (params.grad_query_sums == nullptr) {
    return both<Queries, Keys>(Keys::blocks(params), params, stream);
  }
  const std::int64_t rows = params.plan.groups * params.plan.length;
  const std::int64_t lanes = RowKernel::blocks(rows * RowSum<T, D>::kLanes);
  if (const auto status = start<FillShift<T, D>>(lanes, params, stream)) return status;
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
