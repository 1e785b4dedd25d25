// launcher_gpus.cpp: which pending cell can start now: one that needs GPUs waits until as many are free.
#include <fmt/format.h>

#include "framework/launch/launcher.h"

namespace attnlab::launch {
namespace {

constexpr double kLookForGpuEvery = 0.2;  // seconds

}  // namespace

bool Launcher::waits_for_gpu(const Cell& cell) const {
  return cell.gpus > 0 && cell.refusal.empty() && options_.gpus != nullptr;
}

// Cells that need none go past those that wait; those that need fewer do not, or one with several ranks would
// wait as long as there are others. A cell that is done needs none either.
std::optional<Launcher::Number> Launcher::next_pending(std::unique_ptr<GpuClaim>& gpu) {
  bool looked = clock_seconds() < next_gpu_look_;
  for (auto it = pending_.begin(); it != pending_.end(); ++it) {
    if (waits_for_gpu(cells_[*it])) {
      if (!looked) gpu = take_gpus(cells_[*it].gpus);
      const bool first_look = !std::exchange(looked, true);
      const bool done = !gpu && first_look && is_done(cells_[*it]);
      if (!gpu && !done) continue;
      if (done) next_gpu_look_ = 0;  // the next cell may be done as well
    }
    const Number number = *it;
    pending_.erase(it);
    return number;
  }
  return std::nullopt;
}

std::unique_ptr<GpuClaim> Launcher::take_gpus(int count) {
  auto gpu = options_.gpus->take(static_cast<std::size_t>(count));
  next_gpu_look_ = gpu ? 0 : clock_seconds() + kLookForGpuEvery;
  if (gpu) {
    told_of_gpus_ = false;
  } else if (running_.empty() && !std::exchange(told_of_gpus_, true)) {
    progress_.note(count == 1 ? fmt::format("waiting      for a GPU: all {} places are taken by other runs", options_.gpus->places())
                              : fmt::format("waiting      for {} GPUs at once: other runs have too many of the {} places", count, options_.gpus->places()));
  }
  return gpu;
}

}  // namespace attnlab::launch
