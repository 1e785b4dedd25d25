/// launch.h: starts kernels on a stream; compiled by a host compiler, runs them in the emulator.
///   Launchers written against it are one source for libattnlab_cuda.so and for its emulated twin,
///   libattnlab_cuda_emulated.so, which takes host pointers.
#pragma once

#include <cstdint>
#include <cstdio>

#include "framework/cuda/gpu.h"

namespace attnlab::cuda {

/// 0, or the number of a CUDA error.
using Status = int;
inline constexpr Status kInvalidValue = 1;     // cudaErrorInvalidValue
inline constexpr Status kInvalidHandle = 400;  // cudaErrorInvalidResourceHandle
inline constexpr Status kTooLittleSharedMemory = -1;
inline constexpr Status kNoWarpgroups = -2;
/// What every device since compute capability 8.0 lets a block have (8.6, 8.9 and 12.0 no more),
/// and what every kernel keeps within.
inline constexpr unsigned kMostSharedBytes = 99 * 1024;
/// And those of compute capability 9.0.
inline constexpr unsigned kMostGroupSharedBytes = 227 * 1024;

#if defined(__CUDACC__)
template <class Kernel>
__global__ void __launch_bounds__(Kernel::kThreads, Kernel::kBlocks)
    entry(const __grid_constant__ typename Kernel::Params params) {
  Kernel::run(params);
}
/// Kernel::run(params) in so many blocks of Kernel::kThreads. None: launches nothing.
template <class Kernel>
Status start(std::int64_t blocks, const typename Kernel::Params& params, void* stream,
             std::uint32_t shared_bytes) {
  if (blocks == 0) return cudaSuccess;
  if (shared_bytes > 48 * 1024) {
    const cudaError_t status =
        cudaFuncSetAttribute(reinterpret_cast<const void*>(&entry<Kernel>),
                             cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
    if (status == cudaErrorInvalidValue) {
      (void)cudaGetLastError();
      return kTooLittleSharedMemory;
    }
    if (status != cudaSuccess) return status;
  }
  entry<Kernel><<<static_cast<unsigned>(blocks), Kernel::kThreads, shared_bytes,
                  static_cast<cudaStream_t>(stream)>>>(params);
  return cudaGetLastError();
}
/// Bytes of shared memory that a block can have on the current device.
inline int shared_limit() {
  int device = 0, bytes = 0;
  (void)cudaGetDevice(&device);
  (void)cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  return bytes;
}
/// Whether the current device multiplies by warpgroups (compute capability 9.0, no other), and how
/// many multiprocessors it has.
inline bool has_warpgroups() {
  int device = 0, major = 0, minor = 0;
  (void)cudaGetDevice(&device);
  (void)cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  (void)cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
  return major == 9 && minor == 0;
}
inline int multiprocessors() {
  int device = 0, count = 1;
  (void)cudaGetDevice(&device);
  (void)cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device);
  return count;
}
inline const char* error_text(Status status) {
  return cudaGetErrorString(static_cast<cudaError_t>(status));
}
#else
template <class Kernel>
Status start(std::int64_t blocks, const typename Kernel::Params& params, void* stream,
             std::uint32_t shared_bytes) {
  if (blocks == 0) return 0;
  if (shared_bytes > emulator::shared_limit()) return kTooLittleSharedMemory;
  if (!emulator::is_of_current_device(stream)) return kInvalidHandle;
  emulator::run({blocks, Kernel::kThreads, shared_bytes}, [&] { Kernel::run(params); });
  return 0;
}
inline int shared_limit() { return static_cast<int>(emulator::shared_limit()); }
inline bool has_warpgroups() { return true; }
inline int multiprocessors() { return 3; }
inline const char* error_text(Status status) {
  return status == 0 ? "no error"
         : status == kInvalidHandle
             ? "the stream is of another device than the current one (emulated)"
             : "invalid value (emulated)";
}
#endif

template <class Kernel>
Status start(std::int64_t blocks, const typename Kernel::Params& params, void* stream) {
  static_assert(Kernel::kSharedBytes <= kMostSharedBytes);
  return start<Kernel>(blocks, params, stream, Kernel::kSharedBytes);
}

/// A kernel whose blocks stay and take one tile of `tiles` after the other: as many as fit the
/// device.
template <class Kernel>
Status start_groups(std::int64_t tiles, const typename Kernel::Params& params, void* stream) {
  static_assert(Kernel::kSharedBytes <= kMostGroupSharedBytes);
  if (!has_warpgroups()) return kNoWarpgroups;
  const std::int64_t room = std::int64_t{Kernel::kBlocks} * multiprocessors();
  return start<Kernel>(tiles < room ? tiles : room, params, stream, Kernel::kSharedBytes);
}

/// Of the last call in this thread.
inline const char* status_text(Status status) {
  if (status == kNoWarpgroups) {
    return "these kernels need compute capability 9.0 (H100, H200); expected "
           "ATTNLAB_CUDA_KERNELS=mma.sync, or unset, on this device";
  }
  if (status != kTooLittleSharedMemory) return error_text(status);
  thread_local char text[160];
  std::snprintf(text, sizeof text,
                "the device lets a block have %d bytes of shared memory; expected at least %u, as "
                "since compute capability 8.0",
                shared_limit(), kMostSharedBytes);
  return text;
}

}  // namespace attnlab::cuda
