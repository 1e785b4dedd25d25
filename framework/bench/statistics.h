/// statistics.h: what a list of samples says.
#pragma once

#include <vector>

namespace attnlab::bench {

/// Five numbers of a sample; linear interpolation between neighbours. All 0 for no samples.
struct Spread {
  double least = 0, q1 = 0, median = 0, q3 = 0, most = 0;
};
[[nodiscard]] Spread spread(std::vector<double> samples);

/// p in y ~ c * x^p by least squares of log y on log x. NaN for fewer than two distinct x, or where
/// a value is not positive.
[[nodiscard]] double growth_exponent(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace attnlab::bench
