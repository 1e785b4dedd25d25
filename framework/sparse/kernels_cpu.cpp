/// kernels_cpu.cpp: segment attention on tiles of at most 64 queries by 64 keys.
///   out[t] = sum_s p[t,s] v[s],  p = softmax of scale q[t].k[s] over the pairs of the plan
/// Layout    forward and dQ hold scores as [keys, queries], dK and dV as [queries, keys]: a tile's
///           own rows lie across vector lanes, the other side streams by, gathered row by row
/// Cost      4 D FLOP a pair forward, 14 D backward (scores are recomputed in both passes)
/// Memory    scratch_size(D) elements a thread; the backward gets three numbers a row
/// Numerics  online softmax (Milakov and Gimelshein 2018), sums in float32, or float64 for float64;
///           a query without keys gives 0 and -inf; what is no number reaches attending pairs only
/// Order     every sum runs over keys (or queries) in packed order: bit-equal for any thread
///           count, and later rows never change the bits of an earlier row
/// Compiled once per instruction set with ATTNLAB_INSTRUCTIONS = baseline, avx2, ...; nothing
/// outside that namespace may be instantiated here, or the linker could pick the wrong copy.
#include "framework/sparse/kernels.h"

#include <cstdint>

#define ATTNLAB_TEXT_(name) #name
#define ATTNLAB_TEXT(name) ATTNLAB_TEXT_(name)

namespace attnlab::sparse::ATTNLAB_INSTRUCTIONS {
namespace {

#include "framework/sparse/tile_math.h"
#include "framework/sparse/tile_pattern.h"

#include "framework/sparse/tile_elements.h"

#include "framework/sparse/tile_blocks.h"

#include "framework/sparse/tile_forward.h"

#include "framework/sparse/tile_backward_query.h"

#include "framework/sparse/tile_backward_key.h"

template <class E>
constexpr Kernels<E> kernels() {
  return {forward<E>, backward_query<E>, backward_key<E>};
}

}  // namespace

RowKernels row_kernels();  // row_kernels_cpu.cpp

const KernelTable& kernel_table() {
  static const KernelTable table{ATTNLAB_TEXT(ATTNLAB_INSTRUCTIONS),
                                 kernels<float>(),
                                 kernels<double>(),
                                 kernels<Bf16>(),
                                 kernels<F16>(),
                                 row_kernels()};
  return table;
}

}  // namespace attnlab::sparse::ATTNLAB_INSTRUCTIONS

#if defined(ATTNLAB_KERNEL_LIBRARY)
extern "C" __attribute__((visibility("default"))) const attnlab::sparse::KernelTable&
attnlab_sparse_kernels() {
  return attnlab::sparse::ATTNLAB_INSTRUCTIONS::kernel_table();
}
#endif
