/// gpus.h: the GPUs that the driver shows to this process.
#pragma once

#include <string>
#include <vector>

namespace attnlab::machine {

struct Gpu {
  std::string model{};    // "NVIDIA H200"; "" where the driver does not say
  std::string visible{};  // what CUDA_VISIBLE_DEVICES calls it, for a child of this process: "0", "GPU-8f2a..."
  std::string id{};       // the same for all processes: its uuid; "" where the driver does not say
};

/// Asks the driver itself, once a process, so that a machine without one never loads LibTorch's CUDA
/// libraries (half a second, 400 MB). In the driver's order; empty without a driver or a device.
[[nodiscard]] const std::vector<Gpu>& gpus();

/// From now on the driver shows only these, and so to every child: "0,1", numbers as it shows them now, or
/// "all". Before gpus() is asked for the first time, and before there is a second thread: it sets
/// CUDA_VISIBLE_DEVICES. Throws Error where the list is none, or the driver shows fewer.
void show_only_gpus(const std::string& list);

}  // namespace attnlab::machine
