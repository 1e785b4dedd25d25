#include "framework/cuda/device_facts.h"

#include <cuda_runtime.h>

#include <cstdio>

int attnlab_cuda_device_count(void) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorNoDevice || status == cudaErrorInsufficientDriver) return 0;
  return status == cudaSuccess ? count : -static_cast<int>(status);
}

int attnlab_cuda_device_facts(int index, char* text, unsigned long capacity) {
  cudaDeviceProp facts;
  if (const cudaError_t status = cudaGetDeviceProperties(&facts, index)) return status;
  int driver = 0, runtime = 0, clock = 0, memory_clock = 0;
  if (const cudaError_t status = cudaDriverGetVersion(&driver)) return status;
  if (const cudaError_t status = cudaRuntimeGetVersion(&runtime)) return status;
  if (const cudaError_t status = cudaDeviceGetAttribute(&clock, cudaDevAttrClockRate, index)) {
    return status;
  }
  if (const cudaError_t status =
          cudaDeviceGetAttribute(&memory_clock, cudaDevAttrMemoryClockRate, index)) {
    return status;
  }
  std::snprintf(
      text, capacity,
      "gpu=%s\ngpu_capability=%d.%d\ngpu_memory_bytes=%zu\ngpu_multiprocessors=%d\n"
      "gpu_clock_khz=%d\ngpu_memory_clock_khz=%d\ncuda_driver=%d.%d\ncuda_runtime=%d.%d\n",
      facts.name, facts.major, facts.minor, facts.totalGlobalMem, facts.multiProcessorCount, clock,
      memory_clock, driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
  return 0;
}
