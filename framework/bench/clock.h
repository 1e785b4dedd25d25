/// clock.h: time on the device that computes.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <chrono>
#include <variant>
#include <vector>

namespace attnlab::bench {

/// Marks on the device's time line. On a GPU they are events in the current stream, so nothing
/// waits before the last mark is read; on a CPU the steady clock.
class Clock {
 public:
  explicit Clock(at::Device device) : device_(device) {}

  void start();  // forgets all marks
  void mark();   // the next mark
  /// Seconds between consecutive marks; waits for the last one.
  [[nodiscard]] std::vector<double> laps();

 private:
  using Moment = std::chrono::steady_clock::time_point;
  at::Device device_;
  std::vector<Moment> moments_;
  std::vector<c10::Event> events_;
};

/// Waits until everything that was asked of the device is done.
void synchronise(at::Device device);

}  // namespace attnlab::bench
