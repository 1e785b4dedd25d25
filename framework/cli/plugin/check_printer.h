/// check_printer.h: the lines of `attnlab plugin check`.
#pragma once

#include <cstddef>
#include <set>
#include <string>

#include "framework/core/status_lines.h"
#include "framework/launch/check_child.h"

namespace attnlab::cli {

class CheckPrinter final : public launch::CheckListener {
 public:
  /// Prints what is checked, and how.
  CheckPrinter(const std::string& plugin, const launch::CheckRequest& request,
               const launch::CheckLimits& limits);

  /// "gradients: case 3 of 15: B=1 ..." where somebody watches; a line for each result, and where a
  /// property failed, what went wrong, the case, and the command that repeats it.
  void report(const launch::CheckReport& report) override;
  /// The last line. Returns kExitOk, or kCheckFailed where a property failed. Throws Error where there was a case for
  /// none of them: then nothing is known of the plugin.
  [[nodiscard]] int summary();

 private:
  void progress(const launch::CheckReport& report);
  void result(const launch::CheckReport& report);
  [[nodiscard]] std::string repeat(const launch::CheckReport& report) const;

  std::string plugin_;
  launch::CheckRequest request_;
  launch::CheckLimits limits_;
  StatusLines status_;
  std::string drawn_;
  std::set<std::string> reasons_;  // of skipped cases
  std::size_t passed_ = 0, failed_ = 0, noted_ = 0, silent_ = 0, unseen_ = 0;
  std::int64_t skipped_ = 0;
};

}  // namespace attnlab::cli
