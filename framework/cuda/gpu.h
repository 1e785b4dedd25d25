/// gpu.h: thin wrappers of the instructions that our kernels use; the only place with PTX.
///   Compiled by nvcc they are the instructions (compute capability 8.0 and later); compiled by a
///   host compiler they are calls into the emulator (emulator/emulator.h), which runs a block as
///   fibers and computes warp-wide instructions lane for lane. Kernels are written against this
///   header alone, so that one source serves both.
///   Shared memory is addressed by byte offset into the block's dynamic shared memory. Everything
///   warp-wide takes all 32 lanes. PTX ISA 7.0 is the reference for every fragment layout.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#define GPU_FUNCTION __device__ __forceinline__
#define GPU_NO_INLINE __device__ __noinline__
#define GPU_UNROLL _Pragma("unroll")
#define GPU_NO_UNROLL _Pragma("unroll 1")
#define GPU_CHECK(condition, what)
#else
#include "framework/cuda/emulator/emulator.h"
#define GPU_FUNCTION inline
#define GPU_NO_INLINE
#define GPU_UNROLL
#define GPU_NO_UNROLL
/// Checked in the emulator only: an index stays inside its array.
#define GPU_CHECK(condition, what) \
  if (!(condition)) ::attnlab::cuda::emulator::fail(what)
#endif

namespace attnlab::cuda {

/// 16-bit elements as bits; to_float and pack convert.
struct Bf16 {
  std::uint16_t bits;
};
struct F16 {
  std::uint16_t bits;
};
/// 16 bytes: what one vector load, one cp.async and one row of an 8x8 matrix move.
struct alignas(16) Vector16 {
  std::uint32_t word[4];
};

inline constexpr int kWarp = 32;
}  // namespace attnlab::cuda

#if !defined(__CUDACC__)
#include "framework/cuda/emulator/gpu_host.h"
#else
namespace attnlab::cuda::gpu {

extern __shared__ __align__(1024) unsigned char shared_bytes[];

GPU_FUNCTION int thread() { return static_cast<int>(threadIdx.x); }
GPU_FUNCTION std::int64_t block() { return blockIdx.x; }

GPU_FUNCTION void sync_threads() { __syncthreads(); }
GPU_FUNCTION void sync_warp() { __syncwarp(); }
/// A barrier of the block, and whether some thread of it votes.
GPU_FUNCTION bool any_thread(bool vote) { return __syncthreads_or(vote) != 0; }

template <class T>
GPU_FUNCTION T shuffle(T value, int lane) {
  return __shfl_sync(~0u, value, lane);
}
template <class T>
GPU_FUNCTION T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(~0u, value, mask);
}
GPU_FUNCTION std::uint32_t ballot(bool vote) { return __ballot_sync(~0u, vote); }
/// Lanes whose value equals this lane's.
GPU_FUNCTION std::uint32_t match(std::uint32_t value) { return __match_any_sync(~0u, value); }
GPU_FUNCTION std::int32_t warp_min(std::int32_t value) { return __reduce_min_sync(~0u, value); }
GPU_FUNCTION std::int32_t warp_max(std::int32_t value) { return __reduce_max_sync(~0u, value); }
GPU_FUNCTION int count_bits(std::uint32_t bits) { return __popc(bits); }
GPU_FUNCTION int first_bit(std::uint32_t bits) { return __ffs(static_cast<int>(bits)) - 1; }

/// 2^x within 2 ulp; 0 below the smallest normal number.
GPU_FUNCTION float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
GPU_FUNCTION float exp_exact(float x) { return expf(x); }
GPU_FUNCTION float log_exact(float x) { return logf(x); }
GPU_FUNCTION float multiply_add(float a, float b, float c) { return __fmaf_rn(a, b, c); }
GPU_FUNCTION float larger(float a, float b) { return fmaxf(a, b); }

template <class T>
GPU_FUNCTION std::uint32_t pack(float low, float high);
template <>
GPU_FUNCTION std::uint32_t pack<Bf16>(float low, float high) {
  std::uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}
template <>
GPU_FUNCTION std::uint32_t pack<F16>(float low, float high) {
  std::uint32_t packed;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}
GPU_FUNCTION float as_float(std::uint32_t bits) { return __uint_as_float(bits); }
GPU_FUNCTION float to_float(float x) { return x; }
GPU_FUNCTION float to_float(Bf16 x) { return __uint_as_float(static_cast<unsigned>(x.bits) << 16); }
GPU_FUNCTION float to_float(F16 x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
}

/// x. The compiler does not know, so it computes what depends on it where it is needed, and keeps
/// no register for it meanwhile.
GPU_FUNCTION int opaque(int x) {
  asm volatile("" : "+r"(x));
  return x;
}

template <class T>
GPU_FUNCTION T load(const T* from) {
  return *from;
}
template <class T>
GPU_FUNCTION void store(T* to, T value) {
  *to = value;
}
GPU_FUNCTION float atomic_add(float* to, float value) { return atomicAdd(to, value); }

template <class T>
GPU_FUNCTION T shared_load(std::uint32_t offset) {
  return *reinterpret_cast<const T*>(shared_bytes + offset);
}
template <class T>
GPU_FUNCTION void shared_store(std::uint32_t offset, T value) {
  *reinterpret_cast<T*>(shared_bytes + offset) = value;
}
GPU_FUNCTION std::uint32_t shared_address(std::uint32_t offset) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared_bytes)) + offset;
}

/// Copies 16 bytes to shared memory, or zeros where !valid; there only after the wait. Both 16-byte
/// aligned.
GPU_FUNCTION void copy_async(std::uint32_t offset, const void* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(offset)),
               "l"(from), "r"(valid ? 16 : 0)
               : "memory");
}
GPU_FUNCTION void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/// Until at most the `Groups` newest groups of this thread are under way.
template <int Groups>
GPU_FUNCTION void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Groups) : "memory");
}

/// Four 8x8 matrices of 16-bit elements; lane 8 i + r names row r of matrix i.
GPU_FUNCTION void load_matrices(std::uint32_t (&to)[4], std::uint32_t offset) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(offset))
               : "memory");
}
GPU_FUNCTION void load_matrices_transposed(std::uint32_t (&to)[4], std::uint32_t offset) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(offset))
               : "memory");
}

/// sum [16, 8] += a [16, 16] b [16, 8], float32 sums.
template <class T>
GPU_FUNCTION void multiply(float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                           std::uint32_t b1);
#define ATTNLAB_MMA(Type, name)                                                                  \
  template <>                                                                                    \
  GPU_FUNCTION void multiply<Type>(float(&sum)[4], const std::uint32_t(&a)[4], std::uint32_t b0, \
                                   std::uint32_t b1) {                                           \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." name "." name                          \
                 ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"          \
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])                        \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                \
  }
ATTNLAB_MMA(Bf16, "bf16")
ATTNLAB_MMA(F16, "f16")
#undef ATTNLAB_MMA

}  // namespace attnlab::cuda::gpu
#endif

namespace attnlab::cuda::gpu {

GPU_FUNCTION int lane() { return thread() % kWarp; }
GPU_FUNCTION int warp() { return thread() / kWarp; }

}  // namespace attnlab::cuda::gpu
