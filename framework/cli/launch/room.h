/// room.h: what of this machine a launch may take: GPUs, and runs at a time.
#pragma once

#include <memory>
#include <vector>

#include "framework/cli/launch/request.h"
#include "framework/launch/gpu_claims.h"
#include "framework/plan/plan.h"

namespace attnlab::cli {

/// Those that runs on a GPU can be given: all that the driver shows of the first one's model, which the
/// fingerprints name; the others are told of. Nothing where none is needed; throws Error where there is none.
[[nodiscard]] std::shared_ptr<const launch::GpuClaims> gpus_for(bool needed, const LaunchRequest& request);
/// Throws Error where the driver shows none.
void require_gpu();
/// Throws Error where a run that this command starts all ranks of has more of them than there are GPUs.
void require_gpus(const std::vector<plan::Cell>& cells, const launch::GpuClaims& gpus);
[[nodiscard]] bool on_gpu(const plan::Cell& cell);

/// --jobs; where that is auto, one run for each place on a GPU, and beside them as many on the CPU as may use
/// a processor per thread of all their ranks. 1 at least.
[[nodiscard]] int jobs_for(const std::vector<plan::Cell>& cells, const launch::GpuClaims* gpus,
                           const LaunchRequest& request);

}  // namespace attnlab::cli
