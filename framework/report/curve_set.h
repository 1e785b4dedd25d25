/// curve_set.h: one metric of groups of runs over steps, seconds and tokens at once.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
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
  std::int64_t least = 50;  // points of a run, however many runs there are
};

/// How the numbers of a metric become points: `width` steps make one, of which the first `numbers`
/// numbers are read. Width 1 is every number.
struct CurveReading {
  std::int64_t key = 0, width = 1, numbers = 1;
};
[[nodiscard]] CurveReading curve_reading(const store::Reader& reader,
                                         const std::vector<Group>& groups, std::int64_t key,
                                         const CurveLimits& limits = {});
/// No points where the group has no number of that key.
[[nodiscard]] CurveLine curve_line(const store::Reader& reader, const Group& group,
                                   std::size_t index, const CurveReading& reading);

/// Lines that were read before: of a store that grows, only groups with news are read again.
struct LineCache {
  std::map<std::int64_t, std::string> states;  // of each run, a text that differs when its numbers do
  struct Kept {
    std::string state;
    CurveLine line;
  };
  std::map<std::pair<std::string, std::size_t>, Kept> lines;  // by key and group
};

/// Lines in the groups' order, without groups that have no number of that key.
[[nodiscard]] CurveSet curve_set(const store::Reader& reader, const std::vector<Group>& groups,
                                 const std::string& key, const CurveLimits& limits,
                                 LineCache* cache = nullptr);

}  // namespace attnlab::report
