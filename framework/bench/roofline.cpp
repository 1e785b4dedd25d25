#include "framework/bench/roofline.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace attnlab::bench {
namespace {

constexpr int kTries = 7;
constexpr double kFlopOfExp = 16;  // a polynomial of degree 6 and what brings its argument into range

template <class Call>
double least_seconds(at::Device device, Call&& call) {
  Clock clock(device);
  double least = 1e9;
  for (int i = 0; i < kTries; ++i) {
    clock.start();
    clock.mark();
    call();
    clock.mark();
    least = std::min(least, clock.laps()[0]);
  }
  return least;
}

}  // namespace

Rates measure_rates(at::Device device, at::ScalarType dtype, std::int64_t head_dim) {
  const at::NoGradGuard no_graph;
  const auto options = at::device(device).dtype(dtype);
  const std::int64_t n = device.is_cpu() ? 1024 : 8192;
  const std::int64_t tiles = device.is_cpu() ? 256 : 16384;
  Rates rates;
  {
    const auto a = at::randn({n, n}, options), b = at::randn({n, n}, options);
    auto c = at::empty({n, n}, options);
    const auto flop =
        2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
    rates.large_gemm = flop / least_seconds(device, [&] { at::mm_out(c, a, b); });
  }
  {
    const auto a = at::randn({tiles, 64, head_dim}, options);
    const auto b = at::randn({tiles, head_dim, 64}, options);
    auto c = at::empty({tiles, 64, 64}, options);
    const double flop = 2.0 * 64 * 64 * static_cast<double>(head_dim * tiles);
    rates.tile_gemm = flop / least_seconds(device, [&] { at::bmm_out(c, a, b); });
  }
  if (device.is_cpu()) rates.fma = fma_rate();
  {
    auto x = at::rand({device.is_cpu() ? 1 << 16 : 1 << 24}, options.dtype(at::kFloat));
    auto y = at::empty_like(x);
    const auto seconds = least_seconds(device, [&] { at::exp_out(y, x); });
    rates.exponentials = static_cast<double>(x.numel()) / seconds;
  }
  {
    const auto x =
        at::zeros({std::int64_t{1} << (device.is_cpu() ? 26 : 29)}, options.dtype(at::kByte));
    auto y = at::empty_like(x);
    const auto seconds = least_seconds(device, [&] { y.copy_(x); });
    rates.bytes = 2 * static_cast<double>(x.numel()) / seconds;
  }
  return rates;
}

Bound bound(const Rates& rates, const Measured& m, bool on_cpu) {
  const double pairs = m.pairs_in_tiles > 0 ? m.pairs_in_tiles : m.pairs;
  const double directions = m.pass == config::Pass::both ? 2 : 1;
  Bound b;
  b.gemm_seconds =
      pairs * flop_per_pair(m.head_dim, m.pass) / std::max({rates.large_gemm, rates.tile_gemm, rates.fma});
  b.exp_seconds = pairs * directions / std::max(rates.exponentials, rates.fma / kFlopOfExp);
  b.memory_seconds = m.bytes / rates.bytes;
  const double compute =
      on_cpu ? b.gemm_seconds + b.exp_seconds : std::max(b.gemm_seconds, b.exp_seconds);
  b.seconds = std::max(compute, b.memory_seconds);
  return b;
}

std::vector<Metric> metrics_of(const Rates& rates, const Bound& b, double median_seconds) {
  return {{{"roofline/large_gemm", "FLOP/s", Goal::none}, rates.large_gemm},
          {{"roofline/tile_gemm", "FLOP/s", Goal::none}, rates.tile_gemm},
          {{"roofline/fma", "FLOP/s", Goal::none}, rates.fma},
          {{"roofline/exponentials", "1/s", Goal::none}, rates.exponentials},
          {{"roofline/bandwidth", "bytes/s", Goal::none}, rates.bytes},
          {{"roofline/gemm_seconds", "s", Goal::none}, b.gemm_seconds},
          {{"roofline/exp_seconds", "s", Goal::none}, b.exp_seconds},
          {{"roofline/memory_seconds", "s", Goal::none}, b.memory_seconds},
          {{"roofline/seconds", "s", Goal::none}, b.seconds},
          {{"roofline/share", "share", Goal::maximise}, b.seconds / median_seconds}};
}

}  // namespace attnlab::bench
