/// check_printer.h: the lines of `attnlab plugin check`.
#pragma once

#include <cstddef>
#include <string>

#include "framework/cli/plugin/check_child.h"
#include "framework/core/status_lines.h"

namespace attnlab::cli {

class CheckPrinter {
 public:
  /// Prints what is checked, and how.
  CheckPrinter(const std::string& plugin, const launch::CheckRequest& request,
               const CheckLimits& limits);

  /// "gradients: case 3 of 15: B=1 ...", where somebody watches.
  void progress(const launch::CheckReport& report);
  /// One line; where a property failed, what went wrong, the case, and the command that repeats it.
  void result(const launch::CheckReport& report);
  /// The last line. Returns kExitOk, or kCheckFailed where a property failed.
  [[nodiscard]] int summary();

 private:
  [[nodiscard]] std::string repeat(const launch::CheckReport& report) const;

  std::string plugin_;
  launch::CheckRequest request_;
  CheckLimits limits_;
  StatusLines status_;
  std::size_t passed_ = 0, failed_ = 0, noted_ = 0, silent_ = 0;
};

}  // namespace attnlab::cli
