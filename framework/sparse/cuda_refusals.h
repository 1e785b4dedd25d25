/// cuda_refusals.h: plans that nobody vouches for, checked on the GPU. A kernel sees what breaks a
///   rule, keeps the attention kernels from that group, and leaves word in memory that the host
///   reads too: nobody waits for it. With ATTNLAB_CUDA_CHECK=now in the environment the host does.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/cuda/plan_params.h"

namespace attnlab::sparse {

/// Throws c10::Error with the words of plan_contents.h where a kernel has refused a plan since the
/// last call. Every pass calls it when it begins; so should whoever reads a result, when the host
/// has waited for the device. Costs one load. Thread safe.
void raise_refused();

namespace cuda {
/// Starts the check. int32 [G], 1 for the groups that are refused; undefined where the plan is
/// sealed or was checked on the CPU.
[[nodiscard]] at::Tensor refused_groups(const attnlab::cuda::Plan& plan, bool sealed,
                                        const at::Tensor& query);
}  // namespace cuda

}  // namespace attnlab::sparse
