/// devices.h: where a run computes. LibTorch's CUDA part is loaded only where a driver is there.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "framework/config/run_config.h"

namespace attnlab::worker {

struct ChosenDevice {
  at::Device device{at::kCPU};
  std::vector<std::pair<std::string, std::string>> facts;  // name, capability, memory, driver ...
};

/// `automatic` takes the first CUDA device where a driver and a device are there, else the CPU.
/// Must run before anything asks LibTorch for CUDA. Throws Error: device=cuda without a driver or
/// device, or with a LibTorch whose CUDA libraries are not installed.
[[nodiscard]] ChosenDevice choose_device(config::Device wanted);

}  // namespace attnlab::worker
