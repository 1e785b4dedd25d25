/// profile.h: where the time of training steps goes: by part of the model and by operator.
///   Kineto, LibTorch's own profiler, records; this adds up. Times of parts are exclusive: they add up
///   to what the host was busy with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/core/metric.h"

namespace attnlab::train {

/// Seconds of all profiled steps together.
struct PartTime {
  std::string name;      // model/step_part.h, "gradients" (their sums over micro-batches), "other"
  double forward = 0;    // host
  double backward = 0;   // host; 0 for parts outside the graph
  double device = 0;     // kernels on a GPU, both ways
};

struct OperatorTime {
  std::string name;      // "aten::addmm"; "in attention": the part's own code, outside operators
  std::int64_t calls = 0;
  double self = 0;       // host, without the operators that it calls
  double device = 0;     // kernels that it started on a GPU
};

struct Profile {
  std::int64_t steps = 0;
  double seconds = 0;  // of those steps, by the clock
  std::int64_t launches = 0;            // kernels, copies and fills on a GPU
  std::vector<PartTime> parts;          // longest first
  std::vector<OperatorTime> operators;  // longest first
};

/// Records the steps between begin() and end(). One at a time in a process; not thread-safe.
class Profiler {
 public:
  explicit Profiler(bool cuda);
  void begin();
  /// `trace`: where the step's events go as a Chrome trace (Perfetto opens it); empty: nowhere.
  /// Throws Error where it cannot be written.
  void end(const std::filesystem::path& trace = {});
  [[nodiscard]] Profile result() const;

 private:
  bool cuda_;
  double begun_ = 0;
  Profile sum_;
};

/// As a table, and as JSON with everything in seconds a step.
[[nodiscard]] std::string to_text(const Profile& profile);
[[nodiscard]] std::string to_json(const Profile& profile);
/// "profile/PART" and "profile/PART/backward": seconds a step.
[[nodiscard]] std::vector<Metric> metrics_of(const Profile& profile);

}  // namespace attnlab::train
