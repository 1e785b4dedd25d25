/// roofline.h: the time below which a pass cannot fall, from rates measured in the same process.
#pragma once

#include <vector>

#include "framework/bench/measures.h"
#include "framework/core/metric.h"

namespace attnlab::bench {

/// What this machine does with the threads it was given, each the best of several tries.
struct Rates {
  double large_gemm = 0;    // FLOP/s of one large matrix product
  double tile_gemm = 0;     // FLOP/s of many independent 64 x 64 x D products
  double fma = 0;           // FLOP/s of float32 multiply-adds in registers, on a CPU that has vectors of them
  double exponentials = 0;  // per second, over values in cache
  double bytes = 0;         // per second, read and written, of a copy that is in no cache
};
[[nodiscard]] Rates measure_rates(at::Device device, at::ScalarType dtype, std::int64_t head_dim);

/// fma; 0: not known.
[[nodiscard]] double fma_rate();

/// The least time for what was measured: products of all computed tiles (forward 2, backward 5) at
/// the best of the three rates, for a library may not use all that a processor has; one exponential a pair and
/// direction, of eight multiply-adds where that is faster than LibTorch's; and each tensor
/// moved once. On a CPU products and exponentials share the units, so they add up.
struct Bound {
  double gemm_seconds = 0, exp_seconds = 0, memory_seconds = 0;
  double seconds = 0;
};
[[nodiscard]] Bound bound(const Rates& rates, const Measured& measured, bool on_cpu);

/// "roofline/seconds", "roofline/share" of the median, and what they are made of.
[[nodiscard]] std::vector<Metric> metrics_of(const Rates& rates, const Bound& bound,
                                             double median_seconds);

}  // namespace attnlab::bench
