/// gpu_sm90.h: what compute capability 9.0 adds to gpu.h, for kernels that run nowhere else:
/// products
///   of a warpgroup (four warps) with operands in shared memory, mbarriers, shares of registers.
///   In code for other devices, and in no kernel's body, GPU_HOPPER is 0. PTX ISA 8.0 is the
///   reference.
#pragma once

#include "framework/cuda/gpu.h"

#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define GPU_HOPPER 0
#else
#define GPU_HOPPER 1
#endif

namespace attnlab::cuda {
inline constexpr int kWarpgroup = 128;  // threads

/// How 16-byte pieces of 8 rows are turned (XOR of address bits 4 to 6 with bits 7 to 9, as far as
/// the width goes): rows of as many bytes, 8 of them together, aligned to 8 times that.
enum class Swizzle : std::uint64_t { none = 0, bytes_128 = 1, bytes_64 = 2, bytes_32 = 3 };
}  // namespace attnlab::cuda

#if !defined(__CUDACC__)
#include "framework/cuda/emulator/gpu_host_sm90.h"
#else
namespace attnlab::cuda::gpu {

GPU_FUNCTION std::int64_t blocks() { return gridDim.x; }
GPU_FUNCTION void count_careful() {}  // the emulator counts rows that are computed once more

/// From now on this warpgroup's threads have `Count` registers; what others gave up is enough for
/// it.
template <int Count>
GPU_FUNCTION void give_registers_up() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count));
}
template <int Count>
GPU_FUNCTION void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count));
}

/// mbarriers of 8 bytes. One thread makes one, then sync_threads().
GPU_FUNCTION void barrier_init(std::uint32_t at, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(at)), "r"(count)
               : "memory");
}
/// One arrival by a whole warp, after what all its lanes did.
GPU_FUNCTION void barrier_arrive(std::uint32_t at) {
  __syncwarp();
  if (threadIdx.x % kWarp == 0) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(at)) : "memory");
  }
}
/// An arrival by every lane of a warp, as soon as the copies are there that it has begun.
GPU_FUNCTION void copies_arrive(std::uint32_t at) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(shared_address(at))
               : "memory");
}
/// Until the phase of this parity is over. A whole warp calls.
GPU_FUNCTION void barrier_wait(std::uint32_t at, int parity) {
  asm volatile(
      "{\n.reg .pred over;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 over, [%0], %1;\n"
      "@over bra done;\n"
      "bra again;\n"
      "done:\n}" ::"r"(shared_address(at)),
      "r"(parity)
      : "memory");
}
/// Writes to shared memory that come before this, in whatever order barriers made, are seen by
/// products that come after it.
GPU_FUNCTION void fence_proxy() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

/// Weights, which are never -1, are computed before what follows; ptxas would put them behind a
/// wait that follows, and the tensor cores would stand still meanwhile.
template <int N>
GPU_FUNCTION void wait_until_known(const float (&weights)[N][4]) {
  GPU_UNROLL
  for (int n = 0; n < N; ++n) {
    asm volatile(
        "{\n.reg .pred no;\nsetp.eq.f32 no, %0, 0fBF800000;\n"
        "@no st.shared.v4.f32 [%4], {%0, %1, %2, %3};\n}" ::"f"(weights[n][0]),
        "f"(weights[n][1]), "f"(weights[n][2]), "f"(weights[n][3]), "r"(shared_address(0))
        : "memory");
  }
}

GPU_FUNCTION void keep(float& x) { asm volatile("" : "+f"(x)::"memory"); }
GPU_FUNCTION void keep(std::uint32_t& x) { asm volatile("" : "+r"(x)::"memory"); }
template <class T, int N>
GPU_FUNCTION void keep(T (&all)[N]) {
  GPU_UNROLL
  for (int i = 0; i < N; ++i) keep(all[i]);
}
/// Before the first product, and wherever registers that products use were touched since: `used`
/// are these.
template <class... Arrays>
GPU_FUNCTION void products_fence(Arrays&... used) {
  (keep(used), ...);
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
GPU_FUNCTION void products_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Until at most the `Groups` newest groups of products are under way; `done` are arrays that these
/// do not use.
template <int Groups, class... Arrays>
GPU_FUNCTION void products_wait(Arrays&... done) {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Groups) : "memory");
  (keep(done), ...);
}

