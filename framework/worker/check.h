/// check.h: the conformance suite on one plugin, in this process.
#pragma once

#include "framework/launch/check_protocol.h"

namespace attnlab::worker {

/// Loads the plugin and checks it; what comes of it goes to launch::kReportFd line by line. Returns
/// an exit code: 0 also where properties failed. Throws nothing.
[[nodiscard]] int check(const launch::CheckRequest& request);

}  // namespace attnlab::worker
