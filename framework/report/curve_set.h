/// curve_set.h: one metric of groups of runs over steps, seconds and tokens at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/report/study.h"

namespace attnlab::report {

struct CurvePoint {
  double step = 0, seconds = 0, tokens = 0;  // means over the seeds that have the point
  double mean = 0;                           // over seeds, NaN where one of them is NaN
  double low = 0, high = 0;                  // smallest and largest of the seeds
};

struct CurveLine {
  std::size_t group = 0;  // index
  std::vector<CurvePoint> points;
};

struct CurveSet {
  std::string key, unit;
  std::int64_t width = 1;  // steps that make a point; 1: every number is one
  std::vector<CurveLine> lines;
};

/// What reading may cost: points of one run, points of all runs, and numbers of all runs. Above that
/// a point is the mean and the range of a piece of the steps, of which as many numbers as fit are read.
struct CurveLimits {
  std::int64_t points = 1000, points_of_all = 100'000, numbers = 4'000'000;
};

/// Lines in the groups' order, without groups that have no number of that key.
[[nodiscard]] CurveSet curve_set(const store::Reader& reader, const std::vector<Group>& groups,
                                 const std::string& key, const CurveLimits& limits);

}  // namespace attnlab::report
