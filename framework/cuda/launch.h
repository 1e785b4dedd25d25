/// launch.h: starts kernels on a stream; compiled by a host compiler, runs them in the emulator.
///   Launchers written against it are one source for libattnlab_cuda.so and for its emulated twin,
///   libattnlab_cuda_emulated.so, which takes host pointers.
#pragma once

#include <cstdint>
#include <cstdio>

#include "framework/cuda/gpu.h"

#if defined(__CUDACC__)
/// Before the name of a kernel that runs in blocks of `threads`.
#define GPU_KERNEL(threads) __global__ void __launch_bounds__(threads)
#else
#include <cstring>
#define GPU_KERNEL(threads) inline void
#endif

namespace attnlab::cuda {

/// 0, or the number of a CUDA error.
using Status = int;
inline constexpr Status kInvalidValue = 1;  // cudaErrorInvalidValue
inline constexpr Status kTooLittleSharedMemory = -1;
/// What every device since compute capability 8.0 lets a block have (8.6, 8.9 and 12.0 no more),
/// and what every kernel keeps within.
inline constexpr unsigned kMostSharedBytes = 99 * 1024;

struct LaunchGrid {
  std::int64_t blocks = 0;  // 0 launches nothing
  int threads = 0;
  std::uint32_t shared_bytes = 0;
};

#if defined(__CUDACC__)
template <class Params>
Status launch(void (*kernel)(Params), const LaunchGrid& grid, void* stream, const Params& params) {
  if (grid.blocks == 0) return cudaSuccess;
  if (grid.shared_bytes > 48 * 1024) {
    const cudaError_t status =
        cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                             cudaFuncAttributeMaxDynamicSharedMemorySize, grid.shared_bytes);
    if (status == cudaErrorInvalidValue) {
      (void)cudaGetLastError();
      return kTooLittleSharedMemory;
    }
    if (status != cudaSuccess) return status;
  }
  kernel<<<static_cast<unsigned>(grid.blocks), grid.threads, grid.shared_bytes,
           static_cast<cudaStream_t>(stream)>>>(params);
  return cudaGetLastError();
}
inline Status set_bytes(void* at, int byte, std::int64_t count, void* stream) {
  return count == 0 ? cudaSuccess
                    : cudaMemsetAsync(at, byte, static_cast<std::size_t>(count),
                                      static_cast<cudaStream_t>(stream));
}
/// Bytes of shared memory that a block can have on the current device.
inline int shared_limit() {
  int device = 0, bytes = 0;
  (void)cudaGetDevice(&device);
  (void)cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  return bytes;
}
inline const char* error_text(Status status) {
  return cudaGetErrorString(static_cast<cudaError_t>(status));
}
#else
template <class Params>
Status launch(void (*kernel)(Params), const LaunchGrid& grid, void*, const Params& params) {
  if (grid.blocks == 0) return 0;
  if (grid.shared_bytes > emulator::shared_limit()) return kTooLittleSharedMemory;
  emulator::run({grid.blocks, grid.threads, grid.shared_bytes}, [&] { kernel(params); });
  return 0;
}
inline Status set_bytes(void* at, int byte, std::int64_t count, void*) {
  if (count > 0) std::memset(at, byte, static_cast<std::size_t>(count));
  return 0;
}
inline int shared_limit() { return static_cast<int>(emulator::shared_limit()); }
inline const char* error_text(Status status) {
  return status == 0 ? "no error" : "invalid value (emulated)";
}
#endif

/// Of the last call in this thread.
inline const char* status_text(Status status) {
  if (status != kTooLittleSharedMemory) return error_text(status);
  thread_local char text[160];
  std::snprintf(text, sizeof text,
                "the device lets a block have %d bytes of shared memory; expected at least %u, as "
                "since compute capability 8.0",
                shared_limit(), kMostSharedBytes);
  return text;
}

}  // namespace attnlab::cuda
