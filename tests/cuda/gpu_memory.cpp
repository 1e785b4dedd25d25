#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "tests/cuda/device_memory.h"

namespace attnlab::cuda::test {

void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  return cudaMallocManaged(&memory, bytes == 0 ? 1 : bytes) == cudaSuccess ? memory : nullptr;
}
void release(void* memory) { cudaFree(memory); }
bool has_room(std::size_t bytes) {
  std::size_t available = 0, all = 0;
  return cudaMemGetInfo(&available, &all) == cudaSuccess && bytes < available;
}
void finish() {
  const cudaError_t status = cudaDeviceSynchronize();
  ASSERT_EQ(status, cudaSuccess) << cudaGetErrorString(status);
}
const char* missing() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0 ? "" : "no CUDA device";
}

namespace {

/// Every test of the program is skipped where there is no GPU.
class NeedsGpu : public testing::Environment {
  void SetUp() override {
    if (*missing() != '\0') GTEST_SKIP() << "SKIPPED: " << missing();
  }
};
[[maybe_unused]] const auto* const registered = testing::AddGlobalTestEnvironment(new NeedsGpu);

}  // namespace
}  // namespace attnlab::cuda::test
