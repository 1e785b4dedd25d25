/// memory_watch.h: was a process killed because memory ran out?
///   The kernel does not tell the parent. It counts: `oom_kill` in /proc/vmstat, in memory.events
///   (control groups v2) and in memory.oom_control (v1).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace attnlab::launch {

class MemoryWatch {
 public:
  /// Takes the counters now. `root` is "/" except in tests.
  explicit MemoryWatch(std::filesystem::path root = "/");

  /// Whether the kernel has killed for memory since then; nullopt where it does not count.
  [[nodiscard]] std::optional<bool> killed() const;

  /// What a process of ours can use at most: the smallest limit of the control groups and the
  /// machine's memory, in bytes; 0 where it is unknown.
  [[nodiscard]] std::int64_t limit_bytes() const;

 private:
  [[nodiscard]] std::optional<std::int64_t> kills() const;

  std::filesystem::path root_;
  std::optional<std::int64_t> before_;
};

}  // namespace attnlab::launch
