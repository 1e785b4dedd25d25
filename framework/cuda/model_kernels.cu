#include "framework/cuda/launch.h"
#include "framework/cuda/model_launch.h"
#include "framework/cuda/residual_norm.cuh"
#include "framework/cuda/row_loss.cuh"

namespace attnlab::cuda {
namespace {

template <class Element>
Status row_loss(const RowLossParams& p, void* stream) {
  using OfWarp = RowLoss<Element, 1>;
  using OfBlock = RowLoss<Element, OfWarp::kThreads / kWarp>;
  return p.classes <= kWarpClasses ? start<OfWarp>(OfWarp::blocks(p), p, stream)
                                   : start<OfBlock>(OfBlock::blocks(p), p, stream);
}

/// Kernel<Element, fours a lane>, as few as hold a row.
template <template <class, int> class Kernel, class Element, class Params>
Status of_width(const Params& p, void* stream) {
  const auto run = [&](auto kernel) { return start<decltype(kernel)>(decltype(kernel)::blocks(p), p, stream); };
  if (p.channels <= 0 || p.channels % 4 != 0 || p.channels > kMostNormChannels) return kInvalidValue;
  if (p.channels <= 256) return run(Kernel<Element, 2>());
  if (p.channels <= 512) return run(Kernel<Element, 4>());
  if (p.channels <= 768) return run(Kernel<Element, 6>());
  return run(Kernel<Element, 8>());
}

template <template <class, int> class Kernel, class Params>
Status of_element(const Params& p, AttnlabElement element, void* stream) {
  switch (element) {
    case kAttnlabFloat32:
      return of_width<Kernel, float>(p, stream);
    case kAttnlabBfloat16:
      return of_width<Kernel, Bf16>(p, stream);
    case kAttnlabFloat16:
      return of_width<Kernel, F16>(p, stream);
  }
  return kInvalidValue;
}

}  // namespace
}  // namespace attnlab::cuda

using namespace attnlab::cuda;

int attnlab_cuda_row_loss(const RowLossParams* params, AttnlabElement element, void* stream) {
  switch (element) {
    case kAttnlabFloat32:
      return row_loss<float>(*params, stream);
    case kAttnlabBfloat16:
      return row_loss<Bf16>(*params, stream);
    case kAttnlabFloat16:
      return row_loss<F16>(*params, stream);
  }
  return kInvalidValue;
}

int attnlab_cuda_residual_norm(const ResidualNormParams* params, AttnlabElement element, void* stream) {
  return of_element<ResidualNorm>(*params, element, stream);
}

int attnlab_cuda_residual_norm_backward(const ResidualNormBackwardParams* params, AttnlabElement element,
                                        void* stream) {
  return of_element<ResidualNormBackward>(*params, element, stream);
}
