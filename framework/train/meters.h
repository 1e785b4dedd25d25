/// meters.h: how fast, in memory and time that do not grow with the steps.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "framework/checkpoint/state.h"

namespace attnlab::train {

/// Durations of whole optimiser steps, evaluation excluded. The first tenth, three steps at least,
/// is warm-up and does not count once there is more. Up to kMost steps the median is exact; of more,
/// half of the kept ones are given up whenever they are too many, chosen by a hash of their number.
class StepTimer {
 public:
  static constexpr std::size_t kMost = 4096;

  void add(double seconds);
  /// For steps that nobody waits for: begin() and end() of each, by the clock, and count() when the device has done
  /// them all. As far as the host knows, they took equally long.
  void begin(double now) { since_ = uncounted_ == 0 ? now : since_; }
  void end() { ++uncounted_; }
  void count(double now);
  /// Median seconds of a step after warm-up; 0 before the first step. O(kMost): for validations.
  [[nodiscard]] double median() const;
  /// O(1): for every step.
  [[nodiscard]] double mean() const { return count_ == 0 ? 0 : total_ / static_cast<double>(count_); }
  [[nodiscard]] double total() const { return total_; }

  /// To and from a checkpoint.
  void save(checkpoint::State& state) const;
  void load(const checkpoint::State& state);

 private:
  std::int64_t count_ = 0, uncounted_ = 0;
  double since_ = 0;  // when the first uncounted one began
  double total_ = 0;
  std::uint64_t mask_ = 0;  // a step is kept while its hash has no bit of these
  std::vector<std::pair<std::int64_t, double>> kept_;  // number of the step, seconds
};

}  // namespace attnlab::train
