#include "framework/sparse/kernels.h"

namespace attnlab::sparse {
namespace {

template <class T>
Kernels<T> choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return avx512::kernels<T>();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::kernels<T>();
#endif
  return baseline::kernels<T>();
}

}  // namespace

template <class T>
const Kernels<T>& kernels() {
  static const Kernels<T> best = choose<T>();
  return best;
}
template const Kernels<float>& kernels<float>();
template const Kernels<double>& kernels<double>();

}  // namespace attnlab::sparse