#define ATTNLAB_SUMS_32 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define ATTNLAB_REGISTERS_32(how)                                                                 \
  how(sum[0][0]), how(sum[0][1]), how(sum[0][2]), how(sum[0][3]), how(sum[1][0]), how(sum[1][1]), \
      how(sum[1][2]), how(sum[1][3]), how(sum[2][0]), how(sum[2][1]), how(sum[2][2]),             \
      how(sum[2][3]), how(sum[3][0]), how(sum[3][1]), how(sum[3][2]), how(sum[3][3])
#define ATTNLAB_SUMS_64                                                    \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define ATTNLAB_REGISTERS_64(how)                                                                 \
  how(sum[0][0]), how(sum[0][1]), how(sum[0][2]), how(sum[0][3]), how(sum[1][0]), how(sum[1][1]), \
      how(sum[1][2]), how(sum[1][3]), how(sum[2][0]), how(sum[2][1]), how(sum[2][2]),             \
      how(sum[2][3]), how(sum[3][0]), how(sum[3][1]), how(sum[3][2]), how(sum[3][3]),             \
      how(sum[4][0]), how(sum[4][1]), how(sum[4][2]), how(sum[4][3]), how(sum[5][0]),             \
      how(sum[5][1]), how(sum[5][2]), how(sum[5][3]), how(sum[6][0]), how(sum[6][1]),             \
      how(sum[6][2]), how(sum[6][3]), how(sum[7][0]), how(sum[7][1]), how(sum[7][2]),             \
      how(sum[7][3])
#define ATTNLAB_SUMS_128                                                             \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "           \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define ATTNLAB_REGISTERS_128(how)                                                                \
  how(sum[0][0]), how(sum[0][1]), how(sum[0][2]), how(sum[0][3]), how(sum[1][0]), how(sum[1][1]), \
      how(sum[1][2]), how(sum[1][3]), how(sum[2][0]), how(sum[2][1]), how(sum[2][2]),             \
      how(sum[2][3]), how(sum[3][0]), how(sum[3][1]), how(sum[3][2]), how(sum[3][3]),             \
      how(sum[4][0]), how(sum[4][1]), how(sum[4][2]), how(sum[4][3]), how(sum[5][0]),             \
      how(sum[5][1]), how(sum[5][2]), how(sum[5][3]), how(sum[6][0]), how(sum[6][1]),             \
      how(sum[6][2]), how(sum[6][3]), how(sum[7][0]), how(sum[7][1]), how(sum[7][2]),             \
      how(sum[7][3]), how(sum[8][0]), how(sum[8][1]), how(sum[8][2]), how(sum[8][3]),             \
      how(sum[9][0]), how(sum[9][1]), how(sum[9][2]), how(sum[9][3]), how(sum[10][0]),            \
      how(sum[10][1]), how(sum[10][2]), how(sum[10][3]), how(sum[11][0]), how(sum[11][1]),        \
      how(sum[11][2]), how(sum[11][3]), how(sum[12][0]), how(sum[12][1]), how(sum[12][2]),        \
      how(sum[12][3]), how(sum[13][0]), how(sum[13][1]), how(sum[13][2]), how(sum[13][3]),        \
      how(sum[14][0]), how(sum[14][1]), how(sum[14][2]), how(sum[14][3]), how(sum[15][0]),        \
      how(sum[15][1]), how(sum[15][2]), how(sum[15][3])
#define ATTNLAB_NEW(x) "=f"(x)
#define ATTNLAB_ADD(x) "+f"(x)
#define ATTNLAB_LEFT(A0, A1, A2, A3) "{%" A0 ", %" A1 ", %" A2 ", %" A3 "}"
#define ATTNLAB_WGMMA(function, how, add, Type, name, N, COLUMNS, A0, A1, A2, A3, RIGHT, TURN) \
  template <bool Turned>                                                                       \
  GPU_FUNCTION void function(Type, float(&sum)[COLUMNS][4], const std::uint32_t(&left)[4],     \
                             std::uint64_t right) {                                            \
    asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, " add                                   \
                 ", 0;\n"                                                                      \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." name "." name               \
                 " {" ATTNLAB_SUMS_##N                                                         \
                 "}, " ATTNLAB_LEFT(A0, A1, A2, A3) ", %" RIGHT ", add, 1, 1, %" TURN ";\n}"   \
                 : ATTNLAB_REGISTERS_##N(how)                                                  \
                 : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "l"(right),         \
                   "n"(static_cast<int>(Turned))                                               \
                 : "memory");                                                                  \
  }                                                                                            \
  template <bool Turned>                                                                       \
  GPU_FUNCTION void function(Type, float(&sum)[COLUMNS][4], std::uint64_t left,                \
                             std::uint64_t right) {                                            \
    asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, " add                                   \
                 ", 0;\n"                                                                      \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." name "." name               \
                 " {" ATTNLAB_SUMS_##N "}, %" A0 ", %" A1 ", add, 1, 1, 0, %" A2 ";\n}"        \
                 : ATTNLAB_REGISTERS_##N(how)                                                  \
                 : "l"(left), "l"(right), "n"(static_cast<int>(Turned))                        \
                 : "memory");                                                                  \
  }
