/// residual_norm.h: a block's way back onto the residual stream together with the next layer norm.
#pragma once

#include <ATen/core/Tensor.h>

namespace attnlab::model {

struct ResidualNorm {
  at::Tensor sum;     // x + y [.., C], x's dtype
  at::Tensor normal;  // its layer norm times weight [.., C]: what LibTorch's layer_norm returns, or already
                      // in the dtype that autocast would make of it
};

/// x, y: [.., C]; weight [C]. Differentiable in all three. On a GPU float32 x with C a multiple of 4, up to
/// 1024, takes one kernel each way (cuda/residual_norm.cuh); LibTorch's operators compute everything else, and all of
/// it in a build without our CUDA kernels.
[[nodiscard]] ResidualNorm residual_norm(const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight,
                                         double eps);

}  // namespace attnlab::model
