/// kernels_cpu.cpp: segment attention on tiles of at most 64 queries by 64 keys.
///   out[t] = sum_s p[t,s] v[s],  p = softmax of scale q[t].k[s] over the pairs of the plan
/// Layout    forward: scores [keys, queries], a tile of queries stays and keys stream by;
///           backward: scores [queries, keys], a tile of keys stays and queries stream by.
///           What stays lies across vector lanes, packed once; rows that stream are gathered once
/// Cost      4 D FLOP a pair forward, 10 D backward: scores are recomputed once. A tile on the
///           diagonal costs its triangle, in steps of a vector and of 12 rows
/// Memory    scratch_bytes(D) a thread; the backward holds D + 3 sums a query, or 2 D + 3 where some
///           see more than 2048 keys
/// Numerics  online softmax (Milakov and Gimelshein 2018), sums in float32, or float64 for float64,
///           long ones in blocks (tile_long_sum.h); weights of bfloat16 are rounded to it where
///           the processor multiplies pairs of them; a query without keys gives 0 and -inf; what
///           is no number reaches attending pairs only
/// Order     every sum runs over keys (or queries) in packed order, in blocks of tiles by their
///           place: tasks take turns at the gradient of a query, so that it is bit-equal for any
///           thread count, and later rows never change the bits of an earlier row
/// Compiled once per instruction set with ATTNLAB_INSTRUCTIONS = baseline, avx2, ...; nothing
/// outside that namespace may be instantiated here, or the linker could pick the wrong copy.
#if defined(__AVX2__)
#include <immintrin.h>
#endif
#include <sched.h>

#include <cstdint>
#include <type_traits>

#include "framework/sparse/kernels.h"

#define ATTNLAB_TEXT_(name) #name
#define ATTNLAB_TEXT(name) ATTNLAB_TEXT_(name)

namespace attnlab::sparse::ATTNLAB_INSTRUCTIONS {
namespace {

// Each builds on those before it.
// clang-format off
#include "framework/sparse/tile_math.h"
#include "framework/sparse/tile_multiply.h"
#include "framework/sparse/tile_pattern.h"
#include "framework/sparse/tile_elements.h"
#include "framework/sparse/tile_pack.h"
#include "framework/sparse/tile_weights.h"
#include "framework/sparse/tile_long_sum.h"
#include "framework/sparse/tile_forward.h"
#include "framework/sparse/tile_backward_rows.h"
#include "framework/sparse/tile_backward_keys.h"
// clang-format on

constexpr const char* kInstructions = ATTNLAB_TEXT(ATTNLAB_INSTRUCTIONS);
#if defined(ATTNLAB_BF16_PAIRS)
constexpr const char* kFloatInstructions = "avx512";
#else
constexpr const char* kFloatInstructions = kInstructions;
#endif

template <class E>
constexpr Kernels<E> kernels() {
  return {kPairs<Unit<E>> ? kInstructions : kFloatInstructions, forward<E>, backward_rows<E>,
          backward_keys<E>};
}

}  // namespace

RowKernels row_kernels();  // row_kernels_cpu.cpp

const KernelTable& kernel_table() {
  static const KernelTable table{kInstructions,   kernels<float>(), kernels<double>(),
                                 kernels<Bf16>(), kernels<F16>(),   row_kernels()};
  return table;
}

}  // namespace attnlab::sparse::ATTNLAB_INSTRUCTIONS

#if defined(ATTNLAB_KERNEL_LIBRARY)
extern "C" __attribute__((visibility("default"))) const attnlab::sparse::KernelTable&
attnlab_sparse_kernels() {
  return attnlab::sparse::ATTNLAB_INSTRUCTIONS::kernel_table();
}
#endif
