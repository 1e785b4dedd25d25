/// attention_kernels.h: the attention kernels of one head dim. attention_kernels.cu and
/// group_kernels.cu are compiled once for each, with ATTNLAB_HEAD_DIM.
#pragma once

#include "framework/cuda/attention_launch.h"
#include "framework/cuda/launch.h"

namespace attnlab::cuda {

template <int D>
Status launch_forward(const ForwardParams& params, AttnlabElement element, void* stream);
/// group_kernels.cu, for D = 64 and 128; 16-bit elements.
template <int D>
Status launch_group_forward(const ForwardParams& params, AttnlabElement element, void* stream);
template <int D>
Status launch_group_backward(const BackwardParams& params, AttnlabElement element, void* stream);
template <int D>
Status launch_backward(const BackwardParams& params, AttnlabElement element, void* stream);

}  // namespace attnlab::cuda
