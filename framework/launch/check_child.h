/// check_child.h: runs the conformance suite in child processes.
#pragma once

#include <cstdint>

#include "framework/launch/worker_protocol.h"

namespace attnlab::launch {

struct CheckLimits {
  double seconds_per_case = 120;
  std::int64_t bytes = 0;  // resident, of the child; 0: none
};

/// Exit codes beyond core/error.h; of several ways to end, the largest.
enum CheckExit : int {
  kCheckFailed = 3,
  kCheckCrashed = 4,
  kCheckHung = 5,
  kCheckOutOfMemory = 6,
};

/// Stands for a property where a child died after all of them.
inline constexpr char kCheckEnd[] = "end";

/// What the children report, and "result" of a property that a child died at.
class CheckListener {
 public:
  virtual ~CheckListener() = default;
  virtual void report(const CheckReport& report) = 0;
};

/// Checks as `request` says. A child that dies costs the property that it was at; another one goes
/// on with the rest. Returns the largest CheckExit of those that died, or kExitOk. Throws Error
/// where no child can be started, nothing can be checked, or on SIGINT and SIGTERM. Main thread
/// only.
[[nodiscard]] int check_in_child(const CheckRequest& request, const CheckLimits& limits,
                                 CheckListener& listener);

}  // namespace attnlab::launch
