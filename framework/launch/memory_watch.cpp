#include "framework/launch/memory_watch.h"

#include "framework/core/limits.h"

namespace attnlab::launch {

MemoryWatch::MemoryWatch(std::filesystem::path root) : root_(std::move(root)), before_(kills()) {}

std::optional<bool> MemoryWatch::killed() const {
  const auto now = kills();
  if (!now || !before_) return std::nullopt;
  return *now > *before_;
}

// The sum over all counters: only its growth matters, so counting one kill twice does no harm.
std::optional<std::int64_t> MemoryWatch::kills() const {
  auto files = control_group_files("memory", "memory.events", "memory.oom_control", root_);
  files.push_back(root_ / "proc/vmstat");
  std::optional<std::int64_t> sum;
  for (const auto& file : files) {
    if (const auto count = number_in(file, "oom_kill"); count >= 0) sum = sum.value_or(0) + count;
  }
  return sum;
}

std::int64_t MemoryWatch::limit_bytes() const { return memory_limit(root_); }

}  // namespace attnlab::launch