#define ATTNLAB_WGMMA_OF(Type, name, ...)                                \
  ATTNLAB_WGMMA(multiply_new, ATTNLAB_NEW, "0", Type, name, __VA_ARGS__) \
  ATTNLAB_WGMMA(multiply_add, ATTNLAB_ADD, "1", Type, name, __VA_ARGS__)
#define ATTNLAB_WGMMA_BOTH(...)               \
  ATTNLAB_WGMMA_OF(Bf16, "bf16", __VA_ARGS__) \
  ATTNLAB_WGMMA_OF(F16, "f16", __VA_ARGS__)
ATTNLAB_WGMMA_BOTH(32, 4, "16", "17", "18", "19", "20", "21")
ATTNLAB_WGMMA_BOTH(64, 8, "32", "33", "34", "35", "36", "37")
ATTNLAB_WGMMA_BOTH(128, 16, "64", "65", "66", "67", "68", "69")
#undef ATTNLAB_WGMMA_BOTH
#undef ATTNLAB_WGMMA_OF
#undef ATTNLAB_LEFT
#undef ATTNLAB_WGMMA
#undef ATTNLAB_NEW
#undef ATTNLAB_ADD
#undef ATTNLAB_SUMS_32
#undef ATTNLAB_REGISTERS_32
#undef ATTNLAB_SUMS_64
#undef ATTNLAB_REGISTERS_64
#undef ATTNLAB_SUMS_128
#undef ATTNLAB_REGISTERS_128
/// sum [64, 8 N] = left [64, 16] right [16, 8 N] of a warpgroup. Float32 sums as those of N
/// multiply() a warp; left as there too, or a descriptor() with contiguous depth; right a
/// descriptor(), Turned where its columns are contiguous, else its depth. Sums and left operands
/// live until the wait and are not touched. Where other instructions write sums while a product is
/// under way, ptxas 13.0 runs products one by one and says C7515: also zeros that it moves there,
/// which `used` of a fence prevents.
template <class T, bool Turned, int N, class Left>
GPU_FUNCTION void multiply_group(float (&sum)[N][4], const Left& left, std::uint64_t right) {
  multiply_new<Turned>(T{}, sum, left, right);
}
/// The same, added to sum.
template <class T, bool Turned, int N, class Left>
GPU_FUNCTION void multiply_group_add(float (&sum)[N][4], const Left& left, std::uint64_t right) {
  multiply_add<Turned>(T{}, sum, left, right);
}

}  // namespace attnlab::cuda::gpu
#endif

namespace attnlab::cuda::gpu {

GPU_FUNCTION int warpgroup() { return thread() / kWarpgroup; }

/// A matrix in shared memory, as multiply_group takes it. Its depth contiguous: `stride` bytes from
/// 8 rows to the next 8; `leading` from 8 columns of depth to the next 8, without swizzle only. Its
/// rows contiguous: `stride` bytes from a depth of 8 to the next, `leading` from one pattern's rows
/// to the next pattern's; without swizzle the other way round.
GPU_FUNCTION std::uint64_t descriptor(std::uint32_t offset, std::uint32_t leading,
                                      std::uint32_t stride, Swizzle swizzle) {
  return std::uint64_t{(shared_address(offset) & 0x3ffffU) >> 4} |
         std::uint64_t{leading >> 4} << 16 | std::uint64_t{stride >> 4} << 32 |
         static_cast<std::uint64_t>(swizzle) << 62;
}
/// That of what is `bytes` further on: one addition; a new one is masked and shifted too.
GPU_FUNCTION std::uint64_t moved(std::uint64_t descriptor, std::uint32_t bytes) {
  return descriptor >> 32 << 32 | (static_cast<std::uint32_t>(descriptor) + bytes / 16);
}

}  // namespace attnlab::cuda::gpu
