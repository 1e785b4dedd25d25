/// device.h: the GPU that the tests of this folder compute on. In CI it is a pretended one with
///   emulated kernels (tests/gpu/pretended), so shapes are tiny there.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "framework/attention/attention.h"
#include "framework/core/error.h"
#include "framework/worker/devices.h"
#include "tests/support/plugin_case.h"

namespace attnlab::test {

/// Whether libattnlab_cuda_emulated.so takes the place of a GPU's kernels.
inline bool emulated() {
  const char* const file = std::getenv("ATTNLAB_CUDA_LIBRARY");
  return file != nullptr && std::string(file).ends_with("_emulated.so");
}

/// The CPU where there is no GPU; a GPU that LibTorch cannot use is an error.
inline at::Device device() {
  static const at::Device found = [] {
    try {
      return worker::begin_on(config::Device::cuda, 1).device;
    } catch (const Error& error) {
      if (std::string(error.what()).find("no CUDA device was found") == std::string::npos) throw;
      return at::Device(at::kCPU);
    }
  }();
  return found;
}

/// LibTorch remembers what it answers the first who asks whether there is CUDA, and at::randn asks:
/// the device is chosen before any test begins, whichever comes first.
class DeviceFirst : public testing::Environment {
  void SetUp() override { (void)device(); }
};
inline const auto* const kDeviceFirst = testing::AddGlobalTestEnvironment(new DeviceFirst);

inline RandomInput on_device(RandomInput in) {
  for (auto* tensor : {&in.query, &in.key, &in.value, &in.grad_out}) *tensor = tensor->to(device());
  return in;
}

class OnGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (device().is_cpu()) GTEST_SKIP() << "SKIPPED: no CUDA device";
  }
};

/// For what is too large for emulated kernels.
class OnRealGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (device().is_cpu() || emulated()) GTEST_SKIP() << "SKIPPED: no CUDA device";
  }
};

}  // namespace attnlab::test
