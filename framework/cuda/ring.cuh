/// ring.cuh: stages in shared memory that a producer warpgroup fills and consumer warpgroups empty.
#pragma once

#include "framework/cuda/gpu_sm90.h"

namespace attnlab::cuda {

/// Which stage is next, and in which round.
template <int Stages>
struct RingPlace {
  int stage = 0, parity = 0;
  GPU_FUNCTION void advance() {
    const bool round = stage + 1 == Stages;
    stage = round ? 0 : stage + 1;
    parity ^= round ? 1 : 0;
  }
};

/// Two mbarriers a stage. A fill is one arrival for each copying thread's copies and one for each
/// producer warp's ordinary writes; an emptying one for each consumer warp.
template <int Stages, int ConsumerWarps>
struct Ring {
  static constexpr std::uint32_t kBytes = Stages * 16;
  using Place = RingPlace<Stages>;
  std::uint32_t base;

  GPU_FUNCTION std::uint32_t full(int stage) const {
    return base + static_cast<std::uint32_t>(stage) * 16;
  }
  GPU_FUNCTION std::uint32_t empty(int stage) const { return full(stage) + 8; }
  /// By one thread, before the barrier of the block that all others need.
  GPU_FUNCTION void init() const {
    for (int i = 0; i < Stages; ++i) {
      gpu::barrier_init(full(i), kWarpgroup + kWarpgroup / kWarp);
      gpu::barrier_init(empty(i), ConsumerWarps);
    }
  }

  // The producer's: until the stage is free; and: it is filled as soon as the copies are there.
  GPU_FUNCTION void wait_empty(const Place& at) const {
    gpu::barrier_wait(empty(at.stage), at.parity ^ 1);
  }
  GPU_FUNCTION void filled(const Place& at) const {
    gpu::copies_arrive(full(at.stage));
    gpu::barrier_arrive(full(at.stage));
  }
  // The consumers': until it is filled; and: this warp needs it no more.
  GPU_FUNCTION void wait_full(const Place& at) const {
    gpu::barrier_wait(full(at.stage), at.parity);
  }
  GPU_FUNCTION void release(int stage) const { gpu::barrier_arrive(empty(stage)); }
};

}  // namespace attnlab::cuda
