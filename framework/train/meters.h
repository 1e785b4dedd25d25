/// meters.h: how fast, and what is recorded of it.
#pragma once

#include <cstdint>
#include <vector>

namespace attnlab::train {

/// Durations of whole optimiser steps, evaluation excluded. The first tenth, three steps at least,
/// is warm-up and does not count once there is more.
class StepTimer {
 public:
  void add(double seconds) { seconds_.push_back(seconds); }
  /// Median seconds of a step after warm-up; 0 before the first step.
  [[nodiscard]] double median() const;
  [[nodiscard]] double total() const { return total_of(seconds_); }

 private:
  static double total_of(const std::vector<double>& seconds);
  std::vector<double> seconds_;
};

}  // namespace attnlab::train
