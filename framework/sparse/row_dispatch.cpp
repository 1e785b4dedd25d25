#include "framework/sparse/row_kernels.h"

namespace attnlab::sparse {
namespace {

RowKernels choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return avx512::row_kernels();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::row_kernels();
#endif
  return baseline::row_kernels();
}

}  // namespace

const RowKernels& row_kernels() {
  static const RowKernels best = choose();
  return best;
}

}  // namespace attnlab::sparse
