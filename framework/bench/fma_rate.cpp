// fma_rate.cpp: what the processor's multiply-adds do, when nothing else is in their way.
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "framework/bench/roofline.h"

namespace attnlab::bench {
namespace {

constexpr std::int64_t kRounds = 1'000'000;

#if defined(__x86_64__)
// Eight sums that do not wait for each other: as many as two units of a latency of four keep busy.
template <int Width>
struct Chains {
  typedef float Vector __attribute__((vector_size(4 * Width)));
  static constexpr int kSums = 8;
  static constexpr double kFlop = 2.0 * Width * kSums * kRounds;
};

#define ATTNLAB_FMA_LOOP(NAME, WIDTH, TARGET)                                                    \
  __attribute__((target(TARGET), noinline, optimize("O3"))) float NAME(float start) {            \
    using C = Chains<WIDTH>;                                                                     \
    C::Vector sums[C::kSums], factor = C::Vector{} + 0.999F, add = C::Vector{} + start;          \
    for (auto& sum : sums) sum = add;                                                            \
    for (std::int64_t i = 0; i < kRounds; ++i) {                                                 \
      _Pragma("GCC unroll 8") for (int k = 0; k < C::kSums; ++k) sums[k] = sums[k] * factor + add; \
      __asm__ volatile("");                                                                      \
    }                                                                                            \
    float total = 0;                                                                             \
    for (const auto& sum : sums) total += sum[0];                                                \
    return total;                                                                                \
  }
ATTNLAB_FMA_LOOP(loop_of_16, 16, "avx512f")
ATTNLAB_FMA_LOOP(loop_of_8, 8, "avx2,fma")
#undef ATTNLAB_FMA_LOOP

using Loop = float (*)(float);
struct Choice {
  Loop loop = nullptr;
  double flop = 0;
};
Choice widest() {
  if (__builtin_cpu_supports("avx512f")) return {loop_of_16, Chains<16>::kFlop};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {loop_of_8, Chains<8>::kFlop};
  return {};
}
#else
struct Choice {
  float (*loop)(float) = nullptr;
  double flop = 0;
};
Choice widest() { return {}; }
#endif

}  // namespace

double fma_rate() {
  const auto [loop, flop] = widest();
  if (loop == nullptr) return 0;
  const auto threads = at::get_num_threads();
  std::atomic<float> kept = 0;  // so that the sums are needed
  double least = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    at::parallel_for(0, threads, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto thread = begin; thread < end; ++thread) kept.store(loop(static_cast<float>(thread)));
    });
    least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return flop * threads / least;
}

}  // namespace attnlab::bench
