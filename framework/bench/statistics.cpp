#include "framework/bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attnlab::bench {

Spread spread(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::ranges::sort(samples);
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(samples.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const auto above = std::min(below + 1, samples.size() - 1);
    return std::lerp(samples[below], samples[above], place - static_cast<double>(below));
  };
  return {at(0), at(0.25), at(0.5), at(0.75), at(1)};
}

double growth_exponent(const std::vector<double>& x, const std::vector<double>& y) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const auto n = static_cast<double>(x.size());
  double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!(x[i] > 0) || !(y[i] > 0)) return kNone;
    const double u = std::log(x[i]), v = std::log(y[i]);
    sum_x += u, sum_y += v, sum_xx += u * u, sum_xy += u * v;
  }
  const double spread_x = sum_xx - sum_x * sum_x / n;
  return x.size() < 2 || spread_x < 1e-12 ? kNone : (sum_xy - sum_x * sum_y / n) / spread_x;
}

}  // namespace attnlab::bench
