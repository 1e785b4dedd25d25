/// curve_set.h: one metric of groups of runs over steps, seconds and tokens at once. A line is a mean over the same runs
///   from its first point to its last: those that are done, of a group without one all, at steps of which all of them have
///   a number.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "framework/report/study.h"

namespace attnlab::report {

struct CurvePoint {
  double step = 0, seconds = 0, tokens = 0;  // means over the runs of the line
  double mean = 0;                           // NaN where one of them is NaN
  double low = 0, high = 0;                  // smallest and largest of them
};

struct CurveLine {
  std::size_t group = 0;  // index
  std::vector<CurvePoint> points;
  std::int64_t runs = 0;                // that the means are over
  std::vector<std::string> left_out{};  // of the group: "seed 3 (failed)"
};

/// "dense seed 3 (failed), none seed 0 (interrupted)"; "" where nothing was left out.
[[nodiscard]] std::string left_out_of(const std::vector<CurveLine>& lines, const std::vector<Group>& groups);

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
