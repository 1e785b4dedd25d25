/// devices.h: where a job computes. LibTorch's CUDA part is loaded only where a driver is there.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "framework/config/run_config.h"

namespace attnlab::worker {

struct ChosenDevice {
  at::Device device{at::kCPU};
  std::vector<std::pair<std::string, std::string>> facts{};  // name, capability, memory, driver ...
  /// Of the device, in bytes; on the CPU what the limits of this process leave. 0: unknown.
  double memory = 0;
};

/// How every job begins: `threads` threads for one operator, one operator at a time, on the CPU or
/// on the first CUDA device. Must run before anything asks LibTorch for CUDA. Throws Error: `automatic`,
/// which is decided before planning; cuda without a driver or device, or with a LibTorch whose CUDA
/// libraries are not installed.
[[nodiscard]] ChosenDevice begin_on(config::Device wanted, std::int64_t threads);

}  // namespace attnlab::worker
