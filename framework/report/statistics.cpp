#include "framework/report/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace attnlab::report {
namespace {

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

/// Gamma(a + 1/2) / Gamma(a). By differences of lgamma it would lose a digit for every digit of a.
double gamma_ratio(double a) {
  double factor = 1;
  for (; a < 100; a += 1) factor *= a / (a + 0.5);
  const double i = 1 / a;  // the asymptotic series; its next term is below 1e-15 here
  const double series =
      1 + i * (-1.0 / 8 +
               i * (1.0 / 128 + i * (5.0 / 1024 + i * (-21.0 / 32768 + i * (-399.0 / 262144)))));
  return factor * std::sqrt(a) * series;
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method.
double beta_fraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  const auto nonzero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1, d = 1 / nonzero(1 - (a + b) * x / (a + 1)), result = d;
  for (int m = 1; m < 100'000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonzero(1 + even * d);
    c = nonzero(1 + even / c);
    result *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonzero(1 + odd * d);
    c = nonzero(1 + odd / c);
    result *= d * c;
    if (std::abs(d * c - 1) < 1e-16) break;
  }
  return result;
}

}  // namespace

// I_x(freedom/2, 1/2) with x = freedom / (freedom + t^2); x and 1 - x are both formed without
// cancellation, and of the two fractions the one that converges fast is taken.
double student_two_sided(double t, double freedom) {
  if (std::isnan(t)) return kNoNumber;
  if (std::isinf(t)) return 0;
  const double a = freedom / 2, ratio = t / freedom * t;
  const double x = 1 / (1 + ratio), rest = ratio / (1 + ratio);
  if (rest == 0) return 1;
  // x^a (1 - x)^(1/2) / B(a, 1/2)
  const double front = std::exp(-a * std::log1p(ratio)) * std::sqrt(rest) * gamma_ratio(a) /
                       std::sqrt(std::numbers::pi);
  if (x < (a + 1) / (a + 2.5)) return front * beta_fraction(x, a, 0.5) / a;
  return 1 - front * beta_fraction(rest, 0.5, a) / 0.5;
}

double student_critical(double alpha, double freedom) {
  double low = 0, high = 1;
  while (student_two_sided(high, freedom) > alpha && high < 1e300) low = high, high *= 2;
  for (double middle = 0; middle = low + (high - low) / 2, middle > low && middle < high;) {
    (student_two_sided(middle, freedom) > alpha ? low : high) = middle;
  }
  return high;
}

Sample sample_of(std::span<const double> numbers) {
  const auto count = static_cast<double>(numbers.size());
  Sample sample{numbers.size(), kNoNumber, kNoNumber};
  if (numbers.empty()) return sample;
  sample.mean = std::accumulate(numbers.begin(), numbers.end(), 0.0) / count;
  if (numbers.size() < 2) return sample;
  double squares = 0;
  for (const double number : numbers) squares += (number - sample.mean) * (number - sample.mean);
  sample.deviation = std::sqrt(squares / (count - 1));
  return sample;
}

PairedTest paired_test(std::span<const double> differences, double alpha) {
  PairedTest test{sample_of(differences), kNoNumber, kNoNumber, kNoNumber};
  const bool finite = std::ranges::all_of(differences, [](double x) { return std::isfinite(x); });
  if (differences.size() < kFewestPairs || !finite) return test;
  const double freedom = static_cast<double>(differences.size()) - 1;
  // A mean of equal numbers may miss them by a rounding, which would look like a spread.
  const auto [least, most] = std::ranges::minmax(differences);
  if (least == most) test.differences = {differences.size(), least, 0};
  const auto& [count, mean, deviation] = test.differences;
  const double error = deviation / std::sqrt(static_cast<double>(count));
  const double reach = student_critical(alpha, freedom) * error;
  test.low = mean - reach;
  test.high = mean + reach;
  test.p = error > 0 ? student_two_sided(mean / error, freedom) : mean == 0 ? 1 : 0;
  return test;
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (!std::isnan(p[i])) order.push_back(i);
  }
  std::ranges::sort(order, {}, [&](std::size_t i) { return p[i]; });
  std::vector<double> adjusted(p.size(), kNoNumber);
  double greatest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double factor = static_cast<double>(order.size() - rank);
    greatest = std::max(greatest, std::min(1.0, factor * p[order[rank]]));
    adjusted[order[rank]] = greatest;
  }
  return adjusted;
}

}  // namespace attnlab::report
