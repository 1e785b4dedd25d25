#include "framework/train/meters.h"

#include <algorithm>
#include <numeric>

namespace attnlab::train {

double StepTimer::median() const {
  if (seconds_.empty()) return 0;
  const std::size_t warm_up = std::max<std::size_t>(3, seconds_.size() / 10);
  const std::size_t skip = seconds_.size() > warm_up ? warm_up : 0;
  std::vector<double> counted(seconds_.begin() + static_cast<std::ptrdiff_t>(skip), seconds_.end());
  std::ranges::sort(counted);
  const std::size_t middle = counted.size() / 2;
  return counted.size() % 2 == 1 ? counted[middle] : (counted[middle - 1] + counted[middle]) / 2;
}

double StepTimer::total_of(const std::vector<double>& seconds) {
  return std::accumulate(seconds.begin(), seconds.end(), 0.0);
}

}  // namespace attnlab::train
