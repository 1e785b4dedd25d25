/// gpu_claims.h: GPUs taken for a run and given back, also between grids on different databases.
///   A claim is a lock on a file in a folder of this user (gpu_claims_folder), so the kernel takes it back
///   when whoever holds it has died, however. Other users' runs are not seen: where several share a host, its
///   scheduler deals out GPUs by CUDA_VISIBLE_DEVICES.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "framework/core/descriptor.h"
#include "framework/core/gpus.h"

namespace attnlab::launch {

/// GPUs, or shares of them, until this is destroyed and no child holds its descriptors any more.
class GpuClaim {
 public:
  void add(const std::string& visible, std::vector<Descriptor> locks);
  /// For the child's CUDA_VISIBLE_DEVICES: "0", or "0,1".
  [[nodiscard]] const std::string& visible() const { return visible_; }
  /// For the child to inherit, so that they stay taken while it lives, even when we are gone.
  [[nodiscard]] std::vector<int> descriptors() const;

 private:
  std::string visible_;
  std::vector<Descriptor> locks_;
};

class GpuClaims {
 public:
  /// Up to `per_gpu` runs share one of `gpus`; with 1 nobody else's run is on it, of whatever per_gpu.
  /// Throws Error where the folder cannot be made or is not this user's.
  GpuClaims(std::filesystem::path folder, std::vector<machine::Gpu> gpus, int per_gpu);
  /// So many at once, for a run with a rank on each; empty GPUs before shared ones. nullptr: fewer are free, and
  /// none is held. Never waits.
  [[nodiscard]] std::unique_ptr<GpuClaim> take(std::size_t count = 1) const;
  [[nodiscard]] std::size_t gpus() const { return gpus_.size(); }
  [[nodiscard]] std::size_t places() const { return gpus_.size() * static_cast<std::size_t>(per_gpu_); }

 private:
  std::filesystem::path folder_;
  std::vector<machine::Gpu> gpus_;
  int per_gpu_;
};

/// ATTNLAB_RUNTIME_DIR, else /tmp/attnlab-UID: the same for every session of a user, on a local disk.
[[nodiscard]] std::filesystem::path gpu_claims_folder();

}  // namespace attnlab::launch
