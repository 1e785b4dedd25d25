/// cost.h: what a piece of work asks of the device, as the emulator and the pretended GPU count it.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <functional>

#include "tests/gpu/device.h"

namespace attnlab::test {

inline std::int64_t count_of(const char* library, const char* name) {
  void* const open = library == nullptr ? RTLD_DEFAULT : dlopen(library, RTLD_NOW | RTLD_LOCAL);
  const auto counter = reinterpret_cast<std::int64_t (*)()>(dlsym(open, name));
  EXPECT_NE(counter, nullptr) << name;
  return counter == nullptr ? 0 : counter();
}

struct Cost {
  std::int64_t launches, allocations, operators;  // of attnlab's kernels; of tensors; of LibTorch that start a kernel
};
inline Cost cost_so_far() {
  return {count_of(std::getenv("ATTNLAB_CUDA_LIBRARY"), "attnlab_emulated_launches"),
          count_of(nullptr, "attnlab_pretended_allocations"),
          count_of(nullptr, "attnlab_pretended_operators")};
}
inline Cost cost_of(const std::function<void()>& work) {
  const Cost before = cost_so_far();
  work();
  const Cost after = cost_so_far();
  return {after.launches - before.launches, after.allocations - before.allocations,
          after.operators - before.operators};
}
/// How often the host has waited for the device.
inline std::int64_t waits_so_far() { return count_of(nullptr, "attnlab_pretended_waits"); }

/// For what is counted there alone.
class OnCountedGpu : public OnGpu {
 protected:
  void SetUp() override {
    OnGpu::SetUp();
    if (!IsSkipped() && !emulated()) GTEST_SKIP() << "counted by the emulator";
  }
};

}  // namespace attnlab::test
