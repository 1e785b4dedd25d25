/// check_child.h: runs the conformance suite in child processes and prints what comes of it.
#pragma once

#include <cstdint>
#include <string>

#include "framework/launch/worker_protocol.h"

namespace attnlab::cli {

struct CheckLimits {
  double seconds_per_case = 60;
  std::int64_t bytes = 0;  // resident, of the child; 0: none
};

/// Exit codes beyond core/error.h; of several ways to end, the largest.
enum CheckExit : int {
  kCheckFailed = 3,
  kCheckCrashed = 4,
  kCheckHung = 5,
  kCheckOutOfMemory = 6,
};

/// Checks as `request` says. A child that dies costs the property that it was at; another one goes
/// on with the rest. `plugin` is how the user named it, for the commands that repeat a failure.
/// Returns an exit code. Throws Error where no child can be started.
[[nodiscard]] int check_in_child(const std::string& plugin, const launch::CheckRequest& request,
                                 const CheckLimits& limits);

}  // namespace attnlab::cli
