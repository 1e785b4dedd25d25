/// conclude.h: why a worker ended that did not say so itself.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "framework/core/status.h"
#include "framework/launch/child_process.h"

namespace attnlab::launch {

/// What is known after the end of a worker whose run still stands as running.
struct Evidence {
  Outcome end{};
  bool began = true;                     // it has reported something
  bool asked_to_stop = false;            // we sent SIGTERM (and SIGKILL later)
  double silent_seconds = 0;             // not 0: we killed it after so long without a report
  std::optional<bool> memory_ran_out{};  // MemoryWatch::killed()
  std::int64_t memory_limit = 0;         // bytes, 0: unknown
  std::string last_words{};              // text of its "end" report
  std::string log_end{};                 // last lines of its log
};

/// Throws nothing.
[[nodiscard]] Ending conclude(const Evidence& evidence);

/// The last lines of a text file that are not empty, without control characters; "" without a file.
[[nodiscard]] std::string log_end(const std::filesystem::path& log, std::size_t lines = 5);

/// "SIGSEGV (Segmentation fault)"
[[nodiscard]] std::string signal_text(int number);

}  // namespace attnlab::launch
