/// profiled_steps.h: which steps of a run train.profile looks at, and where what it saw goes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/config/run_config.h"
#include "framework/core/metric.h"

namespace attnlab::train {

class Profiler;

/// Where profiles of a run go.
struct Profiling {
  std::filesystem::path folder{};  // of this attempt; empty: nothing is profiled
  bool cuda = false;               // kernels on the device too
  /// Told of each file: "profile", path.
  std::function<void(const std::string& kind, const std::filesystem::path& file)> written{};
  std::function<void(const std::string& line)> say{};  // for the run's log
};
inline const Profiling kNoProfile{};

/// The first two steps of an attempt warm up and are left out where there are more.
class ProfiledSteps {
 public:
  /// Steps `begin` .. config.steps - 1 are to come.
  ProfiledSteps(const config::TrainConfig& config, const Profiling& profiling, std::int64_t begin);
  ProfiledSteps(const ProfiledSteps&) = delete;
  ProfiledSteps& operator=(const ProfiledSteps&) = delete;
  ~ProfiledSteps();

  void before(std::int64_t step);
  /// After the last profiled step it writes profile.txt, profile.json and profile_trace.json and
  /// returns what is to be stored; else nothing. What cannot be written is said and ends no run.
  [[nodiscard]] std::vector<Metric> after(std::int64_t step);

 private:
  [[nodiscard]] bool covers(std::int64_t step) const { return step >= first_ && step < last_; }
  void write() const;

  const Profiling& profiling_;
  std::int64_t first_ = 0, last_ = 0;
  std::unique_ptr<Profiler> profiler_;
};

}  // namespace attnlab::train
