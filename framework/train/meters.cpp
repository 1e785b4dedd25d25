#include "framework/train/meters.h"

#include <algorithm>

namespace attnlab::train {
namespace {

// The finaliser of splitmix64: steps that recur with a period are thinned like all others.
std::uint64_t hash(std::int64_t step) {
  auto x = static_cast<std::uint64_t>(step) + 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

}  // namespace

void StepTimer::add(double seconds) {
  if ((hash(count_) & mask_) == 0) kept_.emplace_back(count_, seconds);
  ++count_;
  total_ += seconds;
  if (kept_.size() <= kMost) return;
  mask_ = 2 * mask_ + 1;
  std::erase_if(kept_, [this](const auto& step) { return (hash(step.first) & mask_) != 0; });
}

void StepTimer::count(double now) {
  const double each = uncounted_ == 0 ? 0 : (now - since_) / static_cast<double>(uncounted_);
  for (; uncounted_ > 0; --uncounted_) add(each);
}

double StepTimer::median() const {
  const auto warm_up = std::max<std::int64_t>(3, count_ / 10);
  std::vector<double> counted;
  for (const auto& [step, seconds] : kept_) {
    if (count_ <= warm_up || step >= warm_up) counted.push_back(seconds);
  }
  if (counted.empty()) return 0;
  std::ranges::sort(counted);
  const std::size_t middle = counted.size() / 2;
  return counted.size() % 2 == 1 ? counted[middle] : (counted[middle - 1] + counted[middle]) / 2;
}

void StepTimer::save(checkpoint::State& state) const {
  state.timed_steps = count_;
  state.timed_seconds = total_;
  state.timing_mask = mask_;
  state.step_seconds = kept_;
}

void StepTimer::load(const checkpoint::State& state) {
  count_ = state.timed_steps;
  total_ = state.timed_seconds;
  mask_ = state.timing_mask;
  kept_ = state.step_seconds;
}

}  // namespace attnlab::train
