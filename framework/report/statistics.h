/// statistics.h: how sure a difference of few numbers is: Student's t and Holm's correction.
///   Pure functions; none throws. Tests hold them to scipy's and statsmodels' numbers
///   within 1e-12, up to 10,000 degrees of freedom.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace attnlab::report {

/// P(|T| >= |t|) for Student's t with `freedom` > 0 degrees of freedom; NaN where t is.
[[nodiscard]] double student_two_sided(double t, double freedom);

/// The t that |T| exceeds with probability `alpha`, which lies between 0 and 1.
[[nodiscard]] double student_critical(double alpha, double freedom);

struct Sample {
  std::size_t count = 0;
  double mean = 0;       // NaN where there is none
  double deviation = 0;  // of the sample (n - 1); NaN for fewer than two
};
[[nodiscard]] Sample sample_of(std::span<const double> numbers);

/// What the differences of pairs say of their mean. Two pairs have an interval that is wider than
/// anything worth knowing, so from three on there is one; below, it and p are NaN.
struct PairedTest {
  Sample differences;
  double low = 0, high = 0;  // the interval that covers the true mean with probability 1 - alpha
  double p = 1;              // of a difference at least so large where there is none
};
inline constexpr std::size_t kFewestPairs = 3;
/// Student (1908). Differences that are all equal have p 0, or 1 where they are all 0. Where one is not
/// finite, as after a run that diverged, there is no test: the interval and p are NaN.
[[nodiscard]] PairedTest paired_test(std::span<const double> differences, double alpha);

/// Holm (1979): p values such that calling those below alpha real is wrong anywhere among them with
/// probability alpha at most, whatever depends on what. NaN stays NaN and counts as no question.
[[nodiscard]] std::vector<double> holm(std::span<const double> p);

}  // namespace attnlab::report
