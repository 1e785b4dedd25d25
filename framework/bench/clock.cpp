#include "framework/bench/clock.h"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace attnlab::bench {

void Clock::start() {
  moments_.clear();
  events_.clear();
}

void Clock::mark() {
  if (device_.is_cpu()) {
    moments_.push_back(std::chrono::steady_clock::now());
    return;
  }
  const c10::impl::VirtualGuardImpl guard(device_.type());
  // BACKEND_DEFAULT keeps timing on; PYTORCH_DEFAULT switches it off.
  events_.emplace_back(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
  events_.back().record(guard.getStream(device_));
}

std::vector<double> Clock::laps() {
  std::vector<double> seconds;
  for (std::size_t i = 1; i < moments_.size(); ++i) {
    seconds.push_back(std::chrono::duration<double>(moments_[i] - moments_[i - 1]).count());
  }
  if (!events_.empty()) events_.back().synchronize();
  for (std::size_t i = 1; i < events_.size(); ++i) {
    seconds.push_back(events_[i - 1].elapsedTime(events_[i]) / 1e3);
  }
  return seconds;
}

void synchronise(at::Device device) {
  if (device.is_cpu()) return;
  const c10::impl::VirtualGuardImpl guard(device.type());
  guard.getStream(device).synchronize();
}

}  // namespace attnlab::bench
